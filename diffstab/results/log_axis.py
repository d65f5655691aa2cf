"""Logarithmic axes with readable ticks, whether they span a factor of two or six decades."""

import math
from importlib import import_module
from typing import Any

FEWEST_TICKS, MOST_TICKS = 3, 7
STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))  # within a decade
PLOT = "'diffstab[plot]'"


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
