"""R_f, D_f, G_f and errors against one number: alpha and the epoch, as in the authors' lectures, and the width."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...models import FC_WIDTH
from ...options import REGIME, base_and_width
from ...store import DONE, Row, select
from ..drawing.axes import UNIT, draw_unit, panels_of, set_log
from ..drawing.codes import AXES, FAMILIES, Look, network_looks
from ..drawing.lines import Drawn, draw_legend, draw_points, key, look_keys
from ..drawing.style import FAINT
from ..points.choice import choose, experiments
from ..points.networks import labels_of
from ..points.point import QUANTITIES, Point, points_of, split, table_of
from ..points.setting import TASK, grouped, refuse_mixed, setting_at, setting_of, shared_by
from ..points.spread import Spread, spread_of

PANELS = ("R", "D", "G", "error")
OF_REGIMES = ("dataset", "train_size", "width", "layers", "turn", "until_loss", "images", "cutoff", "delta")
FULLY_CONNECTED = FAMILIES["fc_"]
OF_WIDTHS = ("loss", "error", "R", "D")  # panels
WIDTH = "width"  # a column that points get here: neurons per hidden layer
EPOCH = "epoch"
BEFORE = 0.5  # where epoch 0 stands on the logarithmic axis
ERRORS = ("validation_error", "test_error")


def alpha_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Fully connected nets from the feature to the lazy regime; R_f at initialisation as a dashed line.

    Raises:
        ValueError: If there are no such rows, or they differ in another setting.
    """
    own, setting = experiments(rows, filters, REGIME, "{alpha: [...]}", OF_REGIMES)
    notes: list[str] = []
    points = points_of(own, ["alpha"], notes)
    once = [rows_[0] for rows_ in grouped(own, "seed").values()]  # initialisations don't depend on alpha
    start = spread_of([{**row, "R": row["R_init"]} for row in once], "R", notes)
    level: dict[str, Any] = {"color": FAINT, "linestyle": "--"}
    xlabel = "$\\alpha$ (features left, lazy right)"
    with _quantities({"fc": (points, FULLY_CONNECTED)}, PANELS, "alpha", xlabel, [start]) as (figure, panels):
        panels["R"].axhline(start.value, linewidth=0.8, gid="init", **level)
        ended = look_keys({"at the end of the flow": FULLY_CONNECTED})
        draw_legend(figure, [*ended, key("$R_f$ at initialisation", **level)])
    late = sum(not row["fitted"] for row in own)
    notes += [f"{late} of {len(own)} flows ran out of steps before every example had its margin"] if late else []
    moved = {alpha: [row["moved"] for row in rows_] for alpha, rows_ in grouped(own, "alpha").items()}
    points.sort(key=lambda point: float(point.at["alpha"]))
    table = [
        {**line, "R_init": start.value, "moved": sum(moved[line["alpha"]]) / line["seeds"]} for line in table_of(points)
    ]
    return Drawn(figure, table, list(dict.fromkeys(notes)), setting)


def width_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Fully connected nets through the interpolation threshold, a curve for each depth; their training loss too.

    Rows are of trainings of `fc_l2-w0.125` and other widths too.

    Raises:
        ValueError: If no row is of a fully connected net; if rows differ in a setting, or those of a network in how it
            was trained.
    """
    chosen = choose(rows, filters)
    own = [row for row in chosen.trained if base_and_width(row["model"])[0].startswith("fc_l")]
    if not own:
        raise ValueError(f"no fully connected net is among {chosen.told}; sweep model: [fc_l4-w0.125, fc_l4, ...]")
    refuse_mixed(own)
    notes = list(chosen.notes)
    own = _with_losses(own, rows)
    shown = OF_WIDTHS if "loss" in own[0] else OF_WIDTHS[1:]
    quantities = [*dict.fromkeys((*QUANTITIES, *shown))]
    points = [_with_width(point) for point in points_of(own, ["model"], notes, quantities)]
    bases = split(points, "base")
    looks = network_looks(bases)
    curves = {base: (bases[base], look) for base, look in looks.items()}
    with _quantities(curves, shown, WIDTH, "neurons per layer") as (figure, _):
        draw_legend(figure, look_keys(looks))
    points.sort(key=lambda point: (str(point.at["base"]), float(point.at[WIDTH])))
    return Drawn(figure, table_of(points, quantities), list(dict.fromkeys(notes)), setting_of(own[0]))


def learning_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Networks while they learn, against the epoch, a curve for each; the left end is before training.

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
    with _quantities(curves, PANELS, EPOCH, "epoch") as (figure, panels):
        panels["error"].set_xlim(panels["R"].get_xlim())
        for panel in panels.values():
            _tell_start(panel)
        draw_legend(figure, look_keys(looks))
    setting = {name: own[0].get(name) for name in ("dataset", "recipe", "stability_images")}
    return Drawn(figure, table_of(points), notes, setting)


@contextmanager
def _quantities(
    curves: Mapping[str, tuple[Sequence[Point], Look]],
    quantities: Sequence[str],
    x: str,
    xlabel: str,
    more: Sequence[Spread] = (),
) -> Iterator[tuple[Figure, dict[str, Axes]]]:
    """A figure with a panel for each quantity over a column, two in a row; a point may lack a quantity.

    Args:
        curves: Points and look of each, by its name in the picture.
        quantities: Quantities of the points.
        x: Column along the axes.
        xlabel: Below each panel.
        more: Further values that the axis of R holds.
    """
    with panels_of(len(quantities), 2, keys=0.4) as (figure, panels):
        for quantity, panel in zip(quantities, panels, strict=True):
            panel.set(xlabel=xlabel, ylabel=AXES[quantity])
            if quantity == "R":
                draw_unit(panel)
            shown = []
            for name, (points, look) in curves.items():
                own = sorted((one for one in points if quantity in one.spreads), key=lambda one: float(one.at[x]))
                draw_points(panel, own, x, quantity, look, name=f"{name} {quantity}", zorder=2)
                shown += own
            set_log(panel, "x", shown, x)
            set_log(panel, "y", shown, quantity, more=[*more, UNIT] if quantity == "R" else [])
        yield figure, dict(zip(quantities, panels, strict=True))


def _with_width(point: Point) -> Point:
    base, factor = base_and_width(point.model)
    return replace(point, at={**point.at, "base": base, WIDTH: max(1, round(FC_WIDTH * factor))})


def _with_losses(measured: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """Measurements, with the loss of the last epoch where the rows of all their trainings are there."""
    losses = {row["job"]: row["train_loss"] for row in rows if row.get("kind") == "train" and row.get("train_loss")}
    own = [losses.get(setting_at(row, "training.job")) for row in measured]
    if None in own:
        return list(measured)
    return [{**row, "loss": _exact(loss)} for row, loss in zip(measured, own, strict=True)]


def _probes(row: Row) -> Iterator[Row]:
    """A row for each epoch that was watched."""
    for line in row["probed"]:
        if any(line[name] is None for name in "DGR"):
            continue
        numbers = {name: _exact(line[name]) for name in "DGR"}
        found: Row = {"model": row["model"], "weights_sha256": row["job"], EPOCH: line[EPOCH] or BEFORE, **numbers}
        error = next((line[name] for name in ERRORS if line.get(name) is not None), None)
        if error is not None:
            found["test_error"] = {**_exact(error), "images": line["watched_images"]}
        yield found


def _exact(value: Any) -> dict[str, Any]:
    """A number of a row without an interval."""
    return dict.fromkeys(("value", "low", "high"), value)


def _tell_start(panel: Axes) -> None:
    """The left end of the axis is epoch 0."""
    low, high = panel.get_xlim()
    inside = [tick for tick in (BEFORE, 1, 2, 5, 10, 20, 50, 100, 200) if low <= tick <= high]
    panel.set_xticks(inside, labels=["0" if tick == BEFORE else f"{tick:g}" for tick in inside])
