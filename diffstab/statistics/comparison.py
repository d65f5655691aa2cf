"""Comparisons of networks by R_f on the same images, deformations and noise: ratios of pairs, and ranks.

Each resample of the images gives log R of every network. Differences of these are resamples of log(R_first / R_second).
For medians, the interval has their percentiles as ends, and the p-value is from a normal law with their standard
deviation. For means measured with one seed, both come from a ratio of four means (`mean_ratio`).

In simulations of equal networks (4 laws, 10 to 500 images, 1 or 4 draws), p of medians fell below 0.05 in 3 to 7 % of
cases. It fell below 0.001 in at most 0.2 % from 200 images on (0.7 % at 10 to 50). The share of resamples beyond 1 is
no substitute: it is too coarse to be adjusted for many pairs. docs/intervals.md has the figures for means. Pure, numpy,
float64.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .averages import Statistic, by_image
from .estimates import stability
from .intervals import LEVEL, Array, Interval, percentile_interval
from .mean_ratio import MeanRatioErrors, mean_ratio_errors
from .samples import PairedSample, log_stability

TIE = 1e-12  # smaller differences of log R are rounding errors


@dataclass(frozen=True)
class PairedComparison:
    """R_first / R_second of two networks. Below 1, the first network is more stable.

    Attributes:
        ratio: R_first / R_second with its 95 % interval over images.
        p_value: Two-sided p-value of the hypothesis that the ratio is 1. It is 1 if an end of the interval is 0 or
            infinite.
        p_holm: p-value adjusted for all pairs compared together (Holm). For a single pair, equal to `p_value`.
    """

    ratio: Interval
    p_value: float
    p_holm: float


@dataclass(frozen=True)
class Ranked:
    """Rank of one network among several. Rank 1 is the lowest R, the most stable.

    Attributes:
        name: Name of the network.
        R: R_f with its 95 % interval: the interval of `stability` for one block (seed), otherwise percentiles.
        rank: Rank of the network; networks of equal R share the lower number.
        rank_low: Lower end of the rank's 95 % interval: 1 plus the number of networks that are surely more stable.
        rank_high: Upper end: the number of networks minus those that are surely less stable.
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
    """Compares two networks over the same images: R_first / R_second with interval and p-value.

    Samples with `indices` are resampled by image, jointly over all blocks. Without `indices`, blocks are resampled
    independently; if they share images, the interval is then slightly too narrow.

    Args:
        first: Samples of the first network, one block per seed.
        second: Samples of the second network, with the same blocks and images.
        statistic: Averages that define R.
        resamples: Number of bootstrap resamples.
        seed: Seed of the resamples.

    Raises:
        ValueError: If the samples differ in blocks, images, draws or indices, or if <a> or <b> is 0 in one, so that
            the ratio is not defined.

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
    """Compares every pair of networks, in the order given: (first, second, comparison); see `compare_pair`.

    Raises:
        ValueError: If `compare_pair` refuses the samples, or there are fewer than 2 networks.
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
    """Ranks networks from the lowest R, the most stable, with intervals of R and of the ranks.

    Ends of a rank's interval count the networks that are surely more or less stable: all comparisons of one network
    with the others hold together in 95 % of cases (Mogstad, Romano, Shaikh and Wilhelm, Rev. Econ. Stud. 91, 2024).
    Quantiles of ranks over resamples would be too narrow where networks are close.

    Raises:
        ValueError: If `compare_all` refuses the samples.
    """
    names = list(samples)
    logs, sampled = log_stability(samples, statistic, resamples=resamples, seed=seed)
    sampled = _defined(sampled)
    found = []
    for own, name in enumerate(names):
        interval = percentile_interval(float(np.exp(logs[own])), np.exp(sampled[own]))
        if statistic.average == "mean" and len(blocks := samples[name]) == 1:
            both = blocks[0].deformation, blocks[0].noise
            interval = stability(*both, None, statistic, resamples=resamples, seed=seed)["R"]
        place = 1 + int((logs < logs[own] - TIE).sum())
        found.append(Ranked(name, interval, place, *_rank_ends(logs, sampled, own)))
    return sorted(found, key=lambda one: (one.rank, one.name))


def _rank_ends(logs: Array, sampled: Array, own: int) -> tuple[int, int]:
    """The 95 % interval of one network's rank, from log R of all networks, `[networks]`, and of their resamples."""
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
    """Adjusts the p-values of several tests for their number (Holm, Scand. J. Statist. 6, 1979).

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
    """Errors of log R_first / R_second of means; None if resamples must give them, as for several blocks."""
    if len(first) > 1:
        return None
    (a1, b1), (a2, b2) = ((by_image(block.deformation), by_image(block.noise)) for block in (first[0], second[0]))
    # In this order, exchanging the networks mirrors the interval.
    return mean_ratio_errors(np.stack([a1, b2, b1, a2]), (1, 1, -1, -1), resamples=resamples, seed=seed)


def _comparison(log_ratio: float, first: Array, second: Array, errors: MeanRatioErrors | None) -> PairedComparison:
    """The comparison given log R_first / R_second of the sample, its errors if known, and both log R in resamples."""
    if abs(log_ratio) < TIE:
        log_ratio = 0.0
    if errors is not None:
        p_value = errors.p_value(log_ratio)
        return PairedComparison(errors.interval(math.exp(log_ratio)), p_value, p_value)
    with np.errstate(invalid="ignore"):  # inf - inf, where both are 0 or infinite in a resample
        differences = _defined((first - second)[None])[0]
    # Order statistics on both sides, so that exchanging the networks mirrors the interval.
    low = float(np.quantile(differences, (1 - LEVEL) / 2, method="lower"))
    high = float(np.quantile(differences, (1 + LEVEL) / 2, method="higher"))
    error = float(differences[np.isfinite(differences)].std())
    if log_ratio == 0 or math.isinf(low) or math.isinf(high):
        p_value = 1.0
    else:
        p_value = math.erfc(abs(log_ratio) / error / math.sqrt(2)) if error else 0.0
    return PairedComparison(Interval(*np.exp([log_ratio, low, high]).tolist()), p_value, p_value)


def _defined(sampled: Array) -> Array:
    """The columns of `[networks, resamples]` in which log R of every network is defined."""
    defined = ~np.isnan(sampled).any(0)
    if defined.mean() < LEVEL:
        raise ValueError(
            f"R_f is not defined in {(~defined).mean():.0%} of resamples: there are too few images, or the output "
            "changes for too few of them"
        )
    return sampled[:, defined]
