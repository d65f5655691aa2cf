"""R_f and the test error against the width of fully connected nets, through the interpolation threshold."""

from collections.abc import Sequence
from typing import Any

from ..models.paper import FC_WIDTH
from ..store import Row
from ..widths import base_and_width
from .choice import choose
from .groups import Group, groups_of
from .legend import draw_legend
from .lines import Drawn, network_keys
from .quantities import draw_groups, quantity_panels, set_axes
from .setting import grouped, refuse_several_settings, refuse_several_trainings, setting_of
from .style import house_style

QUANTITIES = ("error", "R", "D")
WIDTH = "width"  # a column that groups get here: neurons per hidden layer


def width_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Test error, R_f and D_f against the number of neurons per hidden layer, a curve for each depth.

    Args:
        rows: Of a store, with trainings of `fc_l2-w0.125` and the like.
        filters: That every row has to pass, as in `store.table.select`.

    Raises:
        ValueError: If no row is of a fully connected net; if rows differ in a setting, or those of a network in how it
            was trained.
    """
    chosen = choose(rows, filters)
    own = [row for row in chosen.trained if base_and_width(row["model"])[0].startswith("fc_l")]
    if not own:
        raise ValueError(f"no fully connected net is among {chosen.told}; sweep model: [fc_l4-w0.125, fc_l4, ...]")
    refuse_several_settings(own)
    for name, theirs in grouped(own, "model").items():
        refuse_several_trainings(name, theirs)
    notes = list(chosen.notes)
    groups = [_with_width(group) for group in groups_of(own, ["model"], notes)]
    bases = list(dict.fromkeys(group.at["base"] for group in groups))
    with house_style():
        figure, panels = quantity_panels(QUANTITIES, "neurons per hidden layer")
        for place, base in enumerate(bases):
            draw_groups(panels, [group for group in groups if group.at["base"] == base], WIDTH, place, base)
        set_axes(panels, groups, WIDTH)
        draw_legend(figure, network_keys(bases))
    losses = {name: _mean_loss(theirs) for name, theirs in grouped(own, "model").items()}
    rising = sorted(groups, key=lambda group: (str(group.at["base"]), float(group.at[WIDTH])))
    table = [{**group.line(), **losses[group.at["model"]]} for group in rising]
    return Drawn(figure, table, list(dict.fromkeys(notes)), setting_of(own[0]))


def _with_width(group: Group) -> Group:
    base, factor = base_and_width(group.at["model"])
    return Group({**group.at, "base": base, WIDTH: max(1, round(FC_WIDTH * factor))}, group.seeds, group.spreads)


def _mean_loss(rows: Sequence[Row]) -> dict[str, Any]:
    """Of the last epochs, where the rows have it."""
    known = [row["train_loss"] for row in rows if "train_loss" in row]
    return {"train_loss": sum(known) / len(known)} if known else {}
