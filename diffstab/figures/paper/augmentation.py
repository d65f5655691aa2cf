"""R_f of one network after training with several augmentations, for several cutoffs when probing (Fig. 12).

A group for each augmentation, a colour for each cutoff, test errors below. Error bars are the standard deviation of the
logarithm over trainings, or with one training its own 95 % interval.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...results import set_log_axis
from ...store import Row
from ..drawing.axes import span_of
from ..drawing.codes import AXES, cutoff_look
from ..drawing.lines import UNIT, Drawn, draw_unit, look_keys, marks, name_of
from ..drawing.parts import draw_legend
from ..drawing.style import FAINT, WIDTH, house_style
from ..points.choice import Chosen, choose
from ..points.series import Series, Sweep, gather_series, table_of
from ..points.setting import grouped
from ..points.spread import Spread, columns_of, spread_of

AUGMENTATION = "augmentation"  # a column that rows get here
OVER_CUTOFFS = Sweep(
    "cutoff", places=("cutoff",), by=(AUGMENTATION,), follows=("temperature",), trainings=(AUGMENTATION,)
)
NONE = "none"
HEIGHT = 3.4  # inches
APART = 0.5  # share of a group's width that its points take


def augmentation_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f after training with each augmentation.

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If no row is of a network that a sweep trained, or rows are of several networks; if they differ in a
            setting but the cutoff, or those of an augmentation in how the network was trained; if a number is missing
            or has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> error = {"value": 0.02, "low": 0.01, "high": 0.04, "images": 500}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "train", "test_error": error}
    >>> head |= {**numbers, "cutoff": 3.0}
    >>> drawn = augmentation_figure([{**head, "training": {"translate": pixels}} for pixels in (0, 4)])
    >>> [(line["augmentation"], line["R"], line["error"]) for line in drawn.table]
    [('none', 0.5, 0.02), ('translation (4 px)', 0.5, 0.02)]
    """
    chosen = _by_augmentation(choose(rows, filters))
    found = gather_series(chosen, OVER_CUTOFFS)
    groups = grouped(chosen.trained, AUGMENTATION)
    errors = {name: spread_of(own, "error", found.notes) for name, own in groups.items()}
    found.series.sort(key=_order)
    delta = found.setting.get("delta")
    with house_style():
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        panel = figure.subplots()
        cutoffs = _draw_groups(panel, found.series)
        _draw_frame(panel, [(name, errors[name]) for name in map(_name, found.series)])
        set_log_axis(panel, "y", span_of([*(point.R for one in found.series for point in one.points), UNIT]))
        panel.set(ylabel=AXES["R"] + (f" at $\\delta$ = {delta:g} px" if delta else ""))
        panel.set(xlabel="augmentation in training", title=found.series[0].label)
        draw_legend(figure, look_keys({f"$c$ = {cutoff:g}": cutoff_look(cutoff) for cutoff in cutoffs}, joined=False))
    table = [{**line, **columns_of("error", errors[line[AUGMENTATION]])} for line in table_of(found)]
    return Drawn(figure, table, list(dict.fromkeys(found.notes)), found.setting)


def augmentation_of(training: Mapping[str, Any]) -> str:
    """Names the augmentation of a training from its options.

    >>> augmentation_of({"translate": 0, "flip": False, "diffeo_temperature": 0.01, "diffeo_cutoff": 1.0})
    'diffeo (T = 0.01, c = 1)'
    """
    parts = []
    if training.get("translate"):
        parts.append(f"translation ({training['translate']:g} px)")
    if training.get("flip"):
        parts.append("flip")
    if training.get("diffeo_temperature"):
        parts.append(f"diffeo (T = {training['diffeo_temperature']:g}, c = {training['diffeo_cutoff']:g})")
    return " + ".join(parts) or NONE


def _by_augmentation(chosen: Chosen) -> Chosen:
    """The rows of the one network that a sweep trained, with the names of their augmentations."""
    taught = [{**row, AUGMENTATION: augmentation_of(row["training"])} for row in chosen.trained if row.get("training")]
    if not taught:
        raise ValueError(f"no network that a sweep trained is among {chosen.told}; measure some with weights: train")
    models = list(grouped(taught, "model"))
    if len(models) > 1:
        raise ValueError(
            f"the rows are of {len(models)} networks, {', '.join(models[:4])}; choose one with a filter such as "
            f"model={models[0]} (--where)"
        )
    left = len(chosen.trained) + len(chosen.fresh) - len(taught)
    notes = [*chosen.notes, *([f"{left} rows of networks that no sweep trained are left out"] if left else [])]
    return chosen._replace(trained=taught, fresh=[], notes=notes)


def _name(one: Series) -> str:
    return str(one.by[AUGMENTATION])


def _order(one: Series) -> tuple[bool, bool, str]:
    """Sorts augmentations as the paper does: none, translations, diffeomorphisms."""
    return _name(one) != NONE, "diffeo" in _name(one), _name(one)


def _draw_groups(panel: Axes, series: Sequence[Series]) -> list[float]:
    """The points of each, side by side by rising cutoff; returns the cutoffs."""
    cutoffs = sorted({point.place["cutoff"] for one in series for point in one.points})
    step = APART / len(cutoffs)
    for place, one in enumerate(series):
        for point in one.points:
            cutoff = point.place["cutoff"]
            which = cutoffs.index(cutoff)
            look = cutoff_look(cutoff)
            x = place + (which - (len(cutoffs) - 1) / 2) * step
            bar: dict[str, Any] = {"ecolor": look.colour, "elinewidth": 0.8, "zorder": 2}
            panel.errorbar(x, point.R.value, yerr=point.R.arms(), fmt="none", **bar)
            name = f"{name_of(one)} {cutoff:g}"
            panel.plot([x], [point.R.value], linestyle="none", gid=name, zorder=3, **marks(look, fresh=False))
    return cutoffs


def _draw_frame(panel: Axes, groups: Sequence[tuple[str, Spread]]) -> None:
    """Names and test errors below, a thin rule between two groups, and the line at R = 1."""
    told = [f"{name}\ntest error {100 * error.value:.1f} %" for name, error in groups]
    panel.set_xticks(range(len(groups)), labels=told)
    panel.set_xlim(-0.5, len(groups) - 0.5)
    panel.tick_params(axis="x", length=0)
    for place in range(1, len(groups)):
        panel.axvline(place - 0.5, color=FAINT, linewidth=0.3)
    draw_unit(panel)
