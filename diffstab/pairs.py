"""<c>, the average of c = ||h(x) - h(z)||^2 over pairs of images: from kept outputs, or from kept distances."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .intervals import Array
from .statistics import Statistic, average, generator

ALL_PAIRS_UP_TO = 2000  # images; beyond, the median over pairs is that of SAMPLED_PAIRS seeded ones
SAMPLED_PAIRS = 2_000_000


@dataclass(frozen=True)
class OutputPairs:
    """All pairs of images whose outputs are kept.

    Attributes:
        outputs: f(x), `[N, outputs]`.
    """

    outputs: Array

    def average(self, statistic: Statistic, *, seed: int) -> float:
        """The mean exactly, as 2 N / (N - 1) (E||f||^2 - ||E f||^2); without N / (N - 1) if an image pairs with itself.

        The median over all pairs up to N = 2,000, else over 2e6 seeded ones.
        """
        count = len(self.outputs)
        if statistic.average == "mean":
            variance = np.square(self.outputs - self.outputs.mean(0)).sum(1).mean()
            return float(2 * variance * (count / (count - 1) if statistic.pairs == "distinct" else 1))
        sampled = SAMPLED_PAIRS if count > ALL_PAIRS_UP_TO else None
        first, second = _pairs(count, sampled, generator(seed, "pairs"))
        return _average(_distances(self.outputs, first, second, statistic), count, statistic)

    def resampled(self, weights: NDArray[np.int64], statistic: Statistic, rng: np.random.Generator) -> Array:
        """The mean in closed form. The median as a weighted one over a fixed set of pairs, a pair weighing the product
        of its images' multiplicities; the set is large enough (10 pairs an image or more) to add little to the
        interval's width.
        """
        outputs, count = self.outputs, len(self.outputs)
        if statistic.average == "mean":
            centred = outputs - outputs.mean(0)
            squares = np.square(centred).sum(1)
            moment = weights @ squares / count - np.square(weights @ centred / count).sum(1)
            moment[moment < 1e-12 * squares.mean()] = np.nan  # one image alone, to rounding: no pair
            return np.asarray(moment / squares.mean())
        pairs = max(20_000 // (outputs.shape[1] if statistic.per_coordinate else 1), 10 * count)
        first, second = _pairs(count, pairs if pairs < count * (count - 1) // 2 else None, rng)
        return _relative_medians(_distances(outputs, first, second, statistic), first, second, weights)

    @property
    def deviations(self) -> Callable[[Array], Array]:
        """From the images' shares of each resample, `[resamples, N]`, to ||f(x) - <f>||^2 with its mean, likewise."""
        centred = self.outputs - self.outputs.mean(0)
        squares = np.square(centred).sum(1)

        def found(share: Array) -> Array:
            means = share @ centred
            return np.asarray(squares - 2 * means @ centred.T + np.square(means).sum(1)[:, None])

        return found


@dataclass(frozen=True)
class KeptPairs:
    """A random choice of pairs whose distances are kept, as of a layer whose outputs are too large to keep.

    Attributes:
        first, second: Places of the images, `[P]`.
        distances: c of each pair, `[P]`.
        mean: Of c over all pairs of distinct images, exactly.
        images: N.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: Array
    mean: float
    images: int

    def average(self, statistic: Statistic, *, seed: int) -> float:
        """The mean over all pairs; the median over the kept ones."""
        if statistic.average == "mean":
            return self.mean * (1 if statistic.pairs == "distinct" else (self.images - 1) / self.images)
        return _average([self.distances], self.images, statistic)

    def resampled(self, weights: NDArray[np.int64], statistic: Statistic, rng: np.random.Generator) -> Array:
        """Over the kept pairs, a pair weighing the product of its images' multiplicities."""
        if statistic.average == "median":
            return _relative_medians([self.distances], self.first, self.second, weights)
        by_pair = weights[:, self.first] * weights[:, self.second]
        with np.errstate(invalid="ignore"):
            return np.asarray(by_pair @ self.distances / by_pair.sum(1) / self.distances.mean())

    @property
    def deviations(self) -> None:
        """Not known: outputs are not kept."""


def _average(distances: Iterable[Array], count: int, statistic: Statistic) -> float:
    """The median of pairs' distances, summed over the arrays."""
    total = 0.0
    for squared in distances:
        if statistic.pairs == "all":  # (x, z), (z, x) and the diagonal, whose share of all pairs is 1 / N
            squared = np.concatenate([squared, squared, np.zeros(round(2 * len(squared) / (count - 1)))])
        total += float(average(squared[:, None], statistic))
    return total


def _distances(
    outputs: Array, first: NDArray[np.int64], second: NDArray[np.int64], statistic: Statistic
) -> Iterator[Array]:
    """c of each pair `[P]`: one array for the squared norm, or one per output coordinate."""
    squares = (np.square(column[first] - column[second]) for column in outputs.T)
    if statistic.per_coordinate:
        yield from squares
    else:
        yield np.asarray(sum(squares))


def _pairs(count: int, sampled: int | None, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of pairs of distinct images: all of them, or that many random ones."""
    if sampled is None:
        return np.triu_indices(count, k=1)
    first = rng.integers(0, count, sampled)
    return first, (first + rng.integers(1, count, sampled)) % count


def _relative_medians(
    distances: Iterable[Array], first: NDArray[np.int64], second: NDArray[np.int64], weights: NDArray[np.int64]
) -> Array:
    """The weighted median of each resample relative to that of the pairs themselves, each summed over the arrays."""
    resampled, whole = np.zeros(len(weights)), 0.0
    for squared in distances:
        order = squared.argsort()
        resampled += _weighted_medians(squared[order], first[order], second[order], weights)
        whole += float(squared[order][(len(order) - 1) // 2])
    return resampled / whole


def _weighted_medians(
    rising: Array, first: NDArray[np.int64], second: NDArray[np.int64], weights: NDArray[np.int64]
) -> Array:
    """The lower median of the sorted pair distances for each row of image multiplicities."""
    by_image = np.ascontiguousarray(weights.T.astype(np.float32))
    chunk = max(1, 1_000_000 // len(rising))
    medians = np.empty(len(weights))
    for k in range(0, len(weights), chunk):
        part = by_image[:, k : k + chunk]
        cumulated = np.cumsum(part[first] * part[second], axis=0, dtype=np.float64)
        medians[k : k + chunk] = rising[(cumulated < cumulated[-1] / 2).sum(0)]
        medians[k : k + chunk][cumulated[-1] == 0] = np.nan  # one image alone: no pair
    return medians
