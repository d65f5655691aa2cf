"""Fully connected nets from the feature to the lazy regime: stability and test error against alpha (the lectures)."""

from collections.abc import Sequence
from typing import Any

from ...options import REGIME
from ...store import Row
from ..drawing.codes import FAMILIES
from ..drawing.lines import Drawn, draw_legend, draw_quantities, key, look_keys
from ..drawing.style import FAINT
from ..points.choice import experiments
from ..points.point import points_of, table_of
from ..points.setting import grouped
from ..points.spread import spread_of

SHARED = ("dataset", "train_size", "width", "layers", "turn", "until_loss", "images", "cutoff", "delta")
QUANTITIES = ("R", "D", "G", "error")
LOOK = FAMILIES["fc_"]


def alpha_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f, D_f, G_f and the test error against alpha; R_f at initialisation as a dashed line.

    Raises:
        ValueError: If there are no such rows, or they differ in another setting.
    """
    own, setting = experiments(rows, filters, REGIME, "{alpha: [...]}", SHARED)
    notes: list[str] = []
    points = points_of(own, ["alpha"], notes)
    once = [rows_[0] for rows_ in grouped(own, "seed").values()]  # initialisations don't depend on alpha
    start = spread_of([{**row, "R": row["R_init"]} for row in once], "R", notes)
    level: dict[str, Any] = {"color": FAINT, "linestyle": "--"}
    xlabel = "$\\alpha$ (features left, lazy right)"
    with draw_quantities({"fc": (points, LOOK)}, QUANTITIES, "alpha", xlabel, [start]) as (figure, panels):
        panels["R"].axhline(start.value, linewidth=0.8, gid="init", **level)
        draw_legend(figure, [*look_keys({"at the end of the flow": LOOK}), key("$R_f$ at initialisation", **level)])
    late = sum(not row["fitted"] for row in own)
    notes += [f"{late} of {len(own)} flows ran out of steps before every example had its margin"] if late else []
    moved = {alpha: [row["moved"] for row in rows_] for alpha, rows_ in grouped(own, "alpha").items()}
    points.sort(key=lambda point: float(point.at["alpha"]))
    table = [
        {**line, "R_init": start.value, "moved": sum(moved[line["alpha"]]) / line["seeds"]} for line in table_of(points)
    ]
    return Drawn(figure, table, list(dict.fromkeys(notes)), setting)
