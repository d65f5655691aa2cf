"""Ratios of means over the same images, or products of powers of means: intervals, p-values. Pure numpy, float64.

The logarithm of the ratio has a standard error, by linearisation. How many standard errors it strays from the truth is
simulated with log-normal values as many, spread and correlated as these: the images themselves, resampled, know too
little of the rare ones that move a mean most. How well the standard error is known follows from the kurtosis of what it
is made of, and widens the interval by Student's t of so many degrees of freedom (Satterthwaite). How often such
intervals hold is in docs/intervals.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import LEVEL, Z_95, Array, Interval, t_beyond, t_quantile

FEWEST = 5  # images; fewer have no standard error to speak of
ROUNDING = 1e-12  # relative
WIDEST = 300  # of an end of the logarithm's interval, which is beyond any use and still a number
CHUNK = 500_000  # values at a time
STREAM = 5  # beside those of `statistics.generator`


@dataclass(frozen=True)
class MeanRatioErrors:
    """How far the logarithm of a ratio of means may be from the truth.

    Attributes:
        error: Its standard error.
        low: Where 2.5 % of its errors are below, in standard errors that are known; negative.
        high: Where 2.5 % are above; positive.
        freedom: Degrees of freedom that the standard error is known with.
    """

    error: float
    low: float
    high: float
    freedom: int

    @property
    def unit(self) -> float:
        """The standard error, larger by as much as it is less than known."""
        return self.error * t_quantile(self.freedom) / Z_95

    def interval(self, value: float) -> Interval:
        """The 95 % interval of a ratio that came out as `value`."""
        return Interval(value, value * math.exp(-self.high * self.unit), value * math.exp(-self.low * self.unit))

    def p_value(self, log_ratio: float) -> float:
        """Two-sided, of a true ratio of 1: below 0.05 where the interval has no 1 in it."""
        end = self.high if log_ratio > 0 else self.low
        return t_beyond(log_ratio / self.error / end * Z_95, self.freedom)


def mean_ratio_errors(values: Array, powers: Sequence[float], *, resamples: int, seed: int) -> MeanRatioErrors | None:
    """Errors of a product of powers of means: 1 and -1 are the powers of a ratio.

    The opposite powers, with the rows in the opposite order, turn an even number of rows' errors over exactly.

    Args:
        values: One value per image in each row, `[K, N]`, not negative.
        powers: Exponent of each row's mean, K of them.
        resamples: Sets of images simulated.
        seed: Seed of the simulation.

    Returns:
        None if no interval can be given: fewer than 5 images, zero variance, a zero median, or unbounded ends.

    >>> rng = np.random.default_rng(0)
    >>> errors = mean_ratio_errors(rng.lognormal(size=(2, 100)), (1, -1), resamples=400, seed=0)
    >>> errors.low < -1 < 1 < errors.high
    True
    """
    signs, count = np.asarray(powers, dtype=np.float64), values.shape[1]
    if count < FEWEST or not (np.median(values, axis=1) > 0).all():
        return None
    influence = signs @ (values / values.mean(1, keepdims=True) - 1)
    error = float(np.sqrt(np.square(influence).mean() / count))
    if error <= ROUNDING:
        return None
    spread, root = _upper_spread(values), _root(_normal_correlation(values))
    strayed = _simulated_errors(spread, root, signs, count, resamples, seed)
    low, high = np.quantile(strayed, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    kurtosis = float((influence**4).mean() / np.square(influence).mean() ** 2)
    freedom = min(count - 1, max(1, math.floor(2 * count / max(kurtosis - 1, 1e-9))))
    found = MeanRatioErrors(error, low, high, freedom)
    return found if low < 0 < high and max(-low, high) * found.unit < WIDEST else None


def mean_ratio_interval(
    value: float, values: Array, powers: Sequence[float], *, resamples: int, seed: int
) -> Interval | None:
    """95 % interval of a product of powers of means, or of a multiple of it; see `mean_ratio_errors`.

    >>> found = mean_ratio_interval(20.5, np.stack([np.arange(1.0, 41.0), np.ones(40)]), (1, -1), resamples=400, seed=0)
    >>> found.low < 20.5 < found.high
    True
    """
    errors = mean_ratio_errors(values, powers, resamples=resamples, seed=seed)
    return None if errors is None else errors.interval(value)


def _upper_spread(values: Array) -> Array:
    """Standard deviation of the logarithms, `[K, N]` to `[K]`, from those above the median: means depend on these."""
    beyond = [np.log(row[row > middle] / middle) for row, middle in zip(values, np.median(values, axis=1), strict=True)]
    return np.array([np.sqrt(np.square(one).mean()) if len(one) else 0.0 for one in beyond])


def _normal_correlation(values: Array) -> Array:
    """Of the normal numbers that rows `[K, N]` are monotone functions of, from that of their ranks: `[K, K]`."""
    ranks = values.argsort(1, kind="stable").argsort(1, kind="stable")
    return np.asarray(2 * np.sin(np.pi / 6 * np.corrcoef(ranks)))


def _root(correlation: Array) -> Array:
    """The symmetric matrix that makes independent normal numbers so correlated: alike for any order of rows."""
    strength, along = np.linalg.eigh(correlation)
    root = (along * np.sqrt(strength.clip(min=0))) @ along.T  # pairwise estimates need not fit into one law
    return np.asarray(root / np.sqrt(np.square(root).sum(1, keepdims=True)))


def _simulated_errors(spread: Array, root: Array, signs: Array, count: int, resamples: int, seed: int) -> Array:
    """Errors of the logarithm, which is 0 in truth, in units of the standard error: `[resamples]`, or one more.

    Each simulated set comes with the one in which the rows have each other's normal numbers, from the outer ones in.
    """
    rng = np.random.Generator(np.random.Philox(key=seed + (STREAM << 64)))
    half, inner = -(-resamples // 2), -(-len(spread) // 2)
    outer = len(spread) - inner  # one less where the number of rows is odd: the middle row has no partner
    found, step = [], max(1, CHUNK // (2 * inner * count))
    for k in range(0, half, step):
        u, v = rng.normal(size=(min(step, half - k), 2, inner, count)).swapaxes(0, 1)
        for turned in (v, -v):
            normal = np.concatenate([u + turned, (u - turned)[:, :outer][:, ::-1]], axis=1) / math.sqrt(2)
            values = np.exp(spread[:, None] * (root @ normal) - np.square(spread[:, None]) / 2)
            with np.errstate(divide="ignore", invalid="ignore"):
                means = values.mean(2)
                error = np.sqrt(np.square(signs @ (values / means[..., None] - 1)).mean(1) / count)
                found.append(np.log(means) @ signs / error)
    return np.concatenate(found)
