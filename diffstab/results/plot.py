"""Plots of one result or of a comparison: points with 95 % intervals on a logarithmic axis."""

from collections.abc import Sequence
from typing import Any

from ..checks import escaped
from ..statistics import Interval
from .log_axis import PLOT, optional, set_log_axis
from .words import LOWER

COLOUR, FAINT = "#0072b2", "#8a8a8a"
ROW, EMPTY, WIDTH = 0.3, 0.9, 4.6  # inches: height per line, height of an empty figure, width of a panel


def plotted(result: Any, ax: Any = None) -> Any:
    """Draws D, G and R of a `StabilityResult`. Without `ax`, a second panel shows R by depth if layers were measured.

    Returns the figure.
    """
    whole = {"D_f": result.D, "G_f": result.G, f"R_f\n({LOWER})": result.R}
    if ax is not None or not result.layers:
        return _points(whole, "", ax, escaped(result.model))
    figure, (left, right) = _panels(2, max(len(whole), 6))
    _points(whole, "", left, escaped(result.model))
    depths, R = [layer.depth for layer in result.layers], [layer.R for layer in result.layers]
    right.errorbar(depths, [one.value for one in R], yerr=_bars(R), fmt="o-", color=COLOUR, ecolor=FAINT, markersize=3)
    right.axhline(1, color=FAINT, linewidth=0.8, linestyle=":")
    right.set(xlabel="depth, share of the layers with weights", ylabel=f"R of the layer ({LOWER})")
    right.set_yscale("log")
    set_log_axis(right, "y", right.get_ylim())
    return figure


def plotted_ranking(names: Sequence[str], R: Sequence[Interval], ax: Any = None) -> Any:
    """Draws R_f of networks, the first at the top. Returns the figure."""
    return _points(dict(zip(map(escaped, names), R, strict=True)), f"R_f ({LOWER})", ax, "")


def _panels(count: int, lines: int) -> Any:
    plt = optional("matplotlib.pyplot", PLOT)
    return plt.subplots(1, count, figsize=(WIDTH * count, EMPTY + ROW * lines), layout="constrained", dpi=150)


def _points(named: dict[str, Interval], label: str, ax: Any, title: str) -> Any:
    """Draws one point with its interval per name, the first at the top."""
    figure, ax = _panels(1, len(named) + title.count("\n") + 1) if ax is None else (ax.figure, ax)
    places, found = range(len(named)), list(named.values())
    ax.errorbar([one.value for one in found], places, xerr=_bars(found), fmt="o", color=COLOUR, ecolor=FAINT, capsize=2)
    ax.axvline(1, color=FAINT, linewidth=0.8, linestyle=":")
    ax.set_yticks(places, list(named))
    ax.set(xscale="log", ylim=(len(named) - 0.5, -0.5), xlabel=label, title=title)
    set_log_axis(ax, "x", ax.get_xlim())
    return figure


def _bars(found: Sequence[Interval]) -> list[list[float]]:
    """Returns the lengths of the error bars below and above the values; 0 for an end at 0 or infinity."""
    below = [one.value - one.low if one.low > 0 else 0.0 for one in found]
    above = [one.high - one.value if one.high < float("inf") else 0.0 for one in found]
    return [below, above]
