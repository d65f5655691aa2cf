"""Networks compared by R_f under common random numbers: ratios of pairs, and ranks. Pure, numpy, float64.

Networks measured with one seed saw the same images, fields and noise directions, so much of the chance in their R_f is
common to them and cancels from a ratio. One bootstrap over images serves all networks: each resample gives one log R
of each network, and the differences of these are resamples of log(R_first / R_second).

A network measured with several seeds has one block of values per seed; its R is the log-average exp(mean log R_k).
What varies is the image (with the fields and noise drawn for it): one chosen by two seeds counts alike in both blocks.

The p-value is that of the normal law with the bootstrap's standard error of the log ratio. In simulations of equal
networks (4 laws, 10 to 500 images, 1 or 4 draws) p of medians fell below 0.05 in 3 to 7 % of cases, and below 0.001 in
at most 0.2 % from 200 images on (0.7 % at 10 to 50); the share of resamples beyond 1 ends too early to be adjusted for
many pairs. With means, p fell below 0.05 in 5 to 8 % from 200 images on and in up to 18 % at 10.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .intervals import LEVEL, Array, Interval, percentile_interval
from .settings import LARGEST_SEED, MOST_RESAMPLES, positive_integer
from .statistics import Statistic, generator, relative_stability, resampled_average

TIE = 1e-12  # logarithms of R this close differ by rounding alone


@dataclass(frozen=True, eq=False)
class PairedSample:
    """Squared changes of one network's output over one set of images, with one seed; images in the same order for all.

    Attributes:
        deformation: a, `[N, draws, K]`; K = 1 for the squared norm, or the number of outputs.
        noise: b, `[N, draws, K]`.
        indices: Which images of the data set, `[N]`; None where it isn't known.

    Raises:
        ValueError: If shapes do not fit, if there are fewer than 2 images, if a value is negative or not finite, or if
            an image is listed twice.
    """

    deformation: Array
    noise: Array
    indices: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.deformation)
        if len(shape) != 3 or shape != np.shape(self.noise) or 0 in shape:
            raise ValueError(f"deformation is {shape}, noise {np.shape(self.noise)}; two of [N, draws, K] are needed")
        if shape[0] < 2:
            raise ValueError(f"{shape[0]} image; networks are compared over images, so at least 2 are needed")
        for name in ("deformation", "noise"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if not (np.isfinite(values) & (values >= 0)).all():
                raise ValueError(f"{name} has negative or non-finite values; squared changes are needed")
            object.__setattr__(self, name, values)
        if self.indices is not None:
            indices = np.asarray(self.indices)
            if indices.shape != shape[:1] or len(np.unique(indices)) < len(indices):
                raise ValueError(f"indices are {indices.shape}; one for each of {shape[0]} images, no image twice")
            object.__setattr__(self, "indices", indices)


@dataclass(frozen=True)
class PairedComparison:
    """R_first / R_second, and how likely a ratio as far from 1 is by the choice of images alone.

    Attributes:
        ratio: With its 95 % percentile-bootstrap interval over images.
        p_value: Two-sided, of a ratio of 1; it is 1 where an end of the interval is 0 or infinite.
        p_holm: The same adjusted for all pairs compared together (Holm); for one pair, `p_value`.
    """

    ratio: Interval
    p_value: float
    p_holm: float


@dataclass(frozen=True)
class Ranked:
    """One network's place among several.

    Attributes:
        name: Of the network.
        R: With its 95 % interval: that of `stability` for one block, otherwise percentiles.
        rank: 1 for the lowest R, the most stable; networks of equal R share the lower number.
        rank_low: With `rank_high`, the 95 % percentile-bootstrap interval of the rank.
        rank_high: See `rank_low`.
    """

    name: str
    R: Interval
    rank: int
    rank_low: int
    rank_high: int


def compare_pair(
    first: Sequence[PairedSample],
    second: Sequence[PairedSample],
    statistic: Statistic,
    *,
    resamples: int,
    seed: int,
) -> PairedComparison:
    """R_first / R_second of two networks over the same images, one sample per seed.

    With `indices`, images are resampled by identity over all blocks. Without, blocks are resampled independently:
    should they share images, the interval comes out slightly too narrow.

    Raises:
        ValueError: If the samples differ in blocks, images, draws or indices, or if <a> or <b> is 0 in one, where the
            ratio is not defined.

    >>> rng = np.random.default_rng(0)
    >>> noise, moved, other = rng.lognormal(size=(3, 200, 1, 1))
    >>> stable, loose = PairedSample(0.1 * moved, noise), PairedSample(0.4 * other, noise)
    >>> found = compare_pair([stable], [loose], Statistic(), resamples=1000, seed=0)
    >>> found.ratio.low < 0.25 < found.ratio.high, found.p_value < 0.001
    (True, True)
    """
    logs, sampled = _log_stability({"first": first, "second": second}, statistic, resamples=resamples, seed=seed)
    return _comparison(float(logs[0] - logs[1]), sampled[0], sampled[1])


def compare_all(
    samples: Mapping[str, Sequence[PairedSample]],
    statistic: Statistic,
    *,
    resamples: int,
    seed: int,
) -> list[tuple[str, str, PairedComparison]]:
    """Every pair of networks, in the order given: (first, second, comparison), as by `compare_pair`.

    Raises:
        ValueError: As `compare_pair`; or if there are fewer than 2 networks.
    """
    names = list(samples)
    logs, sampled = _log_stability(samples, statistic, resamples=resamples, seed=seed)
    pairs = list(itertools.combinations(range(len(names)), 2))
    found = [_comparison(float(logs[i] - logs[k]), sampled[i], sampled[k]) for i, k in pairs]
    adjusted = holm(np.array([one.p_value for one in found]))
    return [
        (names[i], names[k], replace(one, p_holm=float(p)))
        for (i, k), one, p in zip(pairs, found, adjusted, strict=True)
    ]


def rank(
    samples: Mapping[str, Sequence[PairedSample]],
    statistic: Statistic,
    *,
    resamples: int,
    seed: int,
) -> list[Ranked]:
    """Networks from the most stable, of lowest R, with intervals of R and of their ranks.

    Among networks too close to tell apart (ten within a fifth of each other's R, in simulations) the interval of the
    first and of the last rank held the true one in 88 % of cases, that of the others in 95 % or more.

    Raises:
        ValueError: As `compare_all`.
    """
    names = list(samples)
    logs, sampled = _log_stability(samples, statistic, resamples=resamples, seed=seed)
    sampled = _defined(sampled)
    found = []
    for name, log, own in zip(names, logs, sampled, strict=True):
        # networks of equal R in a resample could stand in either order
        low = np.quantile((sampled < own - TIE).sum(0), (1 - LEVEL) / 2, method="lower")
        high = np.quantile((sampled <= own + TIE).sum(0), (1 + LEVEL) / 2, method="higher")
        interval = percentile_interval(float(np.exp(log)), np.exp(own))
        if statistic.average == "mean" and len(blocks := samples[name]) == 1:
            both = blocks[0].deformation, blocks[0].noise
            interval = relative_stability(*both, statistic, resamples=resamples, seed=seed)
        found.append(Ranked(name, interval, 1 + int((logs < log - TIE).sum()), 1 + int(low), int(high)))
    return sorted(found, key=lambda one: (one.rank, one.name))


def holm(p_values: Array) -> Array:
    """p-values of a family of tests, adjusted for their number (Holm, Scand. J. Statist. 6, 1979).

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    order = p_values.argsort()
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)).clip(max=1)
    return adjusted


def _comparison(log_ratio: float, first: Array, second: Array) -> PairedComparison:
    """From log R_first / R_second of the sample, and log R of both in each resample."""
    with np.errstate(invalid="ignore"):  # inf - inf, where both are 0 or infinite in a resample
        differences = _defined((first - second)[None])[0]
    # order statistics on both sides: exchanging the networks mirrors the interval
    low = float(np.quantile(differences, (1 - LEVEL) / 2, method="lower"))
    high = float(np.quantile(differences, (1 + LEVEL) / 2, method="higher"))
    error = float(differences[np.isfinite(differences)].std())
    if abs(log_ratio) < TIE:
        log_ratio = 0.0
    if log_ratio == 0 or math.isinf(low) or math.isinf(high):
        p_value = 1.0
    else:
        p_value = math.erfc(abs(log_ratio) / error / math.sqrt(2)) if error else 0.0
    return PairedComparison(Interval(*np.exp([log_ratio, low, high]).tolist()), p_value, p_value)


def _defined(sampled: Array) -> Array:
    """The columns (resamples) of `[networks, resamples]` in which log R of every network is defined."""
    defined = ~np.isnan(sampled).any(0)
    if defined.mean() < LEVEL:
        raise ValueError(
            f"R_f is not defined in {(~defined).mean():.0%} of resamples: too few images, or too few that change the "
            "output, to be resampled"
        )
    return sampled[:, defined]


def _log_stability(
    samples: Mapping[str, Sequence[PairedSample]], statistic: Statistic, *, resamples: int, seed: int
) -> tuple[Array, Array]:
    """log R of each network, `[networks]`, and of each in each resample, `[networks, resamples]`.

    In a resample it is NaN where a block has no image, and infinite where <a> or <b> is 0.
    """
    resamples = positive_integer("resamples", resamples, least=100, most=MOST_RESAMPLES)
    seed = positive_integer("seed", seed, least=0, most=LARGEST_SEED)
    _check_alike(samples, statistic)
    weights = _multiplicities(next(iter(samples.values())), resamples, seed)
    logs = np.empty((len(samples), len(weights), 1 + resamples))
    for i, (name, blocks) in enumerate(samples.items()):
        for k, (block, drawn) in enumerate(zip(blocks, weights, strict=True)):
            a, b = (resampled_average(v, drawn, statistic) for v in (block.deformation, block.noise))
            if b[0] == 0:
                raise ValueError(f"{name}, block {k}: the output does not change under noise (<b> = 0); R_f is a / 0")
            if a[0] == 0:
                raise ValueError(
                    f"{name}, block {k}: the output does not change when images are deformed (<a> = 0); "
                    "R_f is 0, and its ratio to another network's is not defined"
                )
            with np.errstate(divide="ignore", invalid="ignore"):
                logs[i, k] = np.log(a) - np.log(b)
    with np.errstate(invalid="ignore"):
        averaged = logs.mean(1)
    return averaged[:, 0], averaged[:, 1:]


def _multiplicities(blocks: Sequence[PairedSample], resamples: int, seed: int) -> list[NDArray[np.int64]]:
    """How often each image of each block is drawn: `[1 + resamples, N]` a block, the first row the sample itself."""
    rng = generator(seed, "bootstrap")  # that of `stability`: of medians, one block has its interval

    def drawn(count: int) -> NDArray[np.int64]:
        rows = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
        return np.concatenate([np.ones((1, count), dtype=np.int64), rows])

    indices = [block.indices for block in blocks if block.indices is not None]
    if not indices:
        return [drawn(len(block.noise)) for block in blocks]
    images = np.unique(np.concatenate(indices))
    joint = drawn(len(images))
    return [joint[:, np.searchsorted(images, own)] for own in indices]


def _check_alike(samples: Mapping[str, Sequence[PairedSample]], statistic: Statistic) -> None:
    """Raises ValueError unless all networks were measured on the same blocks of images."""
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} network; at least 2 are needed to compare")
    own, expected = next(iter(samples.items()))
    if not expected or len({block.indices is None for block in expected}) > 1:
        raise ValueError(f"{own} has {len(expected)} blocks; at least 1, and indices in all or in none, are needed")
    for name, blocks in samples.items():
        if _layout(blocks) != _layout(expected):
            raise ValueError(
                f"blocks of (images, draws, whether indices are given) are {_layout(expected)} for {own} and "
                f"{_layout(blocks)} for {name}; networks are compared over the same ones"
            )
        for k, (block, other) in enumerate(zip(blocks, expected, strict=True)):
            if statistic.average == "median" and not statistic.per_coordinate and block.noise.shape[2] != 1:
                raise ValueError(
                    f"{name}, block {k}: {block.noise.shape[2]} values a draw; the median rule 'norm' takes one, "
                    "the squared norm"
                )
            for at, (here, there) in enumerate(zip(_listed(other), _listed(block), strict=True)):
                if here != there:
                    raise ValueError(
                        f"block {k}, position {at}: image {here} for {own} and {there} for {name}; "
                        "the same images in the same order are needed"
                    )


def _layout(blocks: Sequence[PairedSample]) -> list[tuple[int, int, bool]]:
    return [(*block.noise.shape[:2], block.indices is not None) for block in blocks]


def _listed(block: PairedSample) -> list[int]:
    return [] if block.indices is None else block.indices.tolist()
