"""Test error against R_f, a curve through training sets of rising size for each network (Fig. 18)."""

from collections.abc import Sequence
from dataclasses import replace

from ...options import DEFAULT_CUTOFF, INTERPOLATIONS
from ...store import Row
from ..drawing.axes import draw_unit, figure_of, set_log
from ..drawing.codes import AXES, network_looks
from ..drawing.lines import Drawn, draw_legend, draw_points, key, look_keys
from ..drawing.names import Label, write_labels
from ..drawing.style import FAINT
from ..points.choice import choose, of_sizes
from ..points.networks import labels_of
from ..points.point import points_of, split, table_of
from ..points.setting import refuse_several_settings, setting_at, setting_of

P = "training.train_size"
HEIGHT = 4.6  # inches


def error_by_size_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Curves over P at c = 3, bilinear; networks that were trained on everything alone stand grey behind them.

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
