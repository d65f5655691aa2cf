"""Correlations of the test error with D_f, G_f and R_f, by data set, beside the paper's (Table 2)."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from ...statistics import Interval
from ...store import Row
from ..drawing.axes import figure_of, name_places
from ..drawing.codes import QUANTITIES as LOOKS
from ..drawing.lines import Drawn, draw_legend, key
from ..drawing.style import FAINT
from ..points.choice import choose
from ..points.networks import gather
from ..points.relation import paper_values, relate
from ..points.setting import grouped

QUANTITIES = ("D", "G", "R")
HEIGHT, PER_LINE = 1.1, 0.26  # inches


def correlations(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Pearson correlations of the logarithms with 95 % intervals over networks, as Table 2 has them.

    Raises:
        ValueError: If a data set has fewer than 3 networks, or rows differ in another setting.
    """
    chosen = choose(rows, filters)
    if not chosen.trained:
        raise ValueError(f"no measurement of a trained network is among {chosen.told}; measure some, or filter less")
    table, notes, setting = [], list(chosen.notes), {}
    for name, own in grouped(chosen.trained, "dataset").items():
        points, shared, told = gather(own)
        relation, paper = relate(points), paper_values(str(name))
        notes += told
        setting = {key: value for key, value in shared.items() if "dataset" not in key}
        value, low, high = relation.correlations["1/G"]
        found = {**relation.correlations, "G": Interval(-value, -high, -low)}  # logarithms change their sign
        theirs = {**paper[1], "G": -paper[1]["1/G"]} if paper else {}
        for quantity in QUANTITIES:
            value, low, high = found[quantity]
            line: dict[str, Any] = {"dataset": name, "quantity": quantity, "networks": len(points)}
            line |= {"correlation": value, "low": low, "high": high}
            table.append({**line, "paper": theirs.get(quantity), "paper_dataset": paper[0] if paper else None})
    return Drawn(_drawn(table), table, list(dict.fromkeys(notes)), setting)


def _drawn(table: Sequence[dict[str, Any]]) -> Figure:
    with figure_of(HEIGHT + PER_LINE * len(table)) as (figure, panel):
        for place, line in enumerate(table):
            colour, marker = LOOKS[line["quantity"]]
            panel.plot([line["low"], line["high"]], [place, place], color=colour, linewidth=1.0)
            panel.plot([line["correlation"]], [place], marker, color=colour, markersize=5, gid=line["quantity"])
            if line["paper"] is not None:
                style: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": colour, "linestyle": "none"}
                panel.plot([line["paper"]], [place], marker=marker, markersize=6.5, gid="paper", zorder=3, **style)
        name_places(panel, "y", [f"{line['dataset']}: ${line['quantity']}_f$" for line in table])
        panel.set(xlim=(-1.05, 1.05), xlabel="correlation of the logarithms of test error and each quantity")
        panel.axvline(0, color=FAINT, linewidth=0.6)
        look: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": FAINT}
        keys = [
            key("measured, with 95 % interval", markersize=4, **look),
            key("the paper's", markersize=5, markerfacecolor="white", **look),
        ]
        draw_legend(figure, keys)
    return figure
