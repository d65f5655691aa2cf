"""Logarithmic axes with ticks that can be read, whether they span a factor of two or six decades."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..points.spread import Spread

MARGIN = 0.07  # of the axis' length, on either side
LONGEST_BAR = 3.0  # times the furthest value; longer error bars leave the picture
FEWEST_TICKS, MOST_TICKS = 3, 7
STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))  # within a decade


def span_of(spreads: Sequence[Spread]) -> tuple[float, float]:
    """From the lowest to the highest value with its error bar, and a margin.

    >>> low, high = span_of([Spread(1.0, None, 0.5, 2.0), Spread(10.0, None, 0.0, 20.0)])
    >>> round(low, 3), round(high, 2)
    (0.25, 26.64)
    """
    values = [spread.value for spread in spreads]
    low = max(min(spread.low for spread in spreads), min(values) / LONGEST_BAR)
    high = min(max(spread.high for spread in spreads), max(values) * LONGEST_BAR)
    margin = (high / low) ** MARGIN if high > low else 1.5
    return low / margin, high * margin


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two, evenly in the logarithm as far as can be.

    >>> log_ticks(0.009, 0.12), log_ticks(0.04, 300)
    ([0.01, 0.03, 0.1], [0.1, 1.0, 10.0, 100.0])
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in STEPS:
        found = [float(f"{step}e{decade}") for decade in decades for step in steps]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) >= FEWEST_TICKS:
            return found[:: math.ceil(len(found) / MOST_TICKS)]
    return [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]


def tick_text(value: float, _position: object = None) -> str:
    """Plain from 0.001 to below 10,000, otherwise a power of ten.

    >>> tick_text(0.05), tick_text(1e-4), tick_text(3e-5)
    ('0.05', '$10^{-4}$', '$3\\\\times10^{-5}$')
    """
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    mantissa, exponent = f"{value:e}".split("e")
    factor = "" if float(mantissa) == 1 else f"{float(mantissa):g}\\times"
    return f"${factor}10^{{{int(exponent)}}}$"


def set_log_axis(panel: Axes, which: str, span: tuple[float, float]) -> None:
    """Makes an axis (`x` or `y`) logarithmic over a span."""
    panel.set(**{f"{which}scale": "log", f"{which}lim": span})
    axis = panel.xaxis if which == "x" else panel.yaxis
    axis.set_major_locator(FixedLocator(log_ticks(*span)))
    axis.set_major_formatter(FuncFormatter(tick_text))
    axis.set_minor_locator(LogLocator(subs=range(2, 10)))
    axis.set_minor_formatter(NullFormatter())
