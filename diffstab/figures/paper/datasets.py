"""R_f by data set, network and cutoff, before and after training (Figs. 3 centre, 4 top).

Bars are the standard deviation of the logarithm over seeds, or with one seed its own 95 % interval.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from ...results import set_log_axis
from ...store import Row
from ..drawing.axes import span_of
from ..drawing.codes import AXES, cutoff_look
from ..drawing.lines import UNIT, Drawn, draw_unit, line_keys, look_keys, marks, models_of, name_of, panels_of
from ..drawing.parts import draw_legend
from ..drawing.style import house_style
from ..points.choice import choose
from ..points.series import Series, Sweep, gather_series, table_of

BY_DATASET = Sweep(
    None,
    places=("dataset", "cutoff"),
    follows=("temperature", "training.dataset"),
    trainings=("dataset",),
)
APART = 0.7  # share of a data set's width that its points take


def datasets_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f of each network, a group for each data set, a colour for each cutoff, open at initialisation.

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If no measurement is left; if rows differ in another setting, such as delta, or those of a network
            on a data set in how it was trained; if R_f has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "cutoff": 3.0}
    >>> drawn = datasets_figure([{**head, **numbers, "dataset": name} for name in ("mnist", "svhn")])
    >>> [(line["dataset"], line["R"]) for line in drawn.table]
    [('mnist', 0.5), ('svhn', 0.5)]
    """
    found = gather_series(choose(rows, filters), BY_DATASET)
    models = models_of(found)
    places = [point.place for one in found.series for point in one.points]
    names = list(dict.fromkeys(str(place["dataset"]) for place in places))
    cutoffs = sorted({place["cutoff"] for place in places})
    with house_style():
        figure, panels = panels_of([*models], "data set", AXES["R"])
        for panel, series in zip(panels, models.values(), strict=True):
            draw_unit(panel)
            for one in series:
                _draw_points(panel, one, names, cutoffs)
            panel.set_xticks(range(len(names)), labels=names)
            panel.set_xlim(-0.5, len(names) - 0.5)
            panel.tick_params(axis="x", length=0)
        set_log_axis(panels[0], "y", span_of([*(point.R for one in found.series for point in one.points), UNIT]))
        keys = look_keys({f"$c$ = {cutoff:g}": cutoff_look(cutoff) for cutoff in cutoffs}, joined=False)
        draw_legend(figure, [*keys, *line_keys(found.series, joined=False)])
    return Drawn(figure, table_of(found), found.notes, found.setting)


def _draw_points(panel: Axes, one: Series, names: Sequence[str], cutoffs: Sequence[float]) -> None:
    step = APART / len(cutoffs)
    for point in one.points:
        which = cutoffs.index(point.place["cutoff"])
        look = cutoff_look(cutoffs[which])
        x = names.index(str(point.place["dataset"])) + (which - (len(cutoffs) - 1) / 2) * step
        panel.errorbar(x, point.R.value, yerr=point.R.arms(), fmt="none", ecolor=look.colour, elinewidth=0.8, zorder=2)
        style: dict[str, Any] = {"linestyle": "none", "zorder": 3, **marks(look, one.fresh)}
        panel.plot([x], [point.R.value], gid=f"{name_of(one)} {cutoffs[which]:g}", **style)
