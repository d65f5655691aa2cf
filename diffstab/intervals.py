"""95 % intervals: of resamples, of a ratio of means, of proportions; quantiles of Student's t. Pure numpy, float64.

Which one is used where, and how often each holds the true value, is in docs/intervals.md.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL = 0.95
Z_95 = 1.959963984540054  # standard normal quantile of (1 + LEVEL) / 2
FEWEST = 5  # images; fewer have no standard error to speak of
ROUNDING = 1e-12  # relative
CHUNK = 250_000  # values at a time
STREAM = 5  # beside those of `statistics.generator`


class Interval(NamedTuple):
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


def percentile_interval(value: float, sampled: Array) -> Interval:
    """The 2.5 % and 97.5 % quantiles of the finite resamples."""
    low, high = np.quantile(sampled[np.isfinite(sampled)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def mean_ratio_interval(value: float, top: Array, bottom: Array, *, resamples: int, seed: int) -> Interval | None:
    """Of a ratio of means over images, from its logarithm and the standard error of that (by linearisation).

    How many standard errors the logarithm strays from the truth is simulated with log-normal values as many, spread and
    correlated as these: the images themselves, resampled, know too little of the rare ones that move a mean most. How
    well the standard error is known follows from the kurtosis of what it is made of, and widens the interval by
    Student's t of so many degrees of freedom (Satterthwaite).

    Args:
        value: The ratio, or a multiple of it.
        top: One value per image, `[N]`, not negative.
        bottom: Likewise.
        resamples: Sets of images simulated.
        seed: Of the simulation.

    Returns:
        None where no such interval is to be had: fewer than 5 images, no variance, or 0 for half of the images.

    >>> found = mean_ratio_interval(20.5, np.arange(1.0, 41.0), np.ones(40), resamples=400, seed=0)
    >>> found.low < 20.5 < found.high
    True
    """
    count, values = len(top), np.stack([top, bottom])
    if count < FEWEST or not value > 0 or not (np.median(values, axis=1) > 0).all():
        return None
    influence = top / top.mean() - bottom / bottom.mean()
    error = float(np.sqrt(np.square(influence).mean() / count))
    if error <= ROUNDING:
        return None
    strayed = _simulated_errors(_upper_spread(values), _normal_correlation(values), count, resamples, seed)
    if not np.isfinite(strayed).all():
        return None
    kurtosis = float((influence**4).mean() / np.square(influence).mean() ** 2)
    freedom = min(count - 1, max(1, math.floor(2 * count / max(kurtosis - 1, 1e-9))))
    low, high = np.quantile(strayed, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) * t_quantile(freedom) / Z_95
    return Interval(value, value * math.exp(-high * error), value * math.exp(-low * error))


def _upper_spread(values: Array) -> Array:
    """Standard deviation of the logarithms, `[K, N]` to `[K]`, from those above the median: means depend on these."""
    beyond = [np.log(row[row > middle] / middle) for row, middle in zip(values, np.median(values, axis=1), strict=True)]
    return np.array([np.sqrt(np.square(one).mean()) if len(one) else 0.0 for one in beyond])


def _normal_correlation(values: Array) -> float:
    """Of the normal numbers that two rows are monotone functions of, from the correlation of their ranks."""
    ranks = values.argsort(1, kind="stable").argsort(1, kind="stable")
    rank_correlation = np.asarray(np.corrcoef(ranks))[0, 1]
    return float(2 * np.sin(np.pi / 6 * rank_correlation))


def _simulated_errors(spread: Array, correlation: float, count: int, resamples: int, seed: int) -> Array:
    """Errors of the logarithm of a ratio of means, 0 in truth, in units of the standard error: `[resamples]`.

    Each simulated set comes with the one in which what the two do not share has the other sign: exchanging the two then
    turns the interval over exactly.
    """
    rng = np.random.Generator(np.random.Philox(key=seed + (STREAM << 64)))
    common, own = math.sqrt((1 + correlation) / 2), math.sqrt((1 - correlation) / 2)
    found, step = [], max(1, CHUNK // count)
    half = -(-resamples // 2)
    for k in range(0, half, step):
        u, v = rng.normal(size=(min(step, half - k), 2, count)).swapaxes(0, 1)
        for sign in (own, -own):
            top, bottom = (
                np.exp(s * (common * u + one * v) - s**2 / 2) for s, one in zip(spread, (sign, -sign), strict=True)
            )
            with np.errstate(divide="ignore", invalid="ignore"):
                above, below = top.mean(1, keepdims=True), bottom.mean(1, keepdims=True)
                error = np.sqrt(np.square(top / above - bottom / below).mean(1) / count)
                found.append(np.log(above / below)[:, 0] / error)
    return np.concatenate(found)


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
