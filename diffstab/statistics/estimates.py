"""D_f, G_f, R_f and their intervals from squared changes of a network's output. Pure, numpy, float64.

For image x and draw k, a = ||f(tau x) - f(x)||^2 and b = ||f(x + eta) - f(x)||^2; for pairs of images
c = ||f(x) - f(z)||^2. Then D = <a> / <c>, G = <b> / <c>, R = <a> / <b> (Eqs. 4, 5): the ratio of averages over all
images and draws, never the average of ratios.

Arrays of squared changes are `[N, draws, K]`: K = 1 for the squared norm; K = number of outputs where the median is
taken per output coordinate and then summed (the published code's rule).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .averages import Statistic, average, by_image, generator, resampled_average
from .intervals import Array, Interval, percentile_interval
from .mean_ratio import mean_ratio_interval


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
