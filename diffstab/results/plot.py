"""Plots of one result or of a comparison: points with 95 % intervals on a logarithmic axis, whose ticks are readable.

They are so whether the axis spans a factor of two or six decades.
"""

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ..checks import escaped
from ..statistics import Interval
from .words import LOWER

COLOUR, FAINT = "#0072b2", "#8a8a8a"
ROW, EMPTY, WIDTH = 0.3, 0.9, 4.6  # inches: height per line, height of an empty figure, width of a panel
FEWEST_TICKS, MOST_TICKS = 3, 7
STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))  # within a decade
PLOT = "'diffstab[plot]'"


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


def optional(module: str, install: str) -> Any:
    """Imports a module that only some functions need. Raises ImportError, with the command that installs it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"{module.partition('.')[0]} is needed for this; pip install {install} ({error})") from error


def log_ticks(low: float, high: float) -> list[float]:
    """Returns 3 to 7 round numbers in [low, high], spaced about evenly on a logarithmic axis.

    >>> log_ticks(0.009, 0.12), log_ticks(0.04, 300)
    ([0.01, 0.03, 0.1], [0.1, 1.0, 10.0, 100.0])
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in STEPS:
        found = [float(f"{step}e{decade}") for decade in decades for step in steps]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) >= FEWEST_TICKS:
            return found[:: math.ceil(len(found) / MOST_TICKS)]
    return [
        float(tick)
        for tick in optional("matplotlib.ticker", PLOT).MaxNLocator(4).tick_values(low, high)
        if low <= tick <= high
    ]


def tick_text(value: float, _position: object = None) -> str:
    """Returns a tick's label: a plain number from 0.001 to below 10,000, otherwise a power of ten.

    >>> tick_text(0.05), tick_text(1e-4), tick_text(3e-5)
    ('0.05', '$10^{-4}$', '$3\\\\times10^{-5}$')
    """
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    mantissa, exponent = f"{value:e}".split("e")
    factor = "" if float(mantissa) == 1 else f"{float(mantissa):g}\\times"
    return f"${factor}10^{{{int(exponent)}}}$"


def set_log_axis(panel: Any, which: str, span: tuple[float, float]) -> None:
    """Makes the axis `which` (`x` or `y`) of a panel logarithmic, with the limits `span`."""
    panel.set(**{f"{which}scale": "log", f"{which}lim": span})
    ticker = optional("matplotlib.ticker", PLOT)
    axis = panel.xaxis if which == "x" else panel.yaxis
    axis.set_major_locator(ticker.FixedLocator(log_ticks(*span)))
    axis.set_major_formatter(ticker.FuncFormatter(tick_text))
    axis.set_minor_locator(ticker.LogLocator(subs=range(2, 10)))
    axis.set_minor_formatter(ticker.NullFormatter())
