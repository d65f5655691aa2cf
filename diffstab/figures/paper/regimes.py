"""Fully connected nets from the feature to the lazy regime: stability and test error against alpha (the lectures)."""

from collections.abc import Sequence

from matplotlib.lines import Line2D

from ...options import REGIME
from ...store import Row, select
from ..drawing.codes import FAMILIES
from ..drawing.lines import Drawn, look_keys
from ..drawing.panels import draw_groups, draw_level, quantity_panels, set_axes
from ..drawing.parts import draw_legend
from ..drawing.style import FAINT, house_style
from ..points.groups import groups_of
from ..points.setting import grouped
from ..points.spread import spread_of

SHARED = ("dataset", "train_size", "width", "layers", "turn", "until_loss", "images", "cutoff", "delta")
QUANTITIES = ("R", "D", "G", "error")
LOOK = FAMILIES["fc_"]


def alpha_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f, D_f, G_f and the test error against alpha; R_f at initialisation as a dashed line.

    Args:
        rows: Rows of a store with `regime` experiments.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If there are no such rows, or they differ in another setting.
    """
    own = [row for row in select(rows, filters) if row.get("kind") == REGIME and row.get("status") == "done"]
    if not own:
        raise ValueError("no regime experiment is among the rows that pass the filters; sweep regime: {alpha: [...]}")
    differing = [name for name in SHARED if len(grouped(own, name)) > 1]
    if differing:
        raise ValueError(f"the rows differ in {', '.join(differing)}; choose one, as with --where {differing[0]}=...")
    named = [{**row, "model": REGIME, "weights_sha256": str(row["seed"])} for row in own]
    notes: list[str] = []
    groups = groups_of(named, ["alpha"], notes)
    start = spread_of([{**row, "R": row["R_init"]} for row in _one_each(named)], "R", notes)
    with house_style():
        figure, panels = quantity_panels(QUANTITIES, "$\\alpha$ (features left, lazy right)")
        draw_groups(panels, groups, "alpha", LOOK, "fc")
        draw_level(panels["R"], start)
        set_axes(panels, groups, "alpha", [start])
        keys = [
            *look_keys({"at the end of the flow": LOOK}),
            Line2D([], [], color=FAINT, linestyle="--", label="$R_f$ at initialisation"),
        ]
        draw_legend(figure, keys)
    late = sum(not row["fitted"] for row in own)
    notes += [f"{late} of {len(own)} flows ran out of steps before every example had its margin"] if late else []
    moved = {alpha: [row["moved"] for row in rows_] for alpha, rows_ in grouped(own, "alpha").items()}
    table = [
        {**group.line(), "R_init": start.value, "moved": sum(moved[group.at["alpha"]]) / group.seeds}
        for group in sorted(groups, key=lambda group: float(group.at["alpha"]))
    ]
    return Drawn(figure, table, list(dict.fromkeys(notes)), {name: own[0][name] for name in SHARED})


def _one_each(rows: Sequence[Row]) -> list[Row]:
    """One row for each seed: initialisations don't depend on alpha."""
    return [own[0] for own in grouped(rows, "seed").values()]
