"""The span of a logarithmic axis over values with their error bars."""

from collections.abc import Sequence

from ..points.spread import Spread

MARGIN = 0.07  # of the axis' length, on either side
LONGEST_BAR = 3.0  # times the furthest value; longer error bars leave the picture


def span_of(spreads: Sequence[Spread]) -> tuple[float, float]:
    """Returns the ends of an axis over all values with their error bars, and a margin.

    >>> low, high = span_of([Spread(1.0, None, 0.5, 2.0), Spread(10.0, None, 0.0, 20.0)])
    >>> round(low, 3), round(high, 2)
    (0.25, 26.64)
    """
    values = [spread.value for spread in spreads]
    low = max(min(spread.low for spread in spreads), min(values) / LONGEST_BAR)
    high = min(max(spread.high for spread in spreads), max(values) * LONGEST_BAR)
    margin = (high / low) ** MARGIN if high > low else 1.5
    return low / margin, high * margin
