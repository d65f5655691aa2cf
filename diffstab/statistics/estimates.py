"""D_f, G_f, R_f and their intervals from squared changes of a network's output. Pure, numpy, float64.

For image x and draw k, a = ||f(tau x) - f(x)||^2 and b = ||f(x + eta) - f(x)||^2; for pairs of images
c = ||f(x) - f(z)||^2. Then D = <a> / <c>, G = <b> / <c>, R = <a> / <b> (Eqs. 4, 5): the ratio of averages over all
images and draws, never the average of ratios.

Arrays of squared changes are `[N, draws, K]`: K = 1 for the squared norm; K = number of outputs where the median is
taken per output coordinate and then summed (the published code's rule).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..checks import one_of
from ..options.choices import AVERAGES, MEDIAN_RULES, PAIR_RULES
from .intervals import Array, Interval, percentile_interval
from .mean_ratio import mean_ratio_interval


@dataclass(frozen=True)
class Statistic:
    """Which averages are taken: see `settings.Convention` for the rules."""

    average: str = "median"
    median_rule: str = "norm"
    pairs: str = "distinct"

    def __post_init__(self) -> None:
        one_of("average", self.average, AVERAGES)
        one_of("median_rule", self.median_rule, MEDIAN_RULES)
        one_of("pairs", self.pairs, PAIR_RULES)

    @property
    def per_coordinate(self) -> bool:
        """Whether squared changes are kept per output coordinate."""
        return self.average == "median" and self.median_rule == "coordinate"


def average(values: Array, statistic: Statistic) -> Array:
    """<.> over the second to last axis, summed over the last: `[..., M, K]` to `[...]`.

    The median of an even number is the mean of the middle two under the rule `norm`, the lower one under `coordinate`.

    >>> float(average(np.array([[1.0], [2.0], [4.0], [9.0]]), Statistic()))
    3.0
    """
    if statistic.average == "mean":
        return np.asarray(values.mean(-2).sum(-1))
    if statistic.median_rule == "norm":
        return np.asarray(np.median(values, axis=-2).sum(-1))
    middle = (values.shape[-2] - 1) // 2
    return np.asarray(np.partition(values, middle, axis=-2)[..., middle, :].sum(-1))


class Pairs(Protocol):
    """The pairs of images that <c> is taken over; see `pairs`."""

    def average(self, statistic: Statistic, *, seed: int) -> float:
        """<c>."""

    def resampled(self, weights: NDArray[np.int64], statistic: Statistic, rng: np.random.Generator) -> Array:
        """<c> of each resample, given as multiplicities `[resamples, N]`, relative to <c> of the sample."""

    @property
    def deviations(self) -> Array | None:
        """||h(x) - <h>||^2 of each image, `[N]`; None where outputs are not kept.

        Their mean is half of the mean of c, but for N / (N - 1).
        """


def stability(
    deformation: Array,
    noise: Array,
    pairs: Pairs,
    statistic: Statistic,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Interval]:
    """D, G and R with bootstrap intervals over images; the draws of one image stay together.

    Percentiles for medians; for means `mean_ratio_interval`, but for pairs whose outputs are not kept.

    Args:
        deformation: a, `[N, draws, K]`.
        noise: b, `[N, draws, K]`.
        pairs: Of images, for c.
        statistic: Which averages.
        resamples: Bootstrap resamples.
        seed: Of the resamples and, beyond 2,000 images, of the pairs.

    Raises:
        ValueError: If there are fewer than 2 images, or if <b> or <c> is 0, where the ratios are not defined.
    """
    count, _, width = deformation.shape
    if count < 2:
        raise ValueError(f"{count} image; D_f and G_f compare images, so at least 2 are needed")
    a, b = (float(average(v.reshape(-1, width), statistic)) for v in (deformation, noise))
    c = pairs.average(statistic, seed=seed)
    if b == 0:
        raise ValueError("the network's output does not change under noise (<b> = 0), so R_f = a / 0 is not defined")
    if c == 0:
        raise ValueError("the network's output is the same for all images (<c> = 0), so D_f and G_f are not defined")
    rng = generator(seed, "bootstrap")
    weights = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    sampled_a, sampled_b = (resampled_average(v, weights, statistic) for v in (deformation, noise))
    sampled_c = c * pairs.resampled(weights, statistic, rng)
    deviations = pairs.deviations if statistic.average == "mean" else None
    # a resample may hold one image, or only ones that don't change
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "D": _interval(a / c, sampled_a / sampled_c, deformation, deviations, statistic, seed),
            "G": _interval(b / c, sampled_b / sampled_c, noise, deviations, statistic, seed),
            "R": _interval(a / b, sampled_a / sampled_b, deformation, by_image(noise), statistic, seed),
        }


def _interval(
    value: float, sampled: Array, top: Array, bottom: Array | None, statistic: Statistic, seed: int
) -> Interval:
    """Of a ratio of averages, `[resamples]` of it given: by `mean_ratio_interval` where that is to be had.

    Args:
        value: The ratio.
        sampled: In each resample.
        top: `[N, draws, K]`, in the numerator.
        bottom: One value per image, `[N]`, whose mean is in the denominator; None where that isn't known.
        statistic: Which averages.
        seed: Of the simulation.
    """
    found = None
    if statistic.average == "mean" and bottom is not None:
        found = mean_ratio_interval(value, by_image(top), bottom, resamples=len(sampled), seed=seed)
    return found or percentile_interval(value, sampled)


def by_image(values: Array) -> Array:
    """What each image adds to a mean: `[N, draws, K]` to `[N]`."""
    return np.asarray(values.mean(1).sum(-1))


def relative_stability(
    deformation: Array, noise: Array, statistic: Statistic, *, resamples: int, seed: int
) -> Interval:
    """R alone, as `stability` gives it, without pairs of images; raises ValueError if <b> is 0.

    >>> a, b = np.array([[[2.0]], [[4.0]]]), np.array([[[1.0]], [[2.0]]])
    >>> relative_stability(a, b, Statistic(), resamples=100, seed=0)
    Interval(value=2.0, low=2.0, high=2.0)
    """
    count, _, width = deformation.shape
    a, b = (float(average(v.reshape(-1, width), statistic)) for v in (deformation, noise))
    if b == 0:
        raise ValueError("the network's output does not change under noise (<b> = 0), so R_f = a / 0 is not defined")
    weights = generator(seed, "bootstrap").multinomial(count, np.full(count, 1 / count), size=resamples)
    sampled_a, sampled_b = (resampled_average(v, weights, statistic) for v in (deformation, noise))
    with np.errstate(divide="ignore", invalid="ignore"):
        return _interval(a / b, sampled_a / sampled_b, deformation, by_image(noise), statistic, seed)


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A stream of its own for each purpose."""
    tag = {"bootstrap": 1, "pairs": 2, "training images": 3, "label noise": 4}[purpose]
    return np.random.Generator(np.random.Philox(key=seed + (tag << 64)))


def resampled_average(values: Array, weights: NDArray[np.int64], statistic: Statistic) -> Array:
    """<.> of `[N, draws, K]` with its images repeated, for each row of multiplicities `[resamples, N]`.

    Equal to `average` over the repeated values; a row's sum is free, and a row of zeros gives NaN.

    >>> resampled_average(np.array([[[1.0]], [[2.0]], [[5.0]]]), np.array([[1, 1, 1], [2, 2, 0]]), Statistic())
    array([2. , 1.5])
    """
    if statistic.average == "mean":
        with np.errstate(invalid="ignore"):
            return np.asarray(weights @ by_image(values) / weights.sum(1))
    narrow = weights.astype(np.int32)
    columns = [_repeated_medians(column, narrow, statistic) for column in np.moveaxis(values, -1, 0)]
    return np.asarray(np.stack(columns, axis=-1).sum(-1))


def _repeated_medians(values: Array, weights: NDArray[np.int32], statistic: Statistic) -> Array:
    """The median of `[N, draws]` with its images repeated: the value where the cumulated multiplicity passes half."""
    order = values.ravel().argsort()
    rising, images = values.ravel()[order], order // values.shape[1]
    chunk = max(1, 250_000 // len(order))  # resamples at a time: 1 MB, which stays in the processor's cache
    medians = np.empty(len(weights))
    for k in range(0, len(weights), chunk):
        cumulated = weights[k : k + chunk].take(images, axis=1).cumsum(axis=1, dtype=np.int32)
        total = cumulated[:, -1:]
        low, high = ((cumulated <= rank).sum(1).clip(max=len(order) - 1) for rank in ((total - 1) // 2, total // 2))
        middle = (rising[low] + rising[high]) / 2 if statistic.median_rule == "norm" else rising[low]
        medians[k : k + chunk] = np.where(total[:, 0] > 0, middle, np.nan)
    return medians


def largest_ratio(top: Array, bottom: Array, *, resamples: int, seed: int) -> Interval | None:
    """The largest ratio over images and draws `[N, draws]`, bottoms of 0 and NaN left out; None if all are.

    Its percentile-bootstrap interval over images: the value itself is its upper end almost always.

    >>> largest_ratio(np.array([[1.0], [6.0]]), np.array([[1.0], [2.0]]), resamples=100, seed=0)
    Interval(value=3.0, low=1.0, high=3.0)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(bottom > 0, top / bottom, -np.inf).max(1)
    if not np.isfinite(ratios).any():
        return None
    falling, count = (-ratios).argsort(), len(ratios)
    weights = generator(seed, "bootstrap").multinomial(count, np.full(count, 1 / count), size=resamples)
    sampled = ratios[falling][(weights[:, falling] > 0).argmax(1)]
    return percentile_interval(float(ratios.max()), sampled)


def log_average(values: Array) -> tuple[float, float]:
    """exp(mean(log v)) and the standard deviation of log v: the average over trained networks (Fig. 3).

    >>> log_average(np.array([0.1, 0.1]))
    (0.1..., 0.0)
    """
    logs = np.log(_positive(values))
    return float(np.exp(logs.mean())), float(logs.std(ddof=1)) if len(logs) > 1 else 0.0


def log_correlation(first: Array, second: Array) -> float:
    """Pearson correlation of the logarithms (Fig. 5).

    >>> round(log_correlation(np.array([1.0, 2.0, 4.0]), np.array([3.0, 12.0, 48.0])), 12)
    1.0
    """
    return float(np.corrcoef(np.log(_positive(first)), np.log(_positive(second)))[0, 1])


def power_law(x: Array, y: Array, *, exponent: float | None = None) -> tuple[float, float]:
    """(a, b) of y = a x^b, least squares in the logarithms; with `exponent`, b is fixed at it.

    >>> a, b = power_law(np.array([1.0, 4.0, 9.0]), np.array([0.2, 0.4, 0.6]))
    >>> round(a, 12), round(b, 12)
    (0.2, 0.5)
    """
    log_x, log_y = np.log(_positive(x)), np.log(_positive(y))
    if exponent is None:
        exponent = float(np.polyfit(log_x, log_y, 1)[0])
    return float(np.exp((log_y - exponent * log_x).mean())), exponent


def _positive(values: Array) -> Array:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not (values > 0).all():
        raise ValueError(f"values are {values!r}; a list of positive numbers is needed, since logarithms are taken")
    return values
