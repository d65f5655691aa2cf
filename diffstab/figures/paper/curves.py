"""Curves over a size: G_f and D_f against the norm of noise and deformations (Fig. 11), R_f against delta (Fig. 3)."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from ...options import DIFFEO, GIVEN
from ...store import Row
from ..drawing.axes import HEIGHT, KEYS, figure_of, network_panels, set_log
from ..drawing.codes import AXES, Look, appearance, cutoff_look, cutoff_name, network_looks
from ..drawing.lines import Drawn, draw_legend, draw_points, fresh_keys, look_keys
from ..drawing.style import FAINT, INK, WIDTH
from ..points.choice import choose
from ..points.point import Gathered, Point, split, table_of
from ..points.series import QUANTITIES, Sweep, gather_series
from ..points.spread import Spread, exactly

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
    points, setting, notes = _curves(rows, filters, OVER_NOISE, "noise_norm: [1, 10, 100]")
    along = [point for point in points if point.at["noise_radius_rule"] != GIVEN]  # noise as large as deformations
    drawn = {"G": points, **({"D": along} if along else {})}
    looks = network_looks(split(points, "label"))
    width = WIDTH * (1 if len(drawn) > 1 else 0.6)
    with figure_of(HEIGHT + 0.7 + KEYS, 1, len(drawn), width=width, squeeze=False) as (figure, panels):
        for panel, (quantity, own) in zip(panels[0], drawn.items(), strict=True):
            for curve in split(own, "curve").values():
                draw_points(panel, curve, "noise_radius", quantity, looks[curve[0].label])
            guide = _draw_slope(panel, own, quantity)
            set_log(panel, "x", own, "noise_radius")
            set_log(panel, "y", own, quantity, more=guide)
            panel.set(xlabel=PANELS[quantity], ylabel=AXES[quantity])
        draw_legend(figure, [*look_keys(looks), *fresh_keys(points)])
    return Drawn(figure, table_of(points, QUANTITIES), notes, setting)


def delta_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f against delta, a panel for each network and a colour for each cutoff (Fig. 3, left).

    Raises:
        ValueError: If all rows have one delta; otherwise as for `noise_figure`.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> drawn = delta_figure([{**head, **numbers, "cutoff": 3.0, "delta": delta} for delta in (1.0, 2.0)])
    >>> [(line["cutoff"], line["delta"], line["R"]) for line in drawn.table]
    [(3.0, 1.0, 0.5), (3.0, 2.0, 0.5)]
    """
    points, setting, notes = _curves(rows, filters, OVER_DELTA, "delta: [0.3, 1, 3]")
    looks = _looks(points)
    with network_panels(points, "displacement $\\delta$ (pixels)", "R", x="delta") as (figure, panels):
        for panel, own in panels:
            for curve in split(own, "curve").values():
                draw_points(panel, curve, "delta", "R", looks[_kind(curve[0])])
        draw_legend(figure, [*look_keys(looks), *fresh_keys(points)])
    return Drawn(figure, table_of(points, QUANTITIES), notes, setting)


def _curves(rows: Sequence[Row], filters: Sequence[str], sweep: Sweep, needed: str) -> Gathered:
    """Points over at least two x."""
    found = gather_series(choose(rows, filters), sweep)
    values = split(found.points, str(sweep.x))
    if len(values) == 1:
        raise ValueError(
            f"{sweep.x} is {next(iter(values)):g} in all rows; a curve needs several, as of a sweep with {needed}"
        )
    return found


def _kind(point: Point) -> str:
    """The kind of deformation, as the key of a figure says it."""
    if point.at["transform"] != DIFFEO:
        return str(point.at["transform"])
    return cutoff_name(point.at["cutoff"], point.at["interpolation"])


def _looks(points: Sequence[Point]) -> dict[str, Look]:
    """The look of each kind of deformation."""
    kinds = {_kind(point): point.at for point in points}
    return {
        kind: cutoff_look(at["cutoff"], at["interpolation"]) if at["transform"] == DIFFEO else appearance(place)
        for place, (kind, at) in enumerate(kinds.items())
    }


def _draw_slope(panel: Axes, points: Sequence[Point], quantity: str) -> list[Spread]:
    """A triangle of slope 2 under the left end of the curves; returns its lower and upper end."""
    at = [(point.at["noise_radius"], point[quantity].value) for point in points]
    start = min(x for x, _ in at)
    lowest = min(y / x**SLOPE for x, y in at if x <= REACH * start)
    bottom = lowest * start**SLOPE / BELOW
    end, top = start * REACH, bottom * REACH**SLOPE
    panel.plot([start, end, end, start], [bottom, bottom, top, bottom], color=FAINT, linewidth=0.7, gid="slope")
    panel.annotate(f"{SLOPE}", (end, (bottom * top) ** 0.5), (3, 0), textcoords="offset points", va="center", color=INK)
    return [exactly(bottom), exactly(top)]
