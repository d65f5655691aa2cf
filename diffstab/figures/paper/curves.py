"""Curves: G_f and D_f against the norm of changes (Fig. 11), R_f against delta (3), frequency and depth (14)."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...options import BOTH, DIFFEO, GIVEN, SHELL, WORST_DEFORMATION
from ...store import Row
from ..drawing.axes import HEIGHT, KEYS, MOST_COLUMNS, UNIT, draw_unit, figure_of, network_panels, set_log
from ..drawing.codes import AXES, Look, appearance, cutoff_look, cutoff_name, network_looks
from ..drawing.lines import Drawn, draw_legend, draw_points, fresh_keys, look_keys
from ..drawing.style import FAINT, INK, SMALL, WIDTH
from ..points.choice import Chosen, choose
from ..points.networks import QUANTITIES, Sweep, gather_series
from ..points.point import Gathered, Point, split, table_of
from ..points.spread import Spread, exactly

OVER_NOISE = Sweep("noise_radius", places=("noise_radius_rule", "noise_norm", "delta"), follows=("temperature",))
OVER_DELTA = Sweep("delta", places=("delta",), by=("transform", "cutoff", "interpolation"), follows=("temperature",))
OVER_WORST = Sweep("delta", places=("delta",), by=("worst",), follows=("temperature", "ascent_steps", "ascent_starts"))
OVER_SHELLS = Sweep("cutoff", places=("cutoff",), follows=("temperature",))
OVER_LAYERS = Sweep("depth", places=("layer", "depth"))
SEARCHES = {  # by the column `worst`
    None: "random deformation and noise",
    WORST_DEFORMATION: "worst deformation, random noise",
    BOTH: "worst deformation and noise",
}
PANELS = {
    "G": "norm of the noise $\\|\\eta\\|$",
    "D": "average norm of the deformation $\\|\\tau x - x\\|$",
}
SLOPE, REACH, BELOW = 2, 3.0, 4.0  # of the guide: exponent, length along x, how far below the lowest curve
MOST_NAMES, MOST_LETTERS = 18, 45  # of layers in a panel, and in one line below it


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
    found = _curves(rows, filters, OVER_DELTA, "delta: [0.3, 1, 3]")
    return _against_delta(found, _looks(found.points), _kind)


def worst_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f against delta for random and worst deformations, over random and worst noise; a panel for each network.

    Raises:
        ValueError: If no row is of a search for the worst, or all rows have one delta; otherwise as for `noise_figure`.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> drawn = worst_figure([{**head, **numbers, "worst": "both", "delta": delta} for delta in (1.0, 2.0)])
    >>> [(line["worst"], line["delta"], line["R"]) for line in drawn.table]
    [('both', 1.0, 0.5), ('both', 2.0, 0.5)]
    """
    found = _curves(rows, filters, OVER_WORST, "delta: [0.3, 1, 3]")
    if not any(point.at["worst"] for point in found.points):
        raise ValueError("no row is of a search for the worst case; measure some with worst: deformation, or both")
    kinds = [worst for worst in SEARCHES if any(point.at["worst"] == worst for point in found.points)]
    looks = {SEARCHES[worst]: appearance(place) for place, worst in enumerate(kinds)}
    return _against_delta(found, looks, lambda point: SEARCHES[point.at["worst"]])


def _against_delta(found: Gathered, looks: dict[str, Look], kind: Callable[[Point], str]) -> Drawn:
    """R_f against delta, a panel for each network and a look for each kind of point."""
    points, setting, notes = found
    with network_panels(points, "displacement $\\delta$ (pixels)", "R", x="delta") as (figure, panels):
        for panel, own in panels:
            for curve in split(own, "curve").values():
                draw_points(panel, curve, "delta", "R", looks[kind(curve[0])])
        draw_legend(figure, [*look_keys(looks), *fresh_keys(points)])
    return Drawn(figure, table_of(points, QUANTITIES), notes, setting)


def spectrum_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f and D_f under deformations of a single shell of modes, k <= sqrt(i^2 + j^2) < k + 1, against k.

    Rows of other cutoff rules than `shell` are left out.

    Raises:
        ValueError: If no row is of a shell, or all have one cutoff; otherwise as for `noise_figure`.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> head |= {**numbers, "cutoff_rule": "shell"}
    >>> drawn = spectrum_figure([{**head, "cutoff": cutoff} for cutoff in (1.0, 2.0)])
    >>> [(line["cutoff"], line["R"]) for line in drawn.table]
    [(1.0, 0.5), (2.0, 0.5)]
    """
    points, setting, notes = _curves(rows, [*filters, f"cutoff_rule={SHELL}"], OVER_SHELLS, "cutoff: [1, 2, 4, 8]")
    looks = network_looks(split(points, "label"))
    with figure_of(HEIGHT + 0.7 + KEYS, 1, 2, width=WIDTH) as (figure, panels):
        for panel, quantity in zip(panels, "RD", strict=True):
            for curve in split(points, "curve").values():
                draw_points(panel, curve, "cutoff", quantity, looks[curve[0].label])
            if quantity == "R":
                draw_unit(panel)
            set_log(panel, "x", points, "cutoff")
            set_log(panel, "y", points, quantity, more=[UNIT] if quantity == "R" else [])
            panel.set(xlabel="shell $k$ (half-waves per side)", ylabel=AXES[quantity])
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


def depth_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f of each layer's output, a panel for each network; layers in their order from the first one with weights on.

    A store's CSV export has no layers.

    Raises:
        ValueError: If no row has layers; if rows differ in a setting, or those of a network in how it was trained; if
            R_f of a layer has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> layers = [{"name": name, "depth": depth, **numbers} for name, depth in (("conv", 0.0), ("fc", 1.0))]
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> drawn = depth_figure([{**head, "layers": layers}])
    >>> [(line["layer"], line["depth"], line["R"]) for line in drawn.table]
    [('conv', 0.0, 0.5), ('fc', 1.0, 0.5)]
    """
    points, setting, notes = gather_series(with_layers(choose(rows, filters)), OVER_LAYERS, unfold=layer_rows)
    looks = network_looks(split(points, "label"))
    with layer_panels(points, "R") as (figure, curves):
        for panel, curve, x in curves:
            draw_points(panel, curve, x, "R", looks[curve[0].label])
        draw_legend(figure, fresh_keys(points))
    return Drawn(figure, table_of(points, QUANTITIES), notes, setting)


@contextmanager
def layer_panels(
    points: Sequence[Point], *quantities: str, ylabel: str = AXES["R"]
) -> Iterator[tuple[Figure, list[tuple[Axes, list[Point], list[int]]]]]:
    """A figure with a panel for each network, its layers named below; with the curves and their places along x."""
    what = "layer, from the first to the last"
    with network_panels(points, what, *quantities, shared_x=False, ylabel=ylabel) as (figure, panels):
        yield figure, [(panel, *one) for panel, own in panels for one in layer_curves(panel, own)]


def layer_curves(
    panel: Axes, points: Sequence[Point], columns: int = MOST_COLUMNS
) -> list[tuple[list[Point], list[int]]]:
    """The curves of a network with their places along x; names layers below its panel, one of so many side by side."""
    depths = {str(point.at["layer"]): float(point.at["depth"]) for point in points}
    names = sorted(depths, key=lambda name: depths[name])  # at equal depth in the order of the rows
    _name_layers(panel, names, MOST_COLUMNS / max(columns, MOST_COLUMNS))
    curves = split(points, "curve").values()
    return [(curve, [names.index(str(point.at["layer"])) for point in curve]) for curve in curves]


def _name_layers(panel: Axes, names: Sequence[str], width: float) -> None:
    """Writes the names below the axis, of many layers only some, the last one among them."""
    step = math.ceil(len(names) / (MOST_NAMES * width))
    shown = range((len(names) - 1) % step, len(names), step)
    upright = 0 if sum(len(names[k]) + 2 for k in shown) < MOST_LETTERS * width else 90
    panel.set_xticks(shown, labels=[names[k] for k in shown], rotation=upright, fontsize=SMALL)
    panel.set_xlim(-0.5, len(names) - 0.5)


def layer_rows(row: Row) -> Iterator[Row]:
    """A row for each layer of a row, with the layer's numbers in place of the network's.

    >>> [(one["layer"], one["R"]["value"]) for one in layer_rows({"layers": [{"name": "fc", "R": {"value": 0.5}}]})]
    [('fc', 0.5)]
    """
    for layer in row["layers"]:
        name = f"{layer['name']} {layer['part']}" if layer.get("part") else layer["name"]
        yield {**row, **layer, "layer": name}


def with_layers(chosen: Chosen) -> Chosen:
    """The measurements that have layers, with a note on the others."""
    trained, fresh = ([row for row in rows if row.get("layers")] for rows in (chosen.trained, chosen.fresh))
    if not trained and not fresh and (chosen.trained or chosen.fresh):
        raise ValueError(
            f"no row has layers among {chosen.told}; measure with layers: auto, and give the store's folder (a CSV "
            "export has no layers)"
        )
    without = len(chosen.trained) + len(chosen.fresh) - len(trained) - len(fresh)
    notes = [f"{without} rows without layers are left out"] if without else []
    return chosen._replace(trained=trained, fresh=fresh, notes=[*chosen.notes, *notes])
