"""Curves over a swept size: G_f and D_f against the norm of what changes images (Fig. 11), R_f against delta (Fig. 3).

Bars are the standard deviation of the logarithm over seeds, or with one seed its own 95 % interval.
"""

from collections.abc import Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...options import DIFFEO, GIVEN, INTERPOLATIONS
from ...store import Row
from ..drawing.codes import AXES, Look, appearance, cutoff_look, network_looks
from ..drawing.lines import (
    HEIGHT,
    KEYS,
    UNIT,
    Drawn,
    draw_line,
    draw_unit,
    line_keys,
    look_keys,
    models_of,
    panels_of,
    set_log_x,
    set_spans,
)
from ..drawing.parts import draw_legend
from ..drawing.style import FAINT, INK, WIDTH, house_style
from ..points.choice import choose
from ..points.series import ManySeries, Series, Sweep, gather_series, table_of
from ..points.spread import Spread

OVER_NOISE = Sweep("noise_radius", places=("noise_radius_rule", "noise_norm", "delta"), follows=("temperature",))
OVER_DELTA = Sweep("delta", places=("delta",), by=("transform", "cutoff", "interpolation"), follows=("temperature",))
PANELS = {
    "G": "norm of the noise $\\|\\eta\\|$",
    "D": "average norm of the deformation $\\|\\tau x - x\\|$",
}
SLOPE, REACH, BELOW = 2, 3.0, 4.0  # of the guide: exponent, length along x, how far below the lowest curve


def noise_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """G_f against ||eta||, and D_f against ||tau x - x||; both grow with the square where the network is linear.

    Every row gives a point of G_f at its `noise_radius`. Where that is the average of ||tau x - x||, with delta swept
    and `noise_norm` not given, it gives a point of D_f too.

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If all rows have one norm; if rows differ in another setting, or those of a network in how it was
            trained; if a number has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> head |= {**numbers, "noise_radius_rule": "given"}
    >>> drawn = noise_figure([{**head, "noise_norm": norm, "noise_radius": norm} for norm in (1.0, 10.0)])
    >>> [(line["noise_radius"], line["G"]) for line in drawn.table]
    [(1.0, 0.5), (10.0, 0.5)]
    """
    found = _curves(rows, filters, OVER_NOISE, "noise_norm: [1, 10, 100]")
    series = {"G": found.series, "D": _along_deformations(found)}
    drawn = [quantity for quantity in PANELS if series[quantity]]
    looks = network_looks(models_of(found))
    with house_style():
        figure = Figure(figsize=(WIDTH * (1 if len(drawn) > 1 else 0.6), HEIGHT + 0.7 + KEYS), layout="constrained")
        for panel, quantity in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn, strict=True):
            for one in series[quantity]:
                draw_line(panel, one, quantity, looks[one.label])
            guide = _draw_slope(panel, series[quantity], quantity)
            set_log_x(panel, [point for one in series[quantity] for point in one.points])
            set_spans(panel, series[quantity], quantity, *guide)
            panel.set(xlabel=PANELS[quantity], ylabel=AXES[quantity])
        draw_legend(figure, [*look_keys(looks), *line_keys(found.series)])
    return Drawn(figure, table_of(found), found.notes, found.setting)


def delta_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f against delta, a panel for each network and a colour for each cutoff (Fig. 3, left).

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If all rows have one delta; otherwise as for `noise_figure`.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> drawn = delta_figure([{**head, **numbers, "cutoff": 3.0, "delta": delta} for delta in (1.0, 2.0)])
    >>> [(line["cutoff"], line["delta"], line["R"]) for line in drawn.table]
    [(3.0, 1.0, 0.5), (3.0, 2.0, 0.5)]
    """
    found = _curves(rows, filters, OVER_DELTA, "delta: [0.3, 1, 3]")
    models = models_of(found)
    looks = _looks(found)
    with house_style():
        figure, panels = panels_of([*models], "displacement $\\delta$ (pixels)", AXES["R"])
        for panel, series in zip(panels, models.values(), strict=True):
            draw_unit(panel)
            for one in series:
                draw_line(panel, one, "R", looks[_kind(one)])
        set_log_x(panels[0], [point for one in found.series for point in one.points])
        set_spans(panels[0], found.series, "R", UNIT)
        draw_legend(figure, [*look_keys(looks), *line_keys(found.series)])
    return Drawn(figure, table_of(found), found.notes, found.setting)


def _curves(rows: Sequence[Row], filters: Sequence[str], sweep: Sweep, needed: str) -> ManySeries:
    """Series over at least two x."""
    found = gather_series(choose(rows, filters), sweep)
    values = {point.x for one in found.series for point in one.points}
    if len(values) == 1:
        raise ValueError(
            f"{sweep.x} is {values.pop():g} in all rows; a curve needs several, as of a sweep with {needed}"
        )
    return found


def _kind(one: Series) -> str:
    """The kind of deformation, as the key of a figure says it."""
    if one.by["transform"] != DIFFEO:
        return str(one.by["transform"])
    told = one.by["interpolation"] if one.by["interpolation"] not in (None, INTERPOLATIONS[0]) else ""
    return f"$c$ = {one.by['cutoff']:g}" + (f", {told}" if told else "")


def _looks(found: ManySeries) -> dict[str, Look]:
    """The look of each kind of deformation."""
    kinds = {_kind(one): one.by for one in found.series}
    return {
        kind: cutoff_look(by["cutoff"], by["interpolation"]) if by["transform"] == DIFFEO else appearance(place)
        for place, (kind, by) in enumerate(kinds.items())
    }


def _along_deformations(found: ManySeries) -> list[Series]:
    """The points whose noise is as large as the deformations are."""
    parts = [
        replace(one, points=[point for point in one.points if point.place["noise_radius_rule"] != GIVEN])
        for one in found.series
    ]
    return [one for one in parts if one.points]


def _draw_slope(panel: Axes, series: Sequence[Series], quantity: str) -> list[Spread]:
    """A triangle of slope 2 under the left end of the curves; returns its lower and upper end."""
    points = [(point.x, getattr(point, quantity).value) for one in series for point in one.points if point.x]
    start = min(x for x, _ in points)
    lowest = min(y / x**SLOPE for x, y in points if x <= REACH * start)
    bottom = lowest * start**SLOPE / BELOW
    end, top = start * REACH, bottom * REACH**SLOPE
    panel.plot([start, end, end, start], [bottom, bottom, top, bottom], color=FAINT, linewidth=0.7, gid="slope")
    panel.annotate(f"{SLOPE}", (end, (bottom * top) ** 0.5), (3, 0), textcoords="offset points", va="center", color=INK)
    return [Spread(value, None, value, value) for value in (bottom, top)]
