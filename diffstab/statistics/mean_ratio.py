"""Intervals and p-values of ratios of means over the same images, or of products of powers of means.

A few rare images can change a mean most, and a bootstrap over the images knows too little of these. So the error of the
logarithm, in standard errors, is simulated: with log-normal values of the same number, spread and correlation as the
images' values. The standard error is by linearisation and is itself uncertain. Its degrees of freedom follow from the
kurtosis of the linearised values (Satterthwaite), and Student's t with them widens the interval. docs/intervals.md says
how often these intervals contain the true value. Pure numpy, float64.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import LEVEL, Z_95, Array, Interval, t_beyond, t_quantile

FEWEST = 5  # images; the standard error of fewer is too uncertain
ROUNDING = 1e-12  # relative
WIDEST = 300  # of the logarithm's interval, either side; no use beyond, and its exponential must be finite
CHUNK = 500_000  # values at a time
STREAM = 5  # tag of the random stream; `averages.generator` has the other tags


@dataclass(frozen=True)
class MeanRatioErrors:
    """Errors of the logarithm of a ratio of means.

    Attributes:
        error: Standard error of the logarithm.
        low: 2.5 % quantile of the simulated errors, in standard errors; negative.
        high: 97.5 % quantile of the simulated errors, in standard errors; positive.
        freedom: Degrees of freedom of the standard error.
    """

    error: float
    low: float
    high: float
    freedom: int

    @property
    def unit(self) -> float:
        """The standard error, enlarged by Student's t for its uncertainty."""
        return self.error * t_quantile(self.freedom) / Z_95

    def interval(self, value: float) -> Interval:
        """The 95 % interval of a ratio estimated as `value`."""
        return Interval(value, value * math.exp(-self.high * self.unit), value * math.exp(-self.low * self.unit))

    def p_value(self, log_ratio: float) -> float:
        """Two-sided p-value of a true ratio of 1. It is below 0.05 if the interval excludes 1."""
        end = self.high if log_ratio > 0 else self.low
        return t_beyond(log_ratio / self.error / end * Z_95, self.freedom)


def mean_ratio_errors(values: Array, powers: Sequence[float], *, resamples: int, seed: int) -> MeanRatioErrors | None:
    """Errors of a product of powers of means; a ratio has the powers 1 and -1.

    For an even number of rows, opposite powers with the rows in opposite order give exactly the mirrored errors.

    Args:
        values: Values of the images, 0 or more, one row per mean: `[K, N]`.
        powers: Exponents of the rows' means, K numbers.
        resamples: Number of simulated sets of images.
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
    """95 % interval of `value`, a product of powers of means or a multiple of one; see `mean_ratio_errors`.

    >>> found = mean_ratio_interval(20.5, np.stack([np.arange(1.0, 41.0), np.ones(40)]), (1, -1), resamples=400, seed=0)
    >>> found.low < 20.5 < found.high
    True
    """
    errors = mean_ratio_errors(values, powers, resamples=resamples, seed=seed)
    return None if errors is None else errors.interval(value)


def _upper_spread(values: Array) -> Array:
    """Standard deviation of the logarithms, `[K, N]` to `[K]`, from values above the median: means depend on these."""
    beyond = [np.log(row[row > middle] / middle) for row, middle in zip(values, np.median(values, axis=1), strict=True)]
    return np.array([np.sqrt(np.square(one).mean()) if len(one) else 0.0 for one in beyond])


def _normal_correlation(values: Array) -> Array:
    """Correlation `[K, K]` of the normal numbers behind the rows `[K, N]`, computed from the correlation of ranks.

    Each row is taken to be a monotone function of normal numbers.
    """
    ranks = values.argsort(1, kind="stable").argsort(1, kind="stable")
    return np.asarray(2 * np.sin(np.pi / 6 * np.corrcoef(ranks)))


def _root(correlation: Array) -> Array:
    """Symmetric root of a correlation matrix: gives independent normal numbers this correlation, for any row order."""
    strength, along = np.linalg.eigh(correlation)
    root = (along * np.sqrt(strength.clip(min=0))) @ along.T  # pairwise estimates may have negative eigenvalues
    return np.asarray(root / np.sqrt(np.square(root).sum(1, keepdims=True)))


def _simulated_errors(spread: Array, root: Array, signs: Array, count: int, resamples: int, seed: int) -> Array:
    """Simulated errors of the logarithm (true value 0), in standard errors: `[resamples]`, or one more.

    Simulated sets come in pairs. The second set of a pair exchanges the normal numbers of the first and last row, the
    second and last but one, and so on, so that results mirror exactly.
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
