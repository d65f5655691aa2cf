"""D_f, G_f, R_f and their intervals from squared changes of a network's output. Pure, numpy, float64.

For image x and draw k, a = ||f(tau x) - f(x)||^2 (the image deformed by the field tau) and b = ||f(x + eta) - f(x)||^2
(with the noise eta). For pairs of images c = ||f(x) - f(z)||^2. Then D = <a> / <c>, G = <b> / <c>, R = <a> / <b>
(Eqs. 4, 5); a lower R is more stable. Each is a ratio of averages over all images and draws, not an average of ratios.

Arrays of squared changes are `[N, draws, K]`. K is 1 for the squared norm. K is the number of outputs if medians are
taken per output coordinate and then summed (the rule of the published code).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .averages import Statistic, average, by_image, drawn_images, resampled_average
from .intervals import Array, Interval, percentile_interval
from .mean_ratio import mean_ratio_interval


class Pairs(Protocol):
    """Pairs of images, for the average <c> over them; the module `pairs` has the classes."""

    def average(self, statistic: Statistic, *, seed: int) -> float:
        """Average <c> over the pairs."""

    def resampled(self, weights: NDArray[np.int64], statistic: Statistic, rng: np.random.Generator) -> Array:
        """<c> of each resample relative to <c> of the sample; `weights` `[resamples, N]` count the images."""

    @property
    def deviations(self) -> Array | None:
        """Squared distances ||f(x) - <f>||^2 of the images' outputs from their mean, `[N]`; None if not kept.

        Their mean is half of the mean of c, up to the factor N / (N - 1).
        """


@dataclass(frozen=True, eq=False)
class SampledRadius:
    """The noise radius r = <||tau x - x||> (Eq. 4) of a sample, and the power of r with which <b> grows.

    A sample with large changes of the images has a large <a> and, through r, a large <b>. An interval of R = <a> / <b>
    that treats r as fixed is therefore too wide. If r changes by a factor over other images, <b> changes by a power of
    it.

    Attributes:
        norms: Norms ||tau x - x|| of the images' changes, `[N, draws]`.
        exponent: Power d log <b> / d log r, dimensionless; 2 for a linear network.
        average: `median` or `mean`, the average that defines r.
    """

    norms: Array
    exponent: float
    average: str

    def change_of_noise(self, weights: NDArray[np.int64]) -> Array:
        """Factor by which <b> changes in each resample through its radius: `[resamples, N]` to `[resamples]`.

        >>> radius = SampledRadius(np.array([[1.0], [3.0]]), 2.0, "mean")
        >>> radius.change_of_noise(np.array([[1, 1], [0, 2]]))
        array([1.  , 2.25])
        """
        rule = Statistic(self.average)
        whole = average(self.norms.reshape(-1, 1), rule)
        return np.asarray((resampled_average(self.norms[..., None], weights, rule) / whole) ** self.exponent)


def stability(
    deformation: Array,
    noise: Array,
    pairs: Pairs | None,
    statistic: Statistic,
    *,
    resamples: int,
    seed: int,
    radius: SampledRadius | None = None,
    copies: NDArray[np.int64] | None = None,
) -> dict[str, Interval]:
    """Computes D, G and R with 95 % intervals over images; the draws of one image stay together.

    Medians get bootstrap percentile intervals. Means get `mean_ratio_interval`, except D and G if the pairs' outputs
    are not kept.

    Args:
        deformation: Squared changes a under deformation, `[N, draws, K]`.
        noise: Squared changes b under noise, `[N, draws, K]`.
        pairs: Pairs of different images, for c; None for R alone.
        statistic: Averages that define D, G and R.
        resamples: Number of bootstrap resamples.
        seed: Seed of the resamples and, beyond 2,000 images, of the pairs.
        radius: Noise radius, if it is an average over these images and so varies with them. None for a fixed radius. A
            median radius with means of a counts as fixed.
        copies: Index of the distinct image that each image is a copy of, `[N]`; `pairs` are those of distinct images.
            None if all images are distinct.

    Raises:
        ValueError: If there are fewer than 2 images, or if <b> or <c> is 0, so that the ratios are not defined.

    >>> a, b = np.array([[[2.0]], [[4.0]]]), np.array([[[1.0]], [[2.0]]])
    >>> stability(a, b, None, Statistic(), resamples=100, seed=0)
    {'R': Interval(value=2.0, low=2.0, high=2.0)}
    """
    width = deformation.shape[2]
    count = len(deformation) if copies is None else int(copies.max()) + 1
    if count < 2 and pairs is not None:
        copied = "" if copies is None else f"{len(copies)} copies of "
        raise ValueError(f"{copied}{count} image; D_f and G_f compare images, so at least 2 are needed")
    a, b = (float(average(v.reshape(-1, width), statistic)) for v in (deformation, noise))
    c = 1.0 if pairs is None else pairs.average(statistic, seed=seed)
    if b == 0:
        raise ValueError("the network's output does not change under noise (<b> = 0), so R_f = a / 0 is not defined")
    if c == 0:
        raise ValueError("the network's output is the same for all images (<c> = 0), so D_f and G_f are not defined")
    if radius is not None and (statistic.average, radius.average) == ("mean", "median"):
        radius = None
    weights, rng = drawn_images(count, resamples, seed)
    own = weights if copies is None else weights[:, copies]
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may have a single image, or no change at all
        sampled_a, sampled_b = (resampled_average(v, own, statistic) for v in (deformation, noise))
        sampled_b = sampled_b if radius is None else sampled_b * radius.change_of_noise(own)
        sampled_c = c * pairs.resampled(weights, statistic, rng) if pairs is not None else np.ones(resamples)
        sampled = {"D": sampled_a / sampled_c, "G": sampled_b / sampled_c, "R": sampled_a / sampled_b}
    values = {"D": a / c, "G": b / c, "R": a / b}
    found: dict[str, Interval | None] = dict.fromkeys(values)
    if statistic.average == "mean":
        rows = _rows_of_means(deformation, noise, None if pairs is None else pairs.deviations, radius, copies)
        found |= _of_means(values, rows, radius.exponent if radius else 0.0, resamples=resamples, seed=seed)
    asked = values if pairs is not None else "R"
    return {name: found[name] or percentile_interval(values[name], sampled[name]) for name in asked}


def _of_means(
    values: Mapping[str, float],
    rows: Mapping[str, Array],
    exponent: float,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Interval | None]:
    """Intervals of D, G and R by `mean_ratio_interval`; None if that gives none.

    Args:
        values: Estimates of D, G and R.
        rows: Per-image sums of a, b, c and of the radius r, and numbers of copies n, as far as known: `[N]` each.
        exponent: Power g with which noise changes grow with the radius: <b> is proportional to r^g.
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
    """Per-image values of the means a, b, c and r; copies of an image are summed."""
    rows = {"a": by_image(deformation), "b": by_image(noise)}
    if radius is not None:
        rows["r"] = by_image(radius.norms[..., None])
    if copies is not None:
        counts = np.bincount(copies)
        rows = {name: np.asarray(np.bincount(copies, row), dtype=np.float64) for name, row in rows.items()}
        if radius is not None and np.ptp(counts) > 0:
            rows["n"] = counts.astype(np.float64)
    return rows if deviations is None else {**rows, "c": deviations}


def largest_ratio(top: Array, bottom: Array, *, resamples: int, seed: int) -> Interval | None:
    """The largest ratio over images and draws `[N, draws]`, with its interval over images.

    Denominators of 0 and NaN are left out; None if none remains. The interval is a bootstrap percentile interval. Its
    upper end is almost always the value itself, since a resample can't have a larger ratio.

    >>> largest_ratio(np.array([[1.0], [6.0]]), np.array([[1.0], [2.0]]), resamples=100, seed=0)
    Interval(value=3.0, low=1.0, high=3.0)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(bottom > 0, top / bottom, -np.inf).max(1)
    if not np.isfinite(ratios).any():
        return None
    falling, count = (-ratios).argsort(), len(ratios)
    weights, _ = drawn_images(count, resamples, seed)
    sampled = ratios[falling][(weights[:, falling] > 0).argmax(1)]
    return percentile_interval(float(ratios.max()), sampled)
