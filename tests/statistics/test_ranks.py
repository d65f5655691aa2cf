"""Ranks of networks: sure where they are far apart, shared where they are equal."""

import math

import numpy as np
import pytest
from support.samples import PAPER, sample

from diffstab.statistics.comparison import rank
from diffstab.statistics.samples import PairedSample, log_stability


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_ranks_of_networks_far_apart_are_sure(rng):
    networks = {n: [sample(rng, stability=s)] for n, s in (("c", 100.0), ("a", 0.01), ("b", 1.0))}
    found = rank(networks, PAPER, resamples=200, seed=0)
    assert [one.name for one in found] == ["a", "b", "c"]
    assert [(one.rank, one.rank_low, one.rank_high) for one in found] == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    for one in found:
        assert one.R.low < one.R.value < one.R.high


def test_equal_networks_share_a_rank(rng):
    one = sample(rng)
    far = PairedSample(100 * one.deformation, one.noise)
    same = PairedSample((1 + 1e-14) * one.deformation, one.noise)  # but for rounding
    found = rank({"far": [far], "y": [one], "x": [same]}, PAPER, resamples=200, seed=0)
    assert [(r.name, r.rank, r.rank_low, r.rank_high) for r in found] == [
        ("x", 1, 1, 2), ("y", 1, 1, 2), ("far", 3, 3, 3)
    ]  # fmt: skip


def test_rank_intervals_hold_the_ranks_of_repeated_experiments(rng):
    """Ten networks a fiftieth apart in R: the true rank is in its interval, also the first and the last one."""
    held, width = [], []
    for repetition in range(60):
        common = rng.lognormal(size=(100, 1, 1))
        values = common * rng.lognormal(size=(10, 2, 100, 1, 1))
        networks = {str(k): [PairedSample(1.02**k * a, b)] for k, (a, b) in enumerate(values)}
        for one in rank(networks, PAPER, resamples=200, seed=repetition):
            held.append(one.rank_low <= int(one.name) + 1 <= one.rank_high)
            width.append(one.rank_high - one.rank_low)
    # 99 % of the ends were in other repetitions; quantiles of ranks in resamples held 80 % of these
    assert np.mean(held) >= 0.97
    assert max(width) == 9


def test_rank_intervals_of_networks_apart_tell_them_apart(rng):
    """Five networks, each half as stable as the one before: 200 images tell most from their neighbours but one."""
    networks = {str(k): [sample(rng, count=200, draws=1, stability=2.0**k)] for k in range(5)}
    for one in rank(networks, PAPER, resamples=200, seed=0):
        assert one.rank_low <= int(one.name) + 1 <= one.rank_high
        assert one.rank_high - one.rank_low <= 1


def slow_rank_ends(logs, sampled, own):
    """With plain loops over networks that all vary."""
    strays = [[(s[k] - s[own]) - (logs[k] - logs[own]) for s in sampled.T] for k in range(len(logs))]
    error = [np.std(row) for row in strays]
    others = [k for k in range(len(logs)) if k != own]
    largest = sorted(max(abs(strays[k][r]) / error[k] for k in others) for r in range(sampled.shape[1]))
    limit = largest[math.ceil(0.95 * (len(largest) - 1))]
    low = 1 + sum(logs[k] - logs[own] < -limit * error[k] for k in others)
    return low, len(logs) - sum(logs[k] - logs[own] > limit * error[k] for k in others)


def test_rank_intervals_against_plain_loops(rng):
    networks = {n: [sample(rng, stability=s)] for n, s in (("a", 1.0), ("b", 1.5), ("c", 3.0), ("d", 3.5), ("e", 40.0))}
    logs, sampled = log_stability(networks, PAPER, resamples=150, seed=4)
    found = {one.name: (one.rank_low, one.rank_high) for one in rank(networks, PAPER, resamples=150, seed=4)}
    assert found == {name: slow_rank_ends(logs, sampled, own) for own, name in enumerate(networks)}
    assert len(set(found.values())) > 2


def test_a_network_that_may_not_change_has_no_sure_place(rng):
    """Of few images that change under noise: in some resamples R is infinite."""
    noise = np.zeros((21, 1, 1))
    noise[:13] = 1
    moved = rng.lognormal(size=(21, 1, 1))
    networks = {"far": [PairedSample(1e6 * moved, noise)], "near": [PairedSample(moved, 1 + noise)]}
    found = {one.name: (one.rank, one.rank_low, one.rank_high) for one in rank(networks, PAPER, resamples=1000, seed=0)}
    assert found == {"far": (2, 1, 2), "near": (1, 1, 2)}
