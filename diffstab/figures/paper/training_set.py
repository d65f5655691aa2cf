"""Stability against P, the number of training images (Figs. 3 right, 4 bottom, 6, 13, 22).

Bars and bands are the standard deviation of the logarithm over seeds, or with one seed its own 95 % interval.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ...options import INTERPOLATIONS
from ...results import set_log_axis
from ...statistics import power_law
from ...store import Row
from ..drawing.axes import span_of
from ..drawing.codes import AXES, cutoff_look
from ..drawing.codes import QUANTITIES as LOOKS
from ..drawing.lines import SIZE, UNIT, Drawn, draw_line, draw_unit, look_keys, models_of, panels_of, set_log_x
from ..drawing.parts import draw_legend
from ..drawing.style import FAINT, INK, house_style
from ..points.choice import Chosen, choose
from ..points.series import ManySeries, Series, Sweep, gather_series, table_of
from ..points.spread import Spread

P = "training.train_size"
KINDS = ("cutoff", "interpolation")
OVER_P = Sweep(P, places=(P,), by=KINDS, follows=("temperature", "noise_radius"), trainings=(P,))
FRESH = Sweep(None, places=KINDS, follows=("temperature",))
SLOPE, REACH = -1, 4.0  # of the guide, and its length along P
QUANTITIES = ("R", "D", "G")
WIDTHS = (1.4, 0.6)  # of the lines of the least cutoff, and of others


def relative_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f against P, a panel for each network, dashed at initialisation, beside a triangle of slope -1 (Fig. 3, right).

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If no row is of a training on a number of images; if rows differ in another setting.
    """
    found, fresh, notes = _gathered(rows, filters)
    models = models_of(found)
    kinds = sorted({_kind(one) for one in found.series}, key=_order)
    with house_style():
        figure, panels = panels_of([*models], "training images $P$", AXES["R"])
        for panel, (label, series) in zip(panels, models.items(), strict=True):
            draw_unit(panel)
            for one in series:
                draw_line(panel, one, "R", cutoff_look(*_kind(one)))
            for kind, R in fresh.get(label, {}).items():
                panel.axhline(R, color=cutoff_look(*kind).colour, linestyle="--", linewidth=0.8, gid=f"{label} init")
        set_log_x(panels[0], [point for one in found.series for point in one.points])
        spreads = [point.R for one in found.series for point in one.points]
        ends = [Spread(R, None, R, R) for own in fresh.values() for R in own.values()]
        set_log_axis(panels[0], "y", span_of([*spreads, *ends, UNIT]))
        _draw_triangle(panels[0])
        keys = look_keys({_told(kind): cutoff_look(*kind) for kind in kinds})
        draw_legend(figure, [*keys, Line2D([], [], color=INK, linestyle="--", label="at initialisation")])
    return Drawn(figure, _table(found, fresh), notes, found.setting)


def stabilities_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f, D_f and G_f against P, with bands at the least cutoff and thinner lines at the others (Figs. 6, 22).

    Bilinear interpolation alone. Arguments and errors are those of `relative_figure`.
    """
    found, fresh, notes = _gathered(rows, (*filters, f"interpolation={INTERPOLATIONS[0]}"))
    models = models_of(found)
    cutoffs = sorted({one.by["cutoff"] for one in found.series})
    with house_style():
        figure, panels = panels_of([*models], "training images $P$", "$R_f$, $D_f$, $G_f$")
        for panel, series in zip(panels, models.values(), strict=True):
            draw_unit(panel)
            for one in series:
                for quantity in QUANTITIES:
                    _draw_band(panel, one, quantity, least=one.by["cutoff"] == cutoffs[0])
        set_log_x(panels[0], [point for one in found.series for point in one.points])
        spreads = [getattr(point, name) for one in found.series for point in one.points for name in QUANTITIES]
        set_log_axis(panels[0], "y", span_of([*spreads, UNIT]))
        names = [Line2D([], [], color=LOOKS[name].colour, label=AXES[name]) for name in QUANTITIES]
        styles = [
            Line2D([], [], color=INK, label=f"$c$ = {cutoff:g}", **_style(cutoff, cutoff == cutoffs[0]))
            for cutoff in cutoffs
        ]
        draw_legend(figure, [*names, *styles])
    return Drawn(figure, _table(found, fresh), notes, found.setting)


def _gathered(
    rows: Sequence[Row], filters: Sequence[str]
) -> tuple[ManySeries, dict[str, dict[tuple[float, str], float]], list[str]]:
    """Curves over P, R at initialisation by network and kind, and notes."""
    chosen = choose(rows, filters)
    trained = [row for row in chosen.trained if (row.get("training") or {}).get("train_size")]
    if not trained:
        raise ValueError(f"no training with train_size is among {chosen.told}; sweep train_size: [100, 1000, ...]")
    found = gather_series(Chosen(trained, [], chosen.notes, chosen.told), OVER_P)
    labels = {one.model: one.label for one in found.series}
    fresh: dict[str, dict[tuple[float, str], float]] = {}
    known = [row for row in chosen.fresh if row["model"] in labels]
    for one in gather_series(Chosen([], known, [], chosen.told), FRESH).series if known else []:
        own = {(point.place["cutoff"], point.place["interpolation"]): point.R.value for point in one.points}
        fresh[labels[one.model]] = own
    return found, fresh, found.notes


def _kind(one: Series) -> tuple[float, str]:
    return one.by["cutoff"], one.by["interpolation"]


def _order(kind: tuple[float, str]) -> tuple[int, float]:
    return INTERPOLATIONS.index(kind[1]), kind[0]


def _told(kind: tuple[float, str]) -> str:
    cutoff, interpolation = kind
    return f"$c$ = {cutoff:g}" + (f", {interpolation}" if interpolation != INTERPOLATIONS[0] else "")


def _table(found: ManySeries, fresh: dict[str, dict[tuple[float, str], float]]) -> list[dict[str, Any]]:
    """The points, with R at initialisation and the exponent of R against P of each curve."""
    slopes = {(one.model, _kind(one)): _slope(one) for one in found.series}
    labels = {one.model: one.label for one in found.series}
    lines = []
    for line in table_of(found):
        kind = (line["cutoff"], line["interpolation"])
        renamed = {"train_size" if name == P else name: value for name, value in line.items()}
        extra = {"R_init": fresh.get(labels[line["model"]], {}).get(kind), "R_exponent": slopes[line["model"], kind]}
        lines.append({**renamed, **extra})
    return lines


def _slope(one: Series) -> float | None:
    """b of R = a P^b, least squares in the logarithms."""
    if len(one.points) < 2:
        return None
    sizes, values = (np.array(v) for v in zip(*((point.x, point.R.value) for point in one.points), strict=True))
    return power_law(sizes, values)[1]


def _draw_triangle(panel: Axes) -> None:
    """Slope -1, at the lower left."""
    (left, right), (low, high) = panel.get_xlim(), panel.get_ylim()
    start, reach = left * (right / left) ** 0.08, min(REACH, (high / low) ** 0.3)
    bottom = low * (high / low) ** 0.06
    top = bottom * reach ** abs(SLOPE)
    panel.plot(
        [start, start, start * reach, start], [top, bottom, bottom, top], color=FAINT, linewidth=0.7, gid="slope"
    )
    panel.annotate("$P^{-1}$", (start * reach**0.6, bottom * reach**0.5), (2, 2), textcoords="offset points", color=INK)


def _draw_band(panel: Axes, one: Series, quantity: str, *, least: bool) -> None:
    spreads = [getattr(point, quantity) for point in one.points]
    sizes, colour = [point.x for point in one.points if point.x is not None], LOOKS[quantity].colour
    if least:
        low, high = ([getattr(spread, end) for spread in spreads] for end in ("low", "high"))
        panel.fill_between(sizes, low, high, color=colour, alpha=0.2, linewidth=0)
    name = f"{one.model} {quantity} {one.by['cutoff']:g}"
    panel.plot(sizes, [spread.value for spread in spreads], color=colour, gid=name, **_style(one.by["cutoff"], least))


def _style(cutoff: float, least: bool) -> dict[str, Any]:
    """A marker for each cutoff, on a thicker line for the least one."""
    return {"marker": cutoff_look(cutoff).marker, "markersize": SIZE * 0.8, "linewidth": WIDTHS[not least]}
