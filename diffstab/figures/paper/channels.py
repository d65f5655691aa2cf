"""D and G of every layer with its channels as they are and shuffled, and the smoothness of its filters."""

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes

from ...store import Row
from ..drawing.axes import figure_of, set_log
from ..drawing.codes import Look, appearance
from ..drawing.lines import Drawn, draw_legend, draw_points, fresh_keys, look_keys
from ..drawing.style import FAINT
from ..points.choice import choose
from ..points.networks import Sweep, gather_series
from ..points.point import Point, split, table_of
from .curves import layer_curves, layer_rows, with_layers

SHUFFLED, SHARE = "shuffle_channels", "low_frequency"
ROW, BELOW = 2.0, 0.9  # inches, of a row of panels and of the names and keys below
GRID: Any = {"squeeze": False, "sharex": "col", "sharey": "row"}
QUANTITIES = {"D": "$D_f$", "G": "$G_f$", SHARE: "low-frequency share"}
OVER_SHUFFLES = Sweep("depth", places=("layer", "depth"), by=(SHUFFLED,))
TOLD = {False: "channels as they are", True: "channels shuffled"}
RANDOM = 1 / 9  # share of random 3x3 filters


def channels_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """D_f and G_f of each layer with and without its channels shuffled, and the share of homogeneous filters in it.

    A column for each network, as in Figs. 3 and 4 of Tomasini et al. (arXiv 2210.01506). A grey line marks the share
    of random filters, 1/9.

    Raises:
        ValueError: If no row has shuffled channels; otherwise as for `depth_figure`.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> layers = [{"name": name, "depth": depth, **numbers} for name, depth in (("conv", 0.0), ("fc", 1.0))]
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> drawn = channels_figure([{**head, "layers": layers, "shuffle_channels": one} for one in (False, True)])
    >>> [(line["shuffle_channels"], line["layer"], line["D"]) for line in drawn.table][::3]
    [(False, 'conv', 0.5), (True, 'fc', 0.5)]
    """
    chosen = with_layers(choose(rows, filters))
    measured = [*chosen.trained, *chosen.fresh]
    if measured and not any(row.get(SHUFFLED) for row in measured):
        raise ValueError(f"no row has shuffled channels among {chosen.told}; measure with shuffle_channels: true")
    points, setting, notes = gather_series(chosen, OVER_SHUFFLES, unfold=_layer_rows, optional=[SHARE])
    networks = split(points, "label")
    shown = [quantity for quantity in QUANTITIES if any(quantity in point.spreads for point in points)]
    looks = {shuffled: appearance(place) for place, shuffled in enumerate(TOLD)}
    with figure_of(ROW * len(shown) + BELOW, len(shown), len(networks), **GRID) as (figure, grid):
        for quantity, panels in zip(shown, grid, strict=True):
            for panel, (label, own) in zip(panels, networks.items(), strict=True):
                panel.set_title(label if quantity == shown[0] else "")
                if quantity == SHARE:
                    panel.axhline(RANDOM, color=FAINT, linewidth=0.6, zorder=1, gid="random")
                for curve, places in layer_curves(panel, own, columns=len(networks)):
                    _draw(panel, curve, places, quantity, looks[bool(curve[0].at[SHUFFLED])])
            panels[0].set_ylabel(QUANTITIES[quantity])
            set_log(panels[0], "y", [point for point in points if quantity in point.spreads], quantity)
        keys = look_keys({TOLD[shuffled]: look for shuffled, look in looks.items()})
        draw_legend(figure, [*keys, *fresh_keys(points)])
    return Drawn(figure, table_of(points, ("D", "G", "R", SHARE)), notes, setting)


def _draw(panel: Axes, curve: Sequence[Point], places: Sequence[int], quantity: str, look: Look) -> None:
    """One curve, of the layers that have the quantity."""
    told = [(point, place) for point, place in zip(curve, places, strict=True) if quantity in point.spreads]
    if told:
        points, along = zip(*told, strict=True)
        draw_points(panel, points, along, quantity, look)


def _layer_rows(row: Row) -> Iterator[Row]:
    """A row for each layer; the share of its filters becomes a quantity without an interval, unless shuffled."""
    for one in layer_rows(row):
        share = one.pop(SHARE, None)
        if share is not None and not row.get(SHUFFLED):
            one[SHARE] = dict.fromkeys(("value", "low", "high"), share)
        yield one
