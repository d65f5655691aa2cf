"""D, E and G of every layer: where a network's maps move along with the image, and where they forget the position."""

from collections.abc import Iterator, Sequence

from ...store import Row
from ..drawing.codes import appearance
from ..drawing.lines import Drawn, draw_legend, draw_points, fresh_keys, look_keys
from ..points.choice import choose
from ..points.networks import gather_series
from ..points.point import table_of
from .curves import OVER_LAYERS, layer_panels, layer_rows, with_layers

SHOWN = {  # by quantity
    "D": "$D_f$: deformed and still",
    "E": "$E_f$: deformed and moved along",
    "G": "$G_f$: noise",
}


def equivariance_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """D_f, E_f and G_f of each layer's output, a panel for each network; layers in their order.

    E_f far below D_f: the map moves along with the image. A layer without spatial extent has E_f = D_f.

    Raises:
        ValueError: If no layer has E_f; otherwise as for `depth_figure`.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGRE"}
    >>> layers = [{"name": name, "depth": depth, **numbers} for name, depth in (("conv", 0.0), ("fc", 1.0))]
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> drawn = equivariance_figure([{**head, "layers": layers}])
    >>> [(line["layer"], line["E"]) for line in drawn.table]
    [('conv', 0.5), ('fc', 0.5)]
    """
    chosen = with_layers(choose(rows, filters))
    measured = [*chosen.trained, *chosen.fresh]
    if measured and not any("E" in layer for row in measured for layer in row["layers"]):
        raise ValueError(f"no layer has E_f among {chosen.told}; measure with layers: auto, and not against: still")
    quantities = tuple(SHOWN)
    points, setting, notes = gather_series(chosen, OVER_LAYERS, unfold=_layer_rows, quantities=quantities)
    looks = {name: appearance(place) for place, name in enumerate(quantities)}
    with layer_panels(points, *quantities, ylabel="change / another image's") as (figure, curves):
        for panel, curve, x in curves:
            for name in quantities:
                draw_points(panel, curve, x, name, looks[name], name=f"{curve[0].curve} {name}")
        draw_legend(figure, [*look_keys({SHOWN[name]: look for name, look in looks.items()}), *fresh_keys(points)])
    return Drawn(figure, table_of(points, quantities), notes, setting)


def _layer_rows(row: Row) -> Iterator[Row]:
    """A row for each layer, where E is D without spatial extent."""
    return ({**one, "E": layer.get("E", layer["D"])} for one, layer in zip(layer_rows(row), row["layers"], strict=True))
