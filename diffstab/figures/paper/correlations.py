"""Correlations of the test error with D_f, G_f and R_f, by data set, beside the paper's (Table 2)."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...statistics import Interval
from ...store import Row
from ..drawing.codes import QUANTITIES as LOOKS
from ..drawing.lines import Drawn
from ..drawing.parts import draw_legend
from ..drawing.style import FAINT, WIDTH, house_style
from ..points.choice import choose
from ..points.networks import gather
from ..points.relation import paper_values, relate
from ..points.setting import grouped

QUANTITIES = ("D", "G", "R")
HEIGHT, PER_LINE = 1.1, 0.26  # inches


def correlations(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Pearson correlations of the logarithms with 95 % intervals over networks, as Table 2 has them.

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If a data set has fewer than 3 networks, or rows differ in another setting.
    """
    chosen = choose(rows, filters)
    if not chosen.trained:
        raise ValueError(f"no measurement of a trained network is among {chosen.told}; measure some, or filter less")
    table, notes, setting = [], list(chosen.notes), {}
    for name, own in grouped(chosen.trained, "dataset").items():
        gathered = gather(own)
        relation, paper = relate(gathered.networks), paper_values(str(name))
        notes += gathered.notes
        setting = {key: value for key, value in gathered.setting.items() if "dataset" not in key}
        found = {**relation.correlations, "G": _opposite(relation.correlations["1/G"])}
        theirs = {**paper[1], "G": -paper[1]["1/G"]} if paper else {}
        for quantity in QUANTITIES:
            value, low, high = found[quantity]
            line: dict[str, Any] = {"dataset": name, "quantity": quantity, "networks": len(gathered.networks)}
            line |= {"correlation": value, "low": low, "high": high}
            table.append({**line, "paper": theirs.get(quantity), "paper_dataset": paper[0] if paper else None})
    with house_style():
        figure = _drawn(table)
    return Drawn(figure, table, list(dict.fromkeys(notes)), setting)


def _opposite(interval: Interval) -> Interval:
    """The interval of G from that of 1/G: logarithms change their sign."""
    return Interval(-interval.value, -interval.high, -interval.low)


def _drawn(table: Sequence[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(WIDTH, HEIGHT + PER_LINE * len(table)), layout="constrained")
    panel = figure.subplots()
    for place, line in enumerate(table):
        colour, marker = LOOKS[line["quantity"]]
        panel.plot([line["low"], line["high"]], [place, place], color=colour, linewidth=1.0)
        panel.plot([line["correlation"]], [place], marker, color=colour, markersize=5, gid=line["quantity"])
        if line["paper"] is not None:
            style: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": colour, "linestyle": "none"}
            panel.plot([line["paper"]], [place], marker=marker, markersize=6.5, gid="paper", zorder=3, **style)
    panel.set_yticks(range(len(table)), labels=[f"{line['dataset']}: ${line['quantity']}_f$" for line in table])
    panel.set(xlim=(-1.05, 1.05), ylim=(len(table) - 0.5, -0.5))
    panel.set_xlabel("correlation of the logarithms of test error and each quantity")
    panel.axvline(0, color=FAINT, linewidth=0.6)
    panel.tick_params(axis="y", length=0)
    look: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": FAINT}
    keys = [
        Line2D([], [], label="measured, with 95 % interval", markersize=4, **look),
        Line2D([], [], label="the paper's", markersize=5, markerfacecolor="white", **look),
    ]
    draw_legend(figure, keys)
    return figure
