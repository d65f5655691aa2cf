"""R_f by data set, network and cutoff, before and after training (Figs. 3 centre, 4 top)."""

from collections.abc import Sequence

from ...store import Row
from ..drawing.axes import name_places, network_panels
from ..drawing.codes import cutoff_look
from ..drawing.lines import Drawn, draw_beside, draw_legend, fresh_keys, look_keys
from ..points.choice import choose
from ..points.point import split, table_of
from ..points.series import QUANTITIES, Sweep, gather_series

BY_DATASET = Sweep(
    None, places=("dataset", "cutoff"), follows=("temperature", "training.dataset"), trainings=("dataset",)
)
APART = 0.7  # share of a data set's width that its points take


def datasets_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f of each network, a group for each data set, a colour for each cutoff, open at initialisation.

    Raises:
        ValueError: If no measurement is left; if rows differ in another setting, such as delta, or those of a network
            on a data set in how it was trained; if R_f has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "cutoff": 3.0}
    >>> drawn = datasets_figure([{**head, **numbers, "dataset": name} for name in ("mnist", "svhn")])
    >>> [(line["dataset"], line["R"]) for line in drawn.table]
    [('mnist', 0.5), ('svhn', 0.5)]
    """
    points, setting, notes = gather_series(choose(rows, filters), BY_DATASET)
    names = [str(name) for name in split(points, "dataset")]
    cutoffs = sorted(split(points, "cutoff"))
    with network_panels(points, "data set", "R") as (figure, panels):
        for panel, own in panels:
            draw_beside(panel, own, "dataset", names, cutoffs, APART)
            name_places(panel, "x", names)
        keys = look_keys({f"$c$ = {cutoff:g}": cutoff_look(cutoff) for cutoff in cutoffs}, joined=False)
        draw_legend(figure, [*keys, *fresh_keys(points, joined=False)])
    return Drawn(figure, table_of(points, QUANTITIES), notes, setting)
