"""R_f, errors and the training loss against the width of fully connected nets, through the interpolation threshold."""

from collections.abc import Sequence

from ...models import FC_WIDTH
from ...options import base_and_width
from ...store import Row
from ..drawing.codes import network_looks
from ..drawing.lines import Drawn, look_keys
from ..drawing.panels import draw_groups, quantity_panels, set_axes
from ..drawing.parts import draw_legend
from ..drawing.style import house_style
from ..points.choice import choose
from ..points.groups import QUANTITIES, Group, groups_of
from ..points.setting import grouped, refuse_several_settings, refuse_several_trainings, setting_at, setting_of

PANELS = ("loss", "error", "R", "D")
WIDTH = "width"  # a column that groups get here: neurons per hidden layer


def width_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Training loss, test error, R_f and D_f against the neurons per hidden layer, a curve for each depth.

    Args:
        rows: Rows of a store with trainings of `fc_l2-w0.125` and other widths.
        filters: Conditions that every row must pass, as in `store.select`.

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
    own = _with_losses(own, rows)
    shown = PANELS if "loss" in own[0] else PANELS[1:]
    groups = [_with_width(group) for group in groups_of(own, ["model"], notes, [*dict.fromkeys((*QUANTITIES, *shown))])]
    looks = network_looks(group.at["base"] for group in groups)
    with house_style():
        figure, panels = quantity_panels(shown, "neurons per layer")
        for base, look in looks.items():
            draw_groups(panels, [group for group in groups if group.at["base"] == base], WIDTH, look, base)
        set_axes(panels, groups, WIDTH)
        draw_legend(figure, look_keys(looks))
    rising = sorted(groups, key=lambda group: (str(group.at["base"]), float(group.at[WIDTH])))
    return Drawn(figure, [group.line() for group in rising], list(dict.fromkeys(notes)), setting_of(own[0]))


def _with_width(group: Group) -> Group:
    base, factor = base_and_width(group.at["model"])
    return Group({**group.at, "base": base, WIDTH: max(1, round(FC_WIDTH * factor))}, group.seeds, group.spreads)


def _with_losses(measured: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """Measurements, with the loss of the last epoch where the rows of all their trainings are there."""
    losses = {row["job"]: row["train_loss"] for row in rows if row.get("kind") == "train" and row.get("train_loss")}
    own = [losses.get(setting_at(row, "training.job")) for row in measured]
    if None in own:
        return list(measured)
    return [
        {**row, "loss": {"value": loss, "low": loss, "high": loss}} for row, loss in zip(measured, own, strict=True)
    ]
