"""The average <c> of c = ||f(x) - f(z)||^2 over pairs of images: from kept outputs, or from kept distances."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .averages import Statistic, average, generator
from .intervals import Array

ALL_PAIRS_UP_TO = 2000  # images; beyond, the median is over SAMPLED_PAIRS seeded pairs
SAMPLED_PAIRS = 2_000_000
WEIGHTED_UP_TO = 200  # images; beyond, the median of a resample is a first-order approximation
PARTNERS = 200  # pairs per image there, on average; with few, the choice of pairs would widen the interval
LEVELS = np.linspace(0.2, 0.8, 121)  # quantiles of the distances; a resample's median lies between two of them


@dataclass(frozen=True)
class OutputPairs:
    """All pairs of images, from kept outputs.

    Attributes:
        outputs: Outputs f(x) of the images, `[N, outputs]`.
    """

    outputs: Array

    def average(self, statistic: Statistic, *, seed: int) -> float:
        """Average <c>: the exact mean over all pairs, or the median.

        The mean is 2 N / (N - 1) (E||f||^2 - ||E f||^2), without N / (N - 1) if images pair with themselves too. The
        median is over all pairs up to N = 2,000 images, beyond over 2e6 seeded pairs.
        """
        count = len(self.outputs)
        if statistic.average == "mean":
            variance = np.square(self.outputs - self.outputs.mean(0)).sum(1).mean()
            return float(2 * variance * (count / (count - 1) if statistic.pairs == "distinct" else 1))
        sampled = SAMPLED_PAIRS if count > ALL_PAIRS_UP_TO else None
        first, second = _pairs(count, sampled, generator(seed, "pairs"))
        return _average(_distances(self.outputs, first, second, statistic), count, statistic)

    def resampled(self, weights: NDArray[np.int64], statistic: Statistic, rng: np.random.Generator) -> Array:
        """<c> of each resample relative to <c> of the sample; `weights` `[resamples, N]` count the images.

        Means are in closed form. Medians, up to 200 images or per coordinate, are weighted medians over a fixed set of
        pairs; a pair's weight is the product of its images' weights. For more images, a first-order approximation.
        """
        outputs, count = self.outputs, len(self.outputs)
        if statistic.average == "mean":
            centred = outputs - outputs.mean(0)
            squares = np.square(centred).sum(1)
            moment = weights @ squares / count - np.square(weights @ centred / count).sum(1)
            moment[moment < 1e-12 * squares.mean()] = np.nan  # a resample of a single image has no pair
            return np.asarray(moment / squares.mean())
        if statistic.per_coordinate:
            pairs, relative = max(20_000 // outputs.shape[1], 10 * count), _relative_medians
        elif count <= WEIGHTED_UP_TO:
            pairs, relative = count * count, _relative_medians
        else:
            pairs, relative = PARTNERS * count // 2, _projected_medians
        first, second = _pairs(count, pairs if pairs < count * (count - 1) // 2 else None, rng)
        return relative(_distances(outputs, first, second, statistic), first, second, weights)

    @property
    def deviations(self) -> Array:
        """Squared distances ||f(x) - <f>||^2 of the images' outputs from their mean, `[N]`."""
        return np.asarray(np.square(self.outputs - self.outputs.mean(0)).sum(1))


@dataclass(frozen=True)
class KeptPairs:
    """Random pairs of images whose distances are kept, for layers with outputs too large to keep.

    Attributes:
        first, second: Places of the images of each pair, `[P]`.
        distances: Squared distances c of the pairs, `[P]`.
        mean: Exact mean of c over all pairs of distinct images.
        images: Number of images N.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: Array
    mean: float
    images: int

    def average(self, statistic: Statistic, *, seed: int) -> float:
        """Average <c>: the mean over all pairs, or the median over the kept pairs."""
        if statistic.average == "mean":
            return self.mean * (1 if statistic.pairs == "distinct" else (self.images - 1) / self.images)
        return _average([self.distances], self.images, statistic)

    def resampled(self, weights: NDArray[np.int64], statistic: Statistic, rng: np.random.Generator) -> Array:
        """<c> of each resample over the kept pairs; a pair's weight is the product of its images' weights."""
        if statistic.average == "median":
            return _relative_medians([self.distances], self.first, self.second, weights)
        by_pair = weights[:, self.first] * weights[:, self.second]
        with np.errstate(invalid="ignore"):
            return np.asarray(by_pair @ self.distances / by_pair.sum(1) / self.distances.mean())

    @property
    def deviations(self) -> None:
        """Always None, since outputs are not kept."""


def _average(distances: Iterable[Array], count: int, statistic: Statistic) -> float:
    """Median of the pairs' distances in each array, summed over the arrays."""
    total = 0.0
    for squared in distances:
        if statistic.pairs == "all":  # (x, z), (z, x) and the diagonal, whose share of all pairs is 1 / N
            squared = np.concatenate([squared, squared, np.zeros(round(2 * len(squared) / (count - 1)))])
        total += float(average(squared[:, None], statistic))
    return total


def _distances(
    outputs: Array, first: NDArray[np.int64], second: NDArray[np.int64], statistic: Statistic
) -> Iterator[Array]:
    """Squared distances c of the pairs, `[P]`: one array for the squared norm, or one per output coordinate."""
    squares = (np.square(column[first] - column[second]) for column in outputs.T)
    if statistic.per_coordinate:
        yield from squares
    else:
        yield np.asarray(sum(squares))


def _pairs(count: int, sampled: int | None, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of pairs of distinct images: all pairs, or `sampled` random ones."""
    if sampled is None:
        return np.triu_indices(count, k=1)
    first = rng.integers(0, count, sampled)
    return first, (first + rng.integers(1, count, sampled)) % count


def _relative_medians(
    distances: Iterable[Array], first: NDArray[np.int64], second: NDArray[np.int64], weights: NDArray[np.int64]
) -> Array:
    """Weighted medians of the resamples, divided by the median of the pairs; both are summed over the arrays."""
    resampled, whole = np.zeros(len(weights)), 0.0
    for squared in distances:
        order = squared.argsort()
        resampled += _weighted_medians(squared[order], first[order], second[order], weights)
        whole += float(squared[order][(len(order) - 1) // 2])
    return resampled / whole


def _weighted_medians(
    rising: Array, first: NDArray[np.int64], second: NDArray[np.int64], weights: NDArray[np.int64]
) -> Array:
    """Lower medians of sorted pair distances, for each row of the images' weights."""
    by_image = np.ascontiguousarray(weights.T.astype(np.float32))
    chunk = max(1, 1_000_000 // len(rising))
    medians = np.empty(len(weights))
    for k in range(0, len(weights), chunk):
        part = by_image[:, k : k + chunk]
        cumulated = np.cumsum(part[first] * part[second], axis=0, dtype=np.float64)
        medians[k : k + chunk] = rising[(cumulated < cumulated[-1] / 2).sum(0)]
        medians[k : k + chunk][cumulated[-1] == 0] = np.nan  # a resample of a single image has no pair
    return medians


def _projected_medians(
    distances: Iterable[Array], first: NDArray[np.int64], second: NDArray[np.int64], weights: NDArray[np.int64]
) -> Array:
    """Approximates `_relative_medians` of one array, to first order in the images' shares s (Hajek's projection).

    In a resample, the share of distances up to m is about 2 sum_i s_i F_i(m) - F(m). F_i is the share among distances
    to image i, F the mean of the F_i. Terms of order 1 / N are neglected.
    """
    (squared,) = distances
    count = weights.shape[1]
    levels = np.quantile(squared, LEVELS)
    places = np.searchsorted(levels, squared)
    found = sum(
        np.bincount(own * (len(levels) + 1) + places, minlength=count * (len(levels) + 1)) for own in (first, second)
    )
    counts = np.reshape(found, (count, -1)).cumsum(1)
    by_image = counts[:, :-1] / counts[:, -1:].clip(min=1)
    rows = np.concatenate([np.ones((1, count), dtype=np.int64), weights])
    reached = 2 * (rows / rows.sum(1, keepdims=True)) @ by_image - by_image.mean(0)
    at = (reached < 0.5).sum(1).clip(1, len(levels) - 1)
    low, high = (np.take_along_axis(reached, at[:, None] - k, 1)[:, 0] for k in (1, 0))
    part = ((0.5 - low) / np.where(high > low, high - low, 1)).clip(0, 1)
    medians = levels[at - 1] + part * (levels[at] - levels[at - 1])
    return np.asarray(medians[1:] / medians[0])
