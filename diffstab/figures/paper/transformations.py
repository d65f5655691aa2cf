"""R_f of networks under each transformation at one delta: a line for each, a colour and a marker for each network.

Bars are the standard deviation of the logarithm over seeds, or with one seed its own 95 % interval. The paper has no
such figure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...options import DIFFEO, TRANSFORMS
from ...results import set_log_axis
from ...store import Row
from ..drawing.axes import span_of
from ..drawing.codes import AXES, Look, network_looks
from ..drawing.lines import KEYS, UNIT, Drawn, look_keys, marks, models_of, name_of
from ..drawing.parts import draw_legend
from ..drawing.style import FAINT, INK, WIDTH, house_style
from ..points.choice import choose
from ..points.series import Point, Series, Sweep, gather_series, table_of

OVER_TRANSFORMATIONS = Sweep(None, places=("transform", "cutoff"), follows=("temperature",))
NAMES = {
    DIFFEO: "diffeomorphism",
    "translation": "translation",
    "whole-translation": "translation by\nwhole pixels",
    "rotation": "rotation",
    "scale": "change of scale",
}
HEIGHT, PER_LINE, PER_NETWORK = 0.45, 0.16, 0.13  # inches
APART = 0.75  # share of a line's height that its networks take
Kind = tuple[str, float | None]  # transformation and cutoff


def transformations_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f under each transformation, values at initialisation as open markers.

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If no measurement is left; if rows differ in another setting, such as delta, or those of a network
            in how it was trained; if R_f has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> drawn = transformations_figure([{**head, **numbers, "transform": name} for name in ("scale", "rotation")])
    >>> [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()]
    ['rotation', 'change of scale']
    """
    found = gather_series(choose(rows, filters), OVER_TRANSFORMATIONS)
    kinds = sorted({_kind(point) for one in found.series for point in one.points}, key=_order)
    looks = network_looks(models_of(found))
    with house_style():
        height = HEIGHT + KEYS + len(kinds) * (PER_LINE + PER_NETWORK * len(looks))
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        panel = figure.subplots()
        for one in found.series:
            _draw_points(panel, one, kinds, looks)
        _draw_frame(panel, kinds)
        spreads = [point.R for one in found.series for point in one.points]
        set_log_axis(panel, "x", span_of([*spreads, UNIT]))
        delta = found.setting.get("delta")
        panel.set_xlabel(AXES["R"] + (f" at $\\delta$ = {delta:g} px" if delta else ""))
        keys = look_keys(looks, joined=False)
        if any(one.fresh for one in found.series):
            look = marks(Look(INK, "o"), fresh=True)
            keys.append(Line2D([], [], linestyle="none", label="at initialisation", **look))
        draw_legend(figure, keys)
    return Drawn(figure, table_of(found), found.notes, found.setting)


def _kind(point: Point) -> Kind:
    return point.place["transform"], point.place["cutoff"]


def _order(kind: Kind) -> tuple[int, str, float]:
    """Sorts the package's transformations in their order, then others by name, cutoffs rising."""
    name, cutoff = kind
    return TRANSFORMS.index(name) if name in TRANSFORMS else len(TRANSFORMS), name, cutoff or 0.0


def _draw_points(panel: Axes, one: Series, kinds: Sequence[Kind], looks: Mapping[str, Look]) -> None:
    """One under the other: networks in each line, and there the one at initialisation with the trained one."""
    place, look = list(looks).index(one.label), looks[one.label]
    step = APART / len(looks)
    offset = (place - (len(looks) - 1) / 2) * step + (step / 4 if one.fresh else -step / 4)
    heights = [kinds.index(_kind(point)) + offset for point in one.points]
    for y, point in zip(heights, one.points, strict=True):
        panel.errorbar(point.R.value, y, xerr=point.R.arms(), fmt="none", ecolor=look.colour, elinewidth=0.8, zorder=2)
    style: dict[str, Any] = {"linestyle": "none", "zorder": 3, **marks(look, one.fresh)}
    panel.plot([point.R.value for point in one.points], heights, gid=name_of(one), **style)


def _draw_frame(panel: Axes, kinds: Sequence[Kind]) -> None:
    """The first line above, named at the left, a thin rule between two, and the line at R = 1."""
    cutoffs = {cutoff for name, cutoff in kinds if name == DIFFEO}
    told = {kind: f", $c$ = {kind[1]:g}" if len(cutoffs) > 1 and kind[1] is not None else "" for kind in kinds}
    panel.set_yticks(range(len(kinds)), labels=[NAMES.get(kind[0], kind[0]) + told[kind] for kind in kinds])
    panel.set_ylim(len(kinds) - 0.5, -0.5)
    panel.tick_params(axis="y", length=0)
    for place in range(1, len(kinds)):
        panel.axhline(place - 0.5, color=FAINT, linewidth=0.3)
    panel.axvline(1, color=FAINT, linewidth=0.6, zorder=1, gid="unit")
