"""R_f of every layer, before and after training (Fig. 14).

A panel for each network. Bars are the standard deviation of the logarithm over seeds, or with one seed its own 95 %
interval.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from matplotlib.axes import Axes

from ...store import Row
from ..drawing.codes import AXES, network_looks
from ..drawing.lines import UNIT, Drawn, draw_line, draw_unit, line_keys, models_of, panels_of, set_spans
from ..drawing.parts import draw_legend
from ..drawing.style import SMALL, house_style
from ..points.choice import Chosen, choose
from ..points.series import Series, Sweep, gather_series, table_of

MOST_NAMES, MOST_LETTERS = 18, 45  # of layers in a panel, and in one line below it
OVER_LAYERS = Sweep("depth", places=("layer", "depth"))


def depth_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f of each layer's output, layers in their order from the first one with weights to the last.

    Args:
        rows: Rows of a store's folder; its CSV export has no layers.
        filters: Conditions that every row must pass, as in `store.select`.

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
    found = gather_series(_with_layers(choose(rows, filters)), OVER_LAYERS, unfold=layer_rows)
    models = models_of(found)
    looks = network_looks(models)
    with house_style():
        figure, panels = panels_of([*models], "layer, from the first to the last", AXES["R"], shared_x=False)
        for panel, (label, series) in zip(panels, models.items(), strict=True):
            draw_unit(panel)
            names = _layers(series)
            for one in series:
                draw_line(panel, _in_order(one, names), "R", looks[label])
            _name_layers(panel, names)
        set_spans(panels[0], found.series, "R", UNIT)
        draw_legend(figure, line_keys(found.series))
    return Drawn(figure, table_of(found), found.notes, found.setting)


def _layers(series: Sequence[Series]) -> list[str]:
    """The layers of a network's series, by rising depth and else in the order of the rows."""
    depths = {str(point.place["layer"]): float(point.x or 0.0) for one in series for point in one.points}
    return sorted(depths, key=lambda name: depths[name])


def _in_order(one: Series, names: Sequence[str]) -> Series:
    """A series over the places of its layers: two layers of one depth stand beside each other."""
    points = [replace(point, x=float(names.index(str(point.place["layer"])))) for point in one.points]
    return replace(one, points=points)


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
