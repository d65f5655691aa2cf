"""95 % intervals: of resamples, of a ratio of means, of proportions; quantiles of Student's t. Pure numpy, float64.

Which one is used where, and how often each holds the true value, is in docs/intervals.md.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL = 0.95
Z_95 = 1.959963984540054  # standard normal quantile of (1 + LEVEL) / 2
FEWEST_STUDENTISED = 20  # images; resamples of fewer have no error to speak of
CHUNK = 1_000_000  # values at a time


class Interval(NamedTuple):
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


def percentile_interval(value: float, sampled: Array) -> Interval:
    """The 2.5 % and 97.5 % quantiles of the finite resamples."""
    low, high = np.quantile(sampled[np.isfinite(sampled)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def studentised_interval(
    value: float, top: Array, bottom: Callable[[Array], Array], weights: NDArray[np.int64]
) -> Interval | None:
    """Of a ratio of means over images, by the studentised bootstrap of its logarithm.

    Each resample's deviation is measured in its own standard error (by linearisation), which follows the skewness of
    means better than percentiles do.

    Args:
        value: The ratio, or a multiple of it.
        top: One value per image, `[N]`.
        bottom: From the images' shares of each resample, `[resamples, N]`, to the bottom's value per image, likewise or
            `[N]`: it may depend on the resample, as deviations from its mean do.
        weights: Multiplicities of the images, `[resamples, N]`.

    Returns:
        None where no such interval is to be had: fewer than 20 images, or no variance.

    >>> top = np.arange(1.0, 41.0)
    >>> weights = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), size=400)
    >>> found = studentised_interval(20.5, top, lambda share: np.ones(40), weights)
    >>> found.low < 20.5 < found.high
    True
    """
    count = len(top)
    if count < FEWEST_STUDENTISED or not value > 0:
        return None
    whole, error = (float(found[0]) for found in _log_ratio(top, bottom, np.ones((1, count), dtype=np.int64)))
    step = max(1, CHUNK // count)
    parts = [_log_ratio(top, bottom, weights[k : k + step]) for k in range(0, len(weights), step)]
    logs, errors = (np.concatenate(column) for column in zip(*parts, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        deviations = (logs - whole) / errors
    deviations = deviations[np.isfinite(deviations)]
    if not error > 0 or len(deviations) < LEVEL * len(weights):
        return None
    low, high = np.quantile(deviations, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, *(float(value * np.exp(-end * error)) for end in (high, low)))


def _log_ratio(top: Array, bottom: Callable[[Array], Array], weights: NDArray[np.int64]) -> tuple[Array, Array]:
    """Logarithm of the ratio of means in each resample, and its standard error: `[resamples]` each."""
    share = weights / weights.sum(1, keepdims=True)
    below = bottom(share)
    mean_top, mean_below = share @ top, (share * below).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        influence = top / mean_top[:, None] - below / mean_below[:, None]
        return np.log(mean_top / mean_below), np.sqrt((share * influence**2).sum(1) / len(top))


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


def t_quantile(freedom: int) -> float:
    """Of Student's t: |t| stays below it in 95 % of cases.

    From the finite series of its distribution for a whole number of degrees of freedom (Abramowitz and Stegun, 26.7.3
    and 26.7.4), by bisection.

    >>> [round(t_quantile(freedom), 4) for freedom in (1, 2, 4, 13)]
    [12.7062, 4.3027, 2.7764, 2.1604]
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        low, high = (angle, high) if _within(angle, freedom) < LEVEL else (low, angle)
    return math.sqrt(freedom) * math.tan(angle)


def _within(angle: float, freedom: int) -> float:
    """P(|t| <= sqrt(freedom) tan(angle))."""
    cosine, term, total = math.cos(angle), 1.0, 0.0
    first = freedom % 2  # the series of odd ones goes over odd powers
    for k in range(first, freedom - 1, 2):
        total += term * cosine**k
        term *= (k + 1) / (k + 2)
    if freedom % 2 == 0:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + math.sin(angle) * total)
