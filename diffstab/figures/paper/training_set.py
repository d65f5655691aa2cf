"""Stability and test errors over P, the number of training images (Figs. 3 right, 4 bottom, 6, 13, 18, 22)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes

from ...options import DEFAULT_CUTOFF, INTERPOLATIONS
from ...statistics import power_law
from ...store import Row
from ..drawing.axes import draw_unit, figure_of, network_panels, set_log
from ..drawing.codes import AXES, cutoff_look, cutoff_name, network_looks
from ..drawing.codes import QUANTITIES as LOOKS
from ..drawing.lines import SIZE, Drawn, draw_legend, draw_points, key, look_keys
from ..drawing.names import Label, write_labels
from ..drawing.style import FAINT, INK
from ..points.choice import choose, of_sizes
from ..points.networks import QUANTITIES, Sweep, gather_series, labels_of
from ..points.point import Gathered, Point, points_of, split, table_of
from ..points.relation import values_of
from ..points.setting import refuse_several_settings, setting_at, setting_of
from ..points.spread import exactly

P = "training.train_size"
KINDS = ("cutoff", "interpolation")
OVER_P = Sweep(P, places=(P,), by=KINDS, follows=("temperature", "noise_radius"), trainings=(P,))
FRESH = Sweep(None, places=KINDS, follows=("temperature",))
SHOWN = ("R", "D", "G")
SLOPE, REACH = -1, 4.0  # of the guide, and its length along P
WIDTHS = (1.4, 0.6)  # of the lines of the least cutoff, and of others
HEIGHT = 4.6  # inches, of errors
Fresh = Mapping[tuple[Any, ...], float]  # R at initialisation, by network and kind


def training_set_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f against P, a panel for each network, dashed at initialisation, beside a triangle of slope -1 (Fig. 3, right).

    Raises:
        ValueError: If no row is of a training on a number of images; if rows differ in another setting.
    """
    (points, setting, notes), fresh = _gathered(rows, filters)
    with network_panels(points, "training images $P$", "R", x=P, more=map(exactly, fresh.values())) as (figure, panels):
        for panel, own in panels:
            for curve in split(own, "curve").values():
                draw_points(panel, curve, P, "R", cutoff_look(*_kind(curve[0])))
            for (model, *kind), R in fresh.items():
                if model == own[0].model:
                    colour = cutoff_look(*kind).colour
                    panel.axhline(R, color=colour, linestyle="--", linewidth=0.8, gid=f"{own[0].label} init")
        _draw_triangle(panels[0][0])
        kinds = sorted(split(points, *KINDS), key=lambda kind: (INTERPOLATIONS.index(kind[1]), kind[0]))
        keys = look_keys({cutoff_name(*kind): cutoff_look(*kind) for kind in kinds})
        draw_legend(figure, [*keys, key("at initialisation", color=INK, linestyle="--")])
    return Drawn(figure, _table(points, fresh), notes, setting)


def stabilities_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f, D_f and G_f against P, with bands at the least cutoff and thinner lines at the others (Figs. 6, 22).

    Bilinear interpolation alone. Arguments and errors are those of `training_set_figure`.
    """
    (points, setting, notes), fresh = _gathered(rows, (*filters, f"interpolation={INTERPOLATIONS[0]}"))
    cutoffs = sorted(split(points, "cutoff"))
    told = "$R_f$, $D_f$, $G_f$"
    with network_panels(points, "training images $P$", *SHOWN, x=P, ylabel=told) as (figure, panels):
        for panel, own in panels:
            for curve in split(own, "curve").values():
                for quantity in SHOWN:
                    _draw_band(panel, curve, quantity, least=curve[0].at["cutoff"] == cutoffs[0])
        names = [key(AXES[name], color=LOOKS[name].colour) for name in SHOWN]
        styles = [key(cutoff_name(cutoff), color=INK, **_style(cutoff, cutoff == cutoffs[0])) for cutoff in cutoffs]
        draw_legend(figure, [*names, *styles])
    return Drawn(figure, _table(points, fresh), notes, setting)


def errors(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Test error against R_f at c = 3, bilinear: curves over P; those trained on everything alone stand behind, grey.

    Raises:
        ValueError: If no training has a train_size; if rows differ in another setting.
    """
    chosen = choose(rows, (*filters, f"cutoff={DEFAULT_CUTOFF:g}", f"interpolation={INTERPOLATIONS[0]}"))
    sized = of_sizes(chosen)
    refuse_several_settings(sized, [P])
    notes = list(chosen.notes)
    points = points_of(sized, ["model", P], notes)
    curves = split(points, "model")
    others = [row for row in chosen.trained if not setting_at(row, P) and row["model"] not in curves]
    behind = [replace(one, at={**one.at, P: None}) for one in points_of(others, ["model"], notes)]
    labels = labels_of(curves)
    looks = network_looks(labels.values())
    with figure_of(HEIGHT) as (figure, panel):
        draw_unit(panel, "x")
        for one in behind:
            at = one["R"].value, one["error"].value
            panel.plot(*at, "o", color=FAINT, markersize=3, gid=one.model, zorder=1)
        ends: list[Label] = []
        for model, own in curves.items():
            own.sort(key=lambda point: int(point.at[P]))
            look = looks[labels[model]]
            draw_points(panel, own, "R", "error", look, name=model, width=0.5)
            for one in own if len(own) == 1 else (own[0], own[-1]):
                at = one["R"].value, one["error"].value
                ends += [Label(f"$P$ = {one.at[P]}", *at, look.colour)]
        for axis, quantity in (("x", "R"), ("y", "error")):
            set_log(panel, axis, [*points, *behind], quantity)
        panel.set(xlabel=AXES["R"], ylabel=AXES["error"])
        grey = [key("other networks", linestyle="none", marker="o", color=FAINT, markersize=3)] if behind else []
        draw_legend(figure, [*look_keys(looks), *grey])
        notes += [f"the label {text} has no free place; it is left out" for text in write_labels(figure, panel, ends)]
    table = table_of([*points, *behind], names={P: "train_size"})
    return Drawn(figure, table, list(dict.fromkeys(notes)), setting_of(sized[0]))


def _gathered(rows: Sequence[Row], filters: Sequence[str]) -> tuple[Gathered, Fresh]:
    """Points over P, and R at initialisation."""
    chosen = choose(rows, filters)
    found = gather_series(chosen._replace(trained=of_sizes(chosen), fresh=[]), OVER_P)
    models = split(found.points, "model")
    known = [row for row in chosen.fresh if row["model"] in models]
    start = gather_series(chosen._replace(trained=[], fresh=known), FRESH).points if known else []
    return found, {(point.model, *_kind(point)): point["R"].value for point in start}


def _kind(point: Point) -> tuple[float, str]:
    return point.at["cutoff"], point.at["interpolation"]


def _table(points: Sequence[Point], fresh: Fresh) -> list[dict[str, Any]]:
    """The points, with R at initialisation and the exponent of R against P of each curve: R = a P^b."""
    lines = []
    for (model, *kind), own in split(points, "model", *KINDS).items():
        exponent = power_law(values_of(own, P), values_of(own, "R"))[1] if len(own) > 1 else None
        more = {"R_init": fresh.get((model, *kind)), "R_exponent": exponent}
        lines += [line | more for line in table_of(own, QUANTITIES, {P: "train_size"})]
    return lines


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


def _draw_band(panel: Axes, curve: Sequence[Point], quantity: str, *, least: bool) -> None:
    spreads, cutoff, colour = [point[quantity] for point in curve], curve[0].at["cutoff"], LOOKS[quantity].colour
    sizes = values_of(curve, P)
    if least:
        low, high = ([getattr(spread, end) for spread in spreads] for end in ("low", "high"))
        panel.fill_between(sizes, low, high, color=colour, alpha=0.2, linewidth=0)
    name = f"{curve[0].model} {quantity} {cutoff:g}"
    panel.plot(sizes, values_of(curve, quantity), color=colour, gid=name, **_style(cutoff, least))


def _style(cutoff: float, least: bool) -> dict[str, Any]:
    """A marker for each cutoff, on a thicker line for the least one."""
    return {"marker": cutoff_look(cutoff).marker, "markersize": SIZE * 0.8, "linewidth": WIDTHS[not least]}
