"""R_f, D_f, G_f and the error while networks learn, against the epoch (the lectures)."""

from collections.abc import Iterator, Sequence
from typing import Any

from ...store import DONE, Row, select
from ..drawing.codes import network_looks
from ..drawing.lines import Drawn, look_keys
from ..drawing.panels import draw_groups, quantity_panels, set_axes
from ..drawing.parts import draw_legend
from ..drawing.style import house_style
from ..points.groups import groups_of
from ..points.networks import labels_of
from ..points.setting import TASK, grouped

QUANTITIES = ("R", "D", "G", "error")
EPOCH = "epoch"
BEFORE = 0.5  # where epoch 0 stands on the logarithmic axis
ERRORS = ("validation_error", "test_error")


def learning_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Each quantity against the epoch, a curve for each network; the left end is before training.

    Args:
        rows: Rows of a store with trainings that had `stability_images`.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If no training was watched; if they differ in their task.
    """
    own = [row for row in select(rows, filters) if row.get("kind") == "train" and row.get("status") == DONE]
    own = [row for row in own if row.get("probed")]
    if not own:
        raise ValueError("no training that was watched is among the rows; sweep train: {stability_images: 500, ...}")
    for column in (name.partition(".")[2] for name in TASK):
        if len(grouped(own, column)) > 1:
            raise ValueError(f"the trainings differ in {column}; choose one, as with --where {column}=...")
    notes: list[str] = []
    lines = [line for row in own for line in _probes(row)]
    groups = groups_of([line for line in lines if "test_error" in line], ["model", EPOCH], notes)
    start = groups_of([line for line in lines if line[EPOCH] == BEFORE], ["model", EPOCH], notes, ("R", "D", "G"))
    labels = labels_of(grouped(own, "model"))
    looks = network_looks(labels.values())
    with house_style():
        figure, panels = quantity_panels(QUANTITIES, "epoch")
        for model, label in labels.items():
            curve = [group for group in groups if group.at["model"] == model]
            first = [group for group in start if group.at["model"] == model]
            stability = {name: panels[name] for name in QUANTITIES[:3]}
            draw_groups(stability, [*first, *curve], EPOCH, looks[label], model)
            draw_groups({"error": panels["error"]}, curve, EPOCH, looks[label], model)
        set_axes({name: panels[name] for name in QUANTITIES[:3]}, [*start, *groups], EPOCH)
        set_axes({"error": panels["error"]}, groups, EPOCH)
        panels["error"].set_xlim(panels["R"].get_xlim())
        for panel in panels.values():
            _tell_start(panel)
        draw_legend(figure, look_keys(looks))
    table = [{**_empty(), **group.line()} for group in [*start, *groups]]
    setting = {name: own[0].get(name) for name in ("dataset", "recipe", "stability_images")}
    return Drawn(figure, table, notes, setting)


def _probes(row: Row) -> Iterator[Row]:
    """A row for each epoch that was watched."""
    for line in row["probed"]:
        if any(line[name] is None for name in "DGR"):
            continue
        numbers = {name: {"value": line[name], "low": line[name], "high": line[name]} for name in "DGR"}
        found: Row = {"model": row["model"], "weights_sha256": row["job"], EPOCH: line[EPOCH] or BEFORE, **numbers}
        error = next((line[name] for name in ERRORS if line.get(name) is not None), None)
        if error is not None:
            found["test_error"] = {"value": error, "low": error, "high": error, "images": line["watched_images"]}
        yield found


def _empty() -> dict[str, Any]:
    """All columns of the table: before training there is no error."""
    names = [name if end == "value" else f"{name}_{end}" for name in ("error", "R", "D", "G")
             for end in ("value", "log_sd", "low", "high")]  # fmt: skip
    return dict.fromkeys(["model", EPOCH, "seeds", *names])


def _tell_start(panel: Any) -> None:
    """The left end of the axis is epoch 0."""
    ticks = [BEFORE, 1, 2, 5, 10, 20, 50, 100, 200]
    low, high = panel.get_xlim()
    from matplotlib.ticker import FixedFormatter, FixedLocator

    inside = [tick for tick in ticks if low <= tick <= high]
    panel.xaxis.set_major_locator(FixedLocator(inside))
    panel.xaxis.set_major_formatter(FixedFormatter(["0" if tick == BEFORE else f"{tick:g}" for tick in inside]))
