"""R_f of every layer, before and after training, a panel for each network (Fig. 14)."""

import math
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes

from ...store import Row
from ..drawing.axes import network_panels
from ..drawing.codes import network_looks
from ..drawing.lines import Drawn, draw_legend, draw_points, fresh_keys
from ..drawing.style import SMALL
from ..points.choice import Chosen, choose
from ..points.point import split, table_of
from ..points.series import QUANTITIES, Sweep, gather_series

MOST_NAMES, MOST_LETTERS = 18, 45  # of layers in a panel, and in one line below it
OVER_LAYERS = Sweep("depth", places=("layer", "depth"))


def depth_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f of each layer's output, layers in their order from the first one with weights to the last.

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
    points, setting, notes = gather_series(_with_layers(choose(rows, filters)), OVER_LAYERS, unfold=layer_rows)
    looks = network_looks(split(points, "label"))
    with network_panels(points, "layer, from the first to the last", "R", shared_x=False) as (figure, panels):
        for panel, own in panels:
            depths = {str(point.at["layer"]): float(point.at["depth"]) for point in own}
            names = sorted(depths, key=lambda name: depths[name])  # at equal depth in the order of the rows
            for curve in split(own, "curve").values():
                x = [names.index(str(point.at["layer"])) for point in curve]
                draw_points(panel, curve, x, "R", looks[own[0].label])
            _name_layers(panel, names)
        draw_legend(figure, fresh_keys(points))
    return Drawn(figure, table_of(points, QUANTITIES), notes, setting)


def _name_layers(panel: Axes, names: Sequence[str]) -> None:
    """Writes the names below the axis, of many layers only some, the last one among them."""
    step = math.ceil(len(names) / MOST_NAMES)
    shown = range((len(names) - 1) % step, len(names), step)
    upright = 0 if sum(len(names[k]) + 2 for k in shown) < MOST_LETTERS else 90
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


def _with_layers(chosen: Chosen) -> Chosen:
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
