"""Test error against R_f, a curve through training sets of rising size for each network (Fig. 18)."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...options import DEFAULT_CUTOFF, INTERPOLATIONS
from ...results import set_log_axis
from ...store import Row
from ..drawing.axes import span_of
from ..drawing.codes import AXES, Look, network_looks
from ..drawing.lines import Drawn, look_keys, marks
from ..drawing.names import Label, write_labels
from ..drawing.parts import draw_legend
from ..drawing.style import FAINT, WIDTH, house_style
from ..points.choice import choose
from ..points.groups import Group, groups_of
from ..points.networks import labels_of
from ..points.setting import refuse_several_settings, setting_at, setting_of

P = "training.train_size"
HEIGHT = 4.6  # inches


def error_by_size_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Curves over P at c = 3, bilinear; networks that were trained on everything alone stand grey behind them.

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If no training has a train_size; if rows differ in another setting.
    """
    chosen = choose(rows, (*filters, f"cutoff={DEFAULT_CUTOFF:g}", f"interpolation={INTERPOLATIONS[0]}"))
    sized = [row for row in chosen.trained if setting_at(row, P)]
    if not sized:
        raise ValueError(f"no training with train_size is among {chosen.told}; sweep train_size: [100, 1000, ...]")
    refuse_several_settings(sized, [P])
    notes = list(chosen.notes)
    groups = groups_of(sized, ["model", P], notes, ("error", "R", "D", "G"))
    curved = {group.at["model"] for group in groups}
    others = [row for row in chosen.trained if not setting_at(row, P) and row["model"] not in curved]
    behind = groups_of(others, ["model"], notes, ("error", "R", "D", "G"))
    labels = labels_of(dict.fromkeys(group.at["model"] for group in groups))
    with house_style():
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        panel = figure.subplots()
        for group in behind:
            at = group.spreads["R"].value, group.spreads["error"].value
            panel.plot(*at, "o", color=FAINT, markersize=3, gid=group.at["model"], zorder=1)
        looks = network_looks(labels[group.at["model"]] for group in groups)
        ends: list[Label] = []
        for model, label in labels.items():
            ends += _draw_curve(panel, [group for group in groups if group.at["model"] == model], looks[label])
        panel.axvline(1, color=FAINT, linewidth=0.6, zorder=0, gid="unit")
        everything = [*groups, *behind]
        set_log_axis(panel, "x", span_of([group.spreads["R"] for group in everything]))
        set_log_axis(panel, "y", span_of([group.spreads["error"] for group in everything]))
        panel.set(xlabel=AXES["R"], ylabel=AXES["error"])
        keys = look_keys(looks)
        if behind:
            keys.append(Line2D([], [], linestyle="none", marker="o", color=FAINT, markersize=3, label="other networks"))
        draw_legend(figure, keys)
        left = [f"the label {text} has no free place; it is left out" for text in write_labels(figure, panel, ends)]
        notes += left
    table = [_line(group) for group in [*groups, *behind]]
    return Drawn(figure, table, list(dict.fromkeys(notes)), setting_of(sized[0]))


def _line(group: Group) -> dict[str, Any]:
    own = group.line()
    size = own.pop(P, None)
    return {"model": own.pop("model"), "train_size": size, **own}


def _draw_curve(panel: Axes, groups: Sequence[Group], look: Look) -> list[Label]:
    """Draws a curve from the smallest training set to the largest; returns labels with P for both ends."""
    rising = sorted(groups, key=lambda group: int(group.at[P]))
    R, error = ([group.spreads[name] for group in rising] for name in ("R", "error"))
    style: dict[str, Any] = {"fmt": "none", "ecolor": look.colour, "elinewidth": 0.5, "zorder": 2}
    for x, y in zip(R, error, strict=True):
        panel.errorbar(x.value, y.value, yerr=y.arms(), xerr=x.arms(), **style)
    values = [x.value for x in R], [y.value for y in error]
    panel.plot(*values, gid=rising[0].at["model"], zorder=3, **marks(look, fresh=False))
    ends = dict.fromkeys((0, len(rising) - 1))
    return [Label(f"$P$ = {rising[k].at[P]}", R[k].value, error[k].value, look.colour) for k in ends]
