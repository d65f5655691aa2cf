"""95 % intervals of resamples, proportions and means, and Student's t. Pure numpy, float64.

`mean_ratio` has the interval of ratios of means. docs/intervals.md says which interval is used where, and how often
each contains the true value.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL = 0.95
Z_95 = 1.959963984540054  # standard normal quantile of (1 + LEVEL) / 2


class Interval(NamedTuple):
    """An estimate and its 95 % interval.

    >>> f"{Interval(2.214, 1.553, 3.058)}, {Interval(2.214, 1.553, 3.058):.1f}"
    '2.21 (1.55 to 3.06), 2.2 (1.6 to 3.1)'
    """

    value: float
    low: float
    high: float

    def __format__(self, form: str) -> str:
        value, low, high = (format(number, form or ".3g") for number in self)
        return f"{value} ({low} to {high})"

    def __str__(self) -> str:
        return format(self)


def rounded(value: float, decimals: int = 2) -> str:
    """Returns a number with so many decimals, or with one digit if they would all be 0 and hide its sign.

    >>> rounded(0.724), rounded(0.0046), rounded(-0.002), rounded(0.0), rounded(102.6, 0)
    ('0.72', '0.005', '-0.002', '0.00', '103')
    """
    text = f"{value + 0.0:.{decimals}f}"  # -0.0 becomes 0.0
    return f"{value:.1g}" if value and not float(text) else text


def percentile_interval(value: float, sampled: Array) -> Interval:
    """Interval from the 2.5 % to the 97.5 % quantile of the finite resamples."""
    low, high = np.quantile(sampled[np.isfinite(sampled)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def binomial_interval(hits: float, count: int) -> Interval:
    """A proportion with Wilson's 95 % interval.

    >>> binomial_interval(0, 100)
    Interval(value=0.0, low=0.0, high=0.0369...)
    """
    share, z2 = hits / count, Z_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(share, low if hits else 0.0, high if hits < count else 1.0)


def lower_share(hits: int, count: int, error: float) -> float:
    """The lower bound of Clopper and Pearson: a probability under which so many hits, or more, have the chance `error`.

    >>> round(lower_share(100, 100, 0.001), 6), lower_share(0, 100, 0.001)  # the first is 0.001 ** (1 / 100)
    (0.933254, 0.0)
    """
    if hits == 0:
        return 0.0
    k = np.arange(hits, count + 1)
    logs = np.array([math.lgamma(count + 1) - math.lgamma(n + 1) - math.lgamma(count - n + 1) for n in k])
    low, high = 0.0, 1.0
    for _ in range(60):  # bisection, to the last bits
        p = (low + high) / 2
        tail = np.exp(logs + k * math.log(p) + (count - k) * math.log1p(-p)).sum()
        low, high = (p, high) if tail < error else (low, p)
    return low


def mean_interval(values: Array) -> Interval:
    """The mean of independent values `[N]` with Student's 95 % interval.

    >>> f"{mean_interval(np.array([1.0, 2.0, 3.0]))}"
    '2 (-0.484 to 4.48)'
    """
    value, count = float(values.mean()), len(values)
    half = t_quantile(count - 1) * float(values.std(ddof=1)) / math.sqrt(count)
    return Interval(value, value - half, value + half)


@cache
def t_quantile(freedom: int) -> float:
    """Two-sided 95 % quantile of Student's t with `freedom` degrees of freedom.

    Computed by bisection of the distribution's finite series for whole degrees of freedom (Abramowitz and Stegun,
    26.7.3 and 26.7.4).

    >>> [round(t_quantile(freedom), 4) for freedom in (1, 2, 4, 13)]
    [12.7062, 4.3027, 2.7764, 2.1604]
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        low, high = (angle, high) if _within(angle, freedom) < LEVEL else (low, angle)
    return math.sqrt(freedom) * math.tan(angle)


def t_beyond(t: float, freedom: int) -> float:
    """Two-sided p-value P(|t'| > |t|) of Student's t, with an absolute error of 1e-15.

    >>> round(t_beyond(2.7764, 4), 4)
    0.05
    """
    return max(0.0, 1 - _within(math.atan(abs(t) / math.sqrt(freedom)), freedom))


def _within(angle: float, freedom: int) -> float:
    """P(|t| <= sqrt(freedom) tan(angle)) of Student's t."""
    cosine, term, total = math.cos(angle), 1.0, 0.0
    first = freedom % 2  # odd degrees of freedom have a series in odd powers
    for k in range(first, freedom - 1, 2):
        total += term * cosine**k
        term *= (k + 1) / (k + 2)
    if freedom % 2 == 0:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + math.sin(angle) * total)
