"""Averages over images and draws: of the sample and of its bootstrap resamples. Pure numpy, float64.

A draw is one random deformation and one noise vector of an image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import one_of
from ..options import AVERAGES, MEDIAN_RULES, PAIR_RULES
from .intervals import Array

MOST_KEPT = 2**22  # numbers of the last resamples that are kept: 32 MB


@dataclass(frozen=True)
class Statistic:
    """The choice of averages: mean or median, and their rules. `options.Convention` explains the values."""

    average: str = "median"
    median_rule: str = "norm"
    pairs: str = "distinct"

    def __post_init__(self) -> None:
        one_of("average", self.average, AVERAGES)
        one_of("median_rule", self.median_rule, MEDIAN_RULES)
        one_of("pairs", self.pairs, PAIR_RULES)

    @property
    def per_coordinate(self) -> bool:
        """True if squared changes must be kept per output coordinate."""
        return self.average == "median" and self.median_rule == "coordinate"


def average(values: Array, statistic: Statistic) -> Array:
    """Average over the second to last axis, then sum over the last: `[..., M, K]` to `[...]`.

    The median of an even number of values is the mean of the middle two (rule `norm`) or the lower one (`coordinate`).

    >>> float(average(np.array([[1.0], [2.0], [4.0], [9.0]]), Statistic()))
    3.0
    """
    if statistic.average == "mean":
        return np.asarray(values.mean(-2).sum(-1))
    if statistic.median_rule == "norm":
        return np.asarray(np.median(values, axis=-2).sum(-1))
    middle = (values.shape[-2] - 1) // 2
    return np.asarray(np.partition(values, middle, axis=-2)[..., middle, :].sum(-1))


def by_image(values: Array) -> Array:
    """Per-image values of a mean: averages draws and sums outputs, `[N, draws, K]` to `[N]`."""
    return np.asarray(values.mean(1).sum(-1))


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A random generator for one seed and purpose. Streams of different purposes are independent."""
    tag = {"bootstrap": 1, "pairs": 2, "training images": 3, "label noise": 4}[purpose]
    return np.random.Generator(np.random.Philox(key=seed + (tag << 64)))


def drawn_images(count: int, resamples: int, seed: int) -> tuple[NDArray[np.int64], np.random.Generator]:
    """Draws how often each resample has each image, `[resamples, count]`, read-only; and the generator to go on with.

    The last draw is kept: a network's output, its layers and its largest ratio have the same resamples.

    >>> weights, rng = drawn_images(5, resamples=3, seed=0)
    >>> weights.sum(1)
    array([5, 5, 5])
    """
    draw = _drawn_images if count * resamples <= MOST_KEPT else _drawn_images.__wrapped__
    weights, state = draw(count, resamples, seed)
    rng = generator(seed, "bootstrap")
    rng.bit_generator.state = state
    return weights, rng


@lru_cache(maxsize=1)
def _drawn_images(count: int, resamples: int, seed: int) -> tuple[NDArray[np.int64], Mapping[str, Any]]:
    rng = generator(seed, "bootstrap")
    weights = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    weights.setflags(write=False)
    return weights, rng.bit_generator.state


def resampled_average(values: Array, weights: NDArray[np.int64], statistic: Statistic) -> Array:
    """Averages of resamples of `[N, draws, K]`: row by row, `weights` `[resamples, N]` says how often an image counts.

    Equal to `average` over the repeated values. Rows may have any sum; a row of zeros gives NaN.

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
    """Medians of `[N, draws]` with images repeated: the value at which the cumulated repetitions pass one half."""
    order = values.ravel().argsort()
    rising, images = values.ravel()[order], order // values.shape[1]
    chunk = max(1, 250_000 // len(order))  # resamples at a time: 1 MB fits in the processor's cache
    medians = np.empty(len(weights))
    for k in range(0, len(weights), chunk):
        cumulated = weights[k : k + chunk].take(images, axis=1).cumsum(axis=1, dtype=np.int32)
        total = cumulated[:, -1:]
        low, high = ((cumulated <= rank).sum(1).clip(max=len(order) - 1) for rank in ((total - 1) // 2, total // 2))
        middle = (rising[low] + rising[high]) / 2 if statistic.median_rule == "norm" else rising[low]
        medians[k : k + chunk] = np.where(total[:, 0] > 0, middle, np.nan)
    return medians


def log_average(values: Array) -> tuple[float, float]:
    """Log-average exp(mean(log v)) and standard deviation of log v, as the paper averages trained networks (Fig. 3).

    >>> log_average(np.array([0.1, 0.1]))
    (0.1..., 0.0)
    """
    logs = np.log(positive(values))
    return float(np.exp(logs.mean())), float(logs.std(ddof=1)) if len(logs) > 1 else 0.0


def positive(values: Array) -> Array:
    """Returns the values in float64. Raises ValueError unless all are above 0, since logarithms are taken."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not (values > 0).all():
        raise ValueError(f"values are {values!r}; a list of positive numbers is needed, since logarithms are taken")
    return values
