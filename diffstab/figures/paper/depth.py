"""R_f of every layer against its relative depth, before and after training (Fig. 14).

A panel for each network. Bars are the standard deviation of the logarithm over seeds, or with one seed its own 95 %
interval.
"""

from collections.abc import Iterator, Sequence

from ...store import Row
from ..drawing.lines import UNIT, Drawn, draw_line, draw_unit, line_keys, models_of, panels_of, set_spans
from ..drawing.parts import draw_legend
from ..drawing.style import COLOURS, STABILITY, house_style
from ..points.choice import Chosen, choose
from ..points.series import Sweep, gather_series, table_of

OVER_LAYERS = Sweep("depth", places=("layer", "depth"))


def depth_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f against relative depth: 0 is the output of the first layer with weights, 1 that of the last.

    Args:
        rows: Of a store's folder; its CSV export has no layers.
        filters: That every row has to pass, as in `store.select`.

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
    with house_style():
        figure, panels = panels_of([*models], "relative depth of the layer", STABILITY)
        for panel, series in zip(panels, models.values(), strict=True):
            draw_unit(panel)
            for one in series:
                draw_line(panel, one, "R", colour=COLOURS[int(one.fresh)])
            panel.set_xlim(-0.05, 1.05)
            panel.set_xticks([0, 0.5, 1], labels=["0", "0.5", "1"])
        set_spans(panels[0], found.series, "R", UNIT)
        draw_legend(figure, line_keys(found.series, COLOURS[:2]))
    return Drawn(figure, table_of(found), found.notes, found.setting)


def layer_rows(row: Row) -> Iterator[Row]:
    """A row for each layer of a row, with the layer's numbers in place of the network's.

    >>> [(one["layer"], one["R"]["value"]) for one in layer_rows({"layers": [{"name": "fc", "R": {"value": 0.5}}]})]
    [('fc', 0.5)]
    """
    for layer in row["layers"]:
        name = f"{layer['name']} {layer['part']}" if layer.get("part") else layer["name"]
        yield {**row, **layer, "layer": name}


def _with_layers(chosen: Chosen) -> Chosen:
    """Those that have layers, with a note on the others."""
    trained, fresh = ([row for row in rows if row.get("layers")] for rows in (chosen.trained, chosen.fresh))
    if not trained and not fresh and (chosen.trained or chosen.fresh):
        raise ValueError(
            f"no row has layers among {chosen.told}; measure with layers: auto, and give the store's folder (a CSV "
            "export has no layers)"
        )
    without = len(chosen.trained) + len(chosen.fresh) - len(trained) - len(fresh)
    notes = [f"{without} rows without layers are left out"] if without else []
    return chosen._replace(trained=trained, fresh=fresh, notes=[*chosen.notes, *notes])
