"""R_f, D_f, G_f and the error while networks learn, against the epoch (the lectures)."""

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes

from ...store import DONE, Row, select
from ..drawing.codes import network_looks
from ..drawing.lines import Drawn, draw_legend, draw_quantities, look_keys
from ..points.networks import labels_of
from ..points.point import points_of, split, table_of
from ..points.setting import TASK, grouped, shared_by

QUANTITIES = ("R", "D", "G", "error")
EPOCH = "epoch"
BEFORE = 0.5  # where epoch 0 stands on the logarithmic axis
ERRORS = ("validation_error", "test_error")


def learning_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Each quantity against the epoch, a curve for each network; the left end is before training.

    Rows are of trainings that had `stability_images`.

    Raises:
        ValueError: If no training was watched; if they differ in their task.
    """
    own = [row for row in select(rows, filters) if row.get("kind") == "train" and row.get("status") == DONE]
    own = [row for row in own if row.get("probed")]
    if not own:
        raise ValueError("no training that was watched is among the rows; sweep train: {stability_images: 500, ...}")
    shared_by(own, [name.partition(".")[2] for name in TASK], "trainings")
    notes: list[str] = []
    lines = [line for row in own for line in _probes(row)]
    points = points_of([line for line in lines if line[EPOCH] == BEFORE], ["model", EPOCH], notes, ("R", "D", "G"))
    points += points_of([line for line in lines if "test_error" in line], ["model", EPOCH], notes)
    labels = labels_of(grouped(own, "model"))
    looks = network_looks(labels.values())
    curves = {model: (curve, looks[labels[model]]) for model, curve in split(points, "model").items()}
    with draw_quantities(curves, QUANTITIES, EPOCH, "epoch") as (figure, panels):
        panels["error"].set_xlim(panels["R"].get_xlim())
        for panel in panels.values():
            _tell_start(panel)
        draw_legend(figure, look_keys(looks))
    setting = {name: own[0].get(name) for name in ("dataset", "recipe", "stability_images")}
    return Drawn(figure, table_of(points), notes, setting)


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


def _tell_start(panel: Axes) -> None:
    """The left end of the axis is epoch 0."""
    low, high = panel.get_xlim()
    inside = [tick for tick in (BEFORE, 1, 2, 5, 10, 20, 50, 100, 200) if low <= tick <= high]
    panel.set_xticks(inside, labels=["0" if tick == BEFORE else f"{tick:g}" for tick in inside])
