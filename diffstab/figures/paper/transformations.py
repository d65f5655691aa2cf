"""R_f of networks under each transformation at one delta: a line for each, a colour and a marker for each network.

The paper has no such figure.
"""

from collections.abc import Sequence

from ...options import DIFFEO, TRANSFORMS
from ...store import Row
from ..drawing.axes import KEYS, UNIT, draw_unit, figure_of, name_places, set_log
from ..drawing.codes import AXES, network_looks
from ..drawing.lines import Drawn, beside, draw_legend, draw_points, fresh_keys, look_keys
from ..points.choice import choose
from ..points.point import Point, split, table_of
from ..points.series import QUANTITIES, Sweep, gather_series

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


def transformations_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f under each transformation, values at initialisation as open markers.

    Raises:
        ValueError: If no measurement is left; if rows differ in another setting, such as delta, or those of a network
            in how it was trained; if R_f has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> drawn = transformations_figure([{**head, **numbers, "transform": name} for name in ("scale", "rotation")])
    >>> [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()]
    ['rotation', 'change of scale']
    """
    points, setting, notes = gather_series(choose(rows, filters), OVER_TRANSFORMATIONS)
    kinds = sorted(split(points, "transform", "cutoff"), key=_order)
    looks = network_looks(split(points, "label"))
    height = HEIGHT + KEYS + len(kinds) * (PER_LINE + PER_NETWORK * len(looks))
    with figure_of(height) as (figure, panel):
        for own in split(points, "curve").values():
            label = own[0].label
            draw_points(panel, own, "R", _heights(own, kinds, [*looks]), looks[label], joined=False)
        several = len({cutoff for name, cutoff in kinds if name == DIFFEO}) > 1
        told = [f", $c$ = {cutoff:g}" if several and cutoff is not None else "" for _, cutoff in kinds]
        names = [NAMES.get(name, name) + more for (name, _), more in zip(kinds, told, strict=True)]
        name_places(panel, "y", names, rules=True)
        draw_unit(panel, "x")
        set_log(panel, "x", points, "R", more=[UNIT])
        panel.set_xlabel(AXES["R"] + (f" at $\\delta$ = {setting['delta']:g} px" if setting.get("delta") else ""))
        draw_legend(figure, [*look_keys(looks, joined=False), *fresh_keys(points, joined=False)[-1:]])
    return Drawn(figure, table_of(points, QUANTITIES), notes, setting)


def _order(kind: tuple[str, float | None]) -> tuple[int, str, float]:
    """Sorts the package's transformations in their order, then others by name, cutoffs rising."""
    name, cutoff = kind
    return TRANSFORMS.index(name) if name in TRANSFORMS else len(TRANSFORMS), name, cutoff or 0.0


def _heights(points: Sequence[Point], kinds: Sequence[object], labels: Sequence[str]) -> list[float]:
    """One under the other: networks in each line, and there the one at initialisation with the trained one."""
    step = APART / len(labels)
    offset = beside(labels.index(points[0].label), len(labels), APART) + step / (4 if points[0].fresh else -4)
    return [kinds.index((point.at["transform"], point.at["cutoff"])) + offset for point in points]
