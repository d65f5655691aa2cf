"""R_f, errors and the training loss against the width of fully connected nets, through the interpolation threshold."""

from collections.abc import Sequence
from dataclasses import replace

from ...models import FC_WIDTH
from ...options import base_and_width
from ...store import Row
from ..drawing.codes import network_looks
from ..drawing.lines import Drawn, draw_legend, draw_quantities, look_keys
from ..points.choice import choose
from ..points.point import QUANTITIES, Point, points_of, split, table_of
from ..points.setting import refuse_mixed, setting_at, setting_of

PANELS = ("loss", "error", "R", "D")
WIDTH = "width"  # a column that points get here: neurons per hidden layer


def width_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Training loss, test error, R_f and D_f against the neurons per hidden layer, a curve for each depth.

    Rows are of trainings of `fc_l2-w0.125` and other widths too.

    Raises:
        ValueError: If no row is of a fully connected net; if rows differ in a setting, or those of a network in how it
            was trained.
    """
    chosen = choose(rows, filters)
    own = [row for row in chosen.trained if base_and_width(row["model"])[0].startswith("fc_l")]
    if not own:
        raise ValueError(f"no fully connected net is among {chosen.told}; sweep model: [fc_l4-w0.125, fc_l4, ...]")
    refuse_mixed(own)
    notes = list(chosen.notes)
    own = _with_losses(own, rows)
    shown = PANELS if "loss" in own[0] else PANELS[1:]
    quantities = [*dict.fromkeys((*QUANTITIES, *shown))]
    points = [_with_width(point) for point in points_of(own, ["model"], notes, quantities)]
    bases = split(points, "base")
    looks = network_looks(bases)
    curves = {base: (bases[base], look) for base, look in looks.items()}
    with draw_quantities(curves, shown, WIDTH, "neurons per layer") as (figure, _):
        draw_legend(figure, look_keys(looks))
    points.sort(key=lambda point: (str(point.at["base"]), float(point.at[WIDTH])))
    return Drawn(figure, table_of(points, quantities), list(dict.fromkeys(notes)), setting_of(own[0]))


def _with_width(point: Point) -> Point:
    base, factor = base_and_width(point.model)
    return replace(point, at={**point.at, "base": base, WIDTH: max(1, round(FC_WIDTH * factor))})


def _with_losses(measured: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """Measurements, with the loss of the last epoch where the rows of all their trainings are there."""
    losses = {row["job"]: row["train_loss"] for row in rows if row.get("kind") == "train" and row.get("train_loss")}
    own = [losses.get(setting_at(row, "training.job")) for row in measured]
    if None in own:
        return list(measured)
    return [
        {**row, "loss": {"value": loss, "low": loss, "high": loss}} for row, loss in zip(measured, own, strict=True)
    ]
