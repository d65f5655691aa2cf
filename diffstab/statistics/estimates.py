"""D_f, G_f, R_f and their intervals from squared changes of a network's output. Pure, numpy, float64.

For image x and draw k, a = ||f(tau x) - f(x)||^2 and b = ||f(x + eta) - f(x)||^2; for pairs of images
c = ||f(x) - f(z)||^2. Then D = <a> / <c>, G = <b> / <c>, R = <a> / <b> (Eqs. 4, 5): the ratio of averages over all
images and draws, never the average of ratios.

Arrays of squared changes are `[N, draws, K]`: K = 1 for the squared norm; K = number of outputs where the median is
taken per output coordinate and then summed (the published code's rule).
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .averages import Statistic, average, by_image, generator, resampled_average
from .intervals import Array, Interval, percentile_interval
from .mean_ratio import mean_ratio_interval
from .radius import SampledRadius


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
    radius: SampledRadius | None = None,
    copies: NDArray[np.int64] | None = None,
) -> dict[str, Interval]:
    """D, G and R with bootstrap intervals over images; the draws of one image stay together.

    Medians have percentile intervals. Means have `mean_ratio_interval`, except over pairs whose outputs are not kept.

    Args:
        deformation: a, `[N, draws, K]`.
        noise: b, `[N, draws, K]`.
        pairs: Pairs of different images, for c.
        statistic: Which averages.
        resamples: Bootstrap resamples.
        seed: Seed of the resamples and, beyond 2,000 images, of the pairs.
        radius: The noise radius, where it is an average over these images; None takes it as given. If a is averaged by
            the mean and the radius by the median, it is taken as given too.
        copies: Number of the different image that each image is, `[N]`, for `pairs` over these; None: all differ.

    Raises:
        ValueError: If there are fewer than 2 images, or if <b> or <c> is 0, where the ratios are not defined.
    """
    width = deformation.shape[2]
    count = len(deformation) if copies is None else int(copies.max()) + 1
    if count < 2:
        copied = "" if copies is None else f"{len(copies)} copies of "
        raise ValueError(f"{copied}{count} image; D_f and G_f compare images, so at least 2 are needed")
    a, b = (float(average(v.reshape(-1, width), statistic)) for v in (deformation, noise))
    c = pairs.average(statistic, seed=seed)
    if b == 0:
        raise ValueError("the network's output does not change under noise (<b> = 0), so R_f = a / 0 is not defined")
    if c == 0:
        raise ValueError("the network's output is the same for all images (<c> = 0), so D_f and G_f are not defined")
    if radius is not None and (statistic.average, radius.average) == ("mean", "median"):
        radius = None
    rng = generator(seed, "bootstrap")
    weights = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    own = weights if copies is None else weights[:, copies]
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may hold one image, or ones that don't change
        sampled_a, sampled_b = (resampled_average(v, own, statistic) for v in (deformation, noise))
        sampled_b = sampled_b if radius is None else sampled_b * radius.change_of_noise(own)
        sampled_c = c * pairs.resampled(weights, statistic, rng)
        sampled = {"D": sampled_a / sampled_c, "G": sampled_b / sampled_c, "R": sampled_a / sampled_b}
    values = {"D": a / c, "G": b / c, "R": a / b}
    found: dict[str, Interval | None] = dict.fromkeys(values)
    if statistic.average == "mean":
        rows = _rows_of_means(deformation, noise, pairs.deviations, radius, copies)
        found |= _of_means(values, rows, radius.exponent if radius else 0.0, resamples=resamples, seed=seed)
    return {name: found[name] or percentile_interval(values[name], sampled[name]) for name in values}


def _of_means(
    values: Mapping[str, float],
    rows: Mapping[str, Array],
    exponent: float,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Interval | None]:
    """Intervals of D, G and R by `mean_ratio_interval`; None where there is none.

    Args:
        values: D, G and R.
        rows: Sums of a, b, c and r of each image, and its number of copies n, where they are known: `[N]` each.
        exponent: g, where <b> is a multiple of r^g.
    """
    radius = {"r": exponent, "n": -exponent}  # r is a ratio of sums
    turned = {name: -power for name, power in radius.items()}
    powers = {
        "D": {"a": 1.0, "c": -1.0},
        "G": {"b": 1.0, **radius, "c": -1.0},
        "R": {"a": 1.0, **turned, "b": -1.0},
    }
    found: dict[str, Interval | None] = {}
    for letter, own in powers.items():
        known = {name: power for name, power in own.items() if name in rows}
        if known.keys() >= own.keys() - radius.keys():
            stacked = np.stack([rows[name] for name in known])
            options = {"resamples": resamples, "seed": seed}
            found[letter] = mean_ratio_interval(values[letter], stacked, [*known.values()], **options)
    return found


def _rows_of_means(
    deformation: Array,
    noise: Array,
    deviations: Array | None,
    radius: SampledRadius | None,
    copies: NDArray[np.int64] | None,
) -> dict[str, Array]:
    """What each image adds to the means; copies of an image together."""
    rows = {"a": by_image(deformation), "b": by_image(noise)}
    if radius is not None:
        rows["r"] = by_image(radius.norms[..., None])
    if copies is not None:
        counts = np.bincount(copies)
        rows = {name: np.asarray(np.bincount(copies, row), dtype=np.float64) for name, row in rows.items()}
        if radius is not None and np.ptp(counts) > 0:
            rows["n"] = counts.astype(np.float64)
    return rows if deviations is None else {**rows, "c": deviations}


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
    found = None
    if statistic.average == "mean":
        both = np.stack([by_image(deformation), by_image(noise)])
        found = mean_ratio_interval(a / b, both, (1, -1), resamples=resamples, seed=seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        return found or percentile_interval(a / b, sampled_a / sampled_b)


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
