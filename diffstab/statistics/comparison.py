"""Networks compared by R_f under common random numbers: ratios of pairs, and ranks. Pure, numpy, float64.

Each resample of the images gives one log R of each network, and the differences of these are resamples of
log(R_first / R_second). Of medians their percentiles are the interval, and the p-value is that of the normal law with
their standard deviation. Of means, measured with one seed, both are those of a ratio of four means (`mean_ratio`).

In simulations of equal networks (4 laws, 10 to 500 images, 1 or 4 draws) p of medians fell below 0.05 in 3 to 7 % of
cases, and below 0.001 in at most 0.2 % from 200 images on (0.7 % at 10 to 50); the share of resamples beyond 1 ends too
early to be adjusted for many pairs. Means are in docs/intervals.md.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .averages import Statistic, by_image
from .estimates import relative_stability
from .intervals import LEVEL, Array, Interval, percentile_interval
from .mean_ratio import MeanRatioErrors, mean_ratio_errors
from .samples import PairedSample, log_stability

TIE = 1e-12  # logarithms of R this close differ by rounding alone


@dataclass(frozen=True)
class PairedComparison:
    """R_first / R_second, and how likely a ratio as far from 1 is by the choice of images alone.

    Attributes:
        ratio: With its 95 % interval over images.
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
        rank_low: 1, and 1 more for each network that is surely more stable: with `rank_high`, the 95 % interval.
        rank_high: How many networks there are, less those that are surely less stable.
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
    ((*_, found),) = compare_all({"first": first, "second": second}, statistic, resamples=resamples, seed=seed)
    return found


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
    logs, sampled = log_stability(samples, statistic, resamples=resamples, seed=seed)
    pairs = list(itertools.combinations(range(len(names)), 2))
    found = []
    for i, k in pairs:
        both = samples[names[i]], samples[names[k]]
        errors = _errors_of_means(*both, resamples=resamples, seed=seed) if statistic.average == "mean" else None
        found.append(_comparison(float(logs[i] - logs[k]), sampled[i], sampled[k], errors))
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

    Surely means that all of a network's comparisons hold together in 95 % of cases (as Mogstad, Romano, Shaikh and
    Wilhelm, Rev. Econ. Stud. 91, 2024): the quantiles of ranks in resamples are too narrow where networks are close.

    Raises:
        ValueError: As `compare_all`.
    """
    names = list(samples)
    logs, sampled = log_stability(samples, statistic, resamples=resamples, seed=seed)
    sampled = _defined(sampled)
    found = []
    for own, name in enumerate(names):
        interval = percentile_interval(float(np.exp(logs[own])), np.exp(sampled[own]))
        if statistic.average == "mean" and len(blocks := samples[name]) == 1:
            both = blocks[0].deformation, blocks[0].noise
            interval = relative_stability(*both, statistic, resamples=resamples, seed=seed)
        place = 1 + int((logs < logs[own] - TIE).sum())
        found.append(Ranked(name, interval, place, *_rank_ends(logs, sampled, own)))
    return sorted(found, key=lambda one: (one.rank, one.name))


def _rank_ends(logs: Array, sampled: Array, own: int) -> tuple[int, int]:
    """The 95 % interval of a network's rank, from log R of all, `[networks]`, and in each resample."""
    apart = logs - logs[own]
    with np.errstate(invalid="ignore"):  # inf - inf, where two are infinite in a resample
        strays = sampled - sampled[own] - apart[:, None]
    known = np.asarray(np.isfinite(strays).all(axis=1))
    error = np.where(known[:, None], strays, 0).std(1)
    varying = error > TIE
    largest = np.abs(strays[varying] / error[varying, None]).max(0, initial=0)
    sure = np.maximum(np.quantile(largest, LEVEL, method="higher") * error, TIE)
    sure[~known] = np.inf
    return 1 + int((apart < -sure).sum()), int((apart <= sure).sum())


def holm(p_values: Array) -> Array:
    """p-values of a family of tests, adjusted for their number (Holm, Scand. J. Statist. 6, 1979).

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    order = p_values.argsort()
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)).clip(max=1)
    return adjusted


def _errors_of_means(
    first: Sequence[PairedSample], second: Sequence[PairedSample], *, resamples: int, seed: int
) -> MeanRatioErrors | None:
    """Of log R_first / R_second; None where it is left to resamples, as of several blocks."""
    if len(first) > 1:
        return None
    (a1, b1), (a2, b2) = ((by_image(block.deformation), by_image(block.noise)) for block in (first[0], second[0]))
    # in this order, exchanging the networks mirrors the interval
    return mean_ratio_errors(np.stack([a1, b2, b1, a2]), (1, 1, -1, -1), resamples=resamples, seed=seed)


def _comparison(log_ratio: float, first: Array, second: Array, errors: MeanRatioErrors | None) -> PairedComparison:
    """From log R_first / R_second of the sample, and log R of both in each resample, or the errors of the former."""
    if abs(log_ratio) < TIE:
        log_ratio = 0.0
    if errors is not None:
        p_value = errors.p_value(log_ratio)
        return PairedComparison(errors.interval(math.exp(log_ratio)), p_value, p_value)
    with np.errstate(invalid="ignore"):  # inf - inf, where both are 0 or infinite in a resample
        differences = _defined((first - second)[None])[0]
    # order statistics on both sides: exchanging the networks mirrors the interval
    low = float(np.quantile(differences, (1 - LEVEL) / 2, method="lower"))
    high = float(np.quantile(differences, (1 + LEVEL) / 2, method="higher"))
    error = float(differences[np.isfinite(differences)].std())
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
