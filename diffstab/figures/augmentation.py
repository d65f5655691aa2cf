"""R_f of one network after training with several augmentations, for several cutoffs when probing (Fig. 12).

A group for each augmentation, a colour for each cutoff, test errors below. Error bars are the standard deviation of the
logarithm over trainings, or with one training its own 95 % interval.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..store import Row
from .axes import set_log_axis, span_of
from .choice import Chosen, choose
from .legend import draw_legend
from .lines import UNIT, Drawn, draw_unit, marks, name_of, network_keys
from .series import Series, Sweep, gather_series, table_of
from .setting import grouped
from .spread import Spread, columns_of, spread_of
from .style import SMALL, WIDTH, appearance, house_style

OVER_CUTOFFS = Sweep("cutoff", places=("cutoff",), follows=("temperature",))
NONE = "none"
HEIGHT = 2.6  # inches
APART = 0.6  # share of a group's width that its points take


def augmentation_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f after training with each augmentation.

    Args:
        rows: Of a store, or of its CSV export.
        filters: That every row has to pass, as in `store.table.select`.

    Raises:
        ValueError: If no row is of a network that a sweep trained, or rows are of several networks; if they differ in a
            setting but the cutoff, or those of an augmentation in how the network was trained; if a number has no
            logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> error = {"value": 0.02, "low": 0.01, "high": 0.04, "images": 500}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "train", "test_error": error}
    >>> head |= {**numbers, "cutoff": 3.0}
    >>> drawn = augmentation_figure([{**head, "training": {"translate": pixels}} for pixels in (0, 4)])
    >>> [(line["augmentation"], line["R"], line["error"]) for line in drawn.table]
    [('none', 0.5, 0.02), ('translation\\n4 px', 0.5, 0.02)]
    """
    chosen = choose(rows, filters)
    model, trained = _by_augmentation(chosen)
    found = gather_series(chosen._replace(trained=trained, fresh=[]), OVER_CUTOFFS)
    series = sorted(found.series, key=lambda one: (one.model != NONE, "diffeo" in one.model, one.model))
    errors = {name: spread_of(own, "error", found.notes) for name, own in grouped(trained, "model").items()}
    cutoffs = sorted({point.place["cutoff"] for one in series for point in one.points})
    with house_style():
        figure = Figure(figsize=(WIDTH * 0.75, HEIGHT), layout="constrained")
        panel = figure.subplots()
        draw_unit(panel)
        for place, one in enumerate(series):
            _draw_group(panel, one, place, cutoffs)
        told = [f"{one.model}\n$\\epsilon_t$ = {errors[one.model].value:.2%}" for one in series]
        panel.set_xticks(range(len(series)), labels=[text.replace("%", " %") for text in told])
        panel.set_xlim(-0.5, len(series) - 0.5)
        panel.tick_params(axis="x", length=0, labelsize=SMALL)
        set_log_axis(panel, "y", span_of([*(point.R for one in series for point in one.points), UNIT]))
        panel.set(ylabel="relative stability $R_f$", title=f"{model}, by augmentation")
        draw_legend(figure, network_keys([f"$c$ = {cutoff:g}" for cutoff in cutoffs], joined=False))
    return Drawn(figure, _table(table_of(found), model, errors), list(dict.fromkeys(found.notes)), found.setting)


def augmentation_of(training: dict[str, Any]) -> str:
    """What was done to the training images, as the picture says it.

    >>> augmentation_of({"translate": 0, "flip": False, "diffeo_temperature": 0.01, "diffeo_cutoff": 1.0})
    'diffeo\\nT = 0.01, c = 1'
    """
    parts = []
    if training.get("translate"):
        parts.append(f"translation\n{training['translate']:g} px")
    if training.get("flip"):
        parts.append("flip")
    if training.get("diffeo_temperature"):
        parts.append(f"diffeo\nT = {training['diffeo_temperature']:g}, c = {training['diffeo_cutoff']:g}")
    return " + ".join(parts) or NONE


def _by_augmentation(chosen: Chosen) -> tuple[str, list[Row]]:
    """The one network that there is, and its rows under the names of their augmentations."""
    taught = [row for row in chosen.trained if row.get("training")]
    if not taught:
        raise ValueError(f"no network that a sweep trained is among {chosen.told}; measure some with weights: train")
    models = list(dict.fromkeys(row["model"] for row in taught))
    if len(models) > 1:
        raise ValueError(
            f"the rows are of {len(models)} networks, {', '.join(models[:4])}; choose one with a filter such as "
            f"model={models[0]} (--where)"
        )
    return models[0], [{**row, "model": augmentation_of(row["training"])} for row in taught]


def _draw_group(panel: Axes, one: Series, place: int, cutoffs: Sequence[float]) -> None:
    step = APART / max(1, len(cutoffs) - 1)
    for point in one.points:
        which = cutoffs.index(point.place["cutoff"])
        colour, marker = appearance(which)
        x = place + (which - (len(cutoffs) - 1) / 2) * step
        panel.errorbar(x, point.R.value, yerr=point.R.arms(), fmt="none", ecolor=colour, elinewidth=0.6, zorder=2)
        name = f"{name_of(one)} {point.place['cutoff']:g}"
        panel.plot([x], [point.R.value], linestyle="none", gid=name, zorder=3, **marks(colour, marker, fresh=False))


def _table(lines: list[dict[str, Any]], model: str, errors: dict[str, Spread]) -> list[dict[str, Any]]:
    """With the network's name, and the test error of each augmentation."""
    return [
        {"model": model, "augmentation": line.pop("model"), **line, **columns_of("error", errors[augmentation])}
        for line in lines
        for augmentation in [line["model"]]
    ]
