"""Paired comparisons: common random numbers cancel, intervals and p-values hold what they say."""

import dataclasses
import math

import numpy as np
import pytest
from support.samples import EVERY, MEAN, PAPER, REFERENCE, compare, reordered, sample

from diffstab.statistics.comparison import compare_all, holm, rank
from diffstab.statistics.estimates import stability
from diffstab.statistics.mean_ratio import mean_ratio_errors
from diffstab.statistics.pairs import OutputPairs
from diffstab.statistics.samples import PairedSample

FIELDS = ("deformation", "noise")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("statistic", EVERY)
def test_a_second_block_of_the_same_images_and_values_adds_nothing(rng, statistic, monkeypatch):
    monkeypatch.setattr("diffstab.statistics.mean_ratio.FEWEST", 1000)  # means of one block too are resampled then
    one, other = (sample(rng, statistic=statistic, indices=np.arange(40)) for _ in range(2))
    order = rng.permutation(40)
    twice = compare([one, reordered(one, order)], [other, reordered(other, order)], statistic)
    alone = compare([one], [other], statistic)
    assert twice.ratio == pytest.approx(alone.ratio, rel=1e-12)
    # taken for other images, they would seem to halve the variance; the two widths are within 25 % of their laws,
    # about four standard errors of percentiles of 1000 resamples
    unknown = [[PairedSample(b.deformation, b.noise)] * 2 for b in (one, other)]
    narrow, wide = (compare(*blocks, statistic, resamples=1000).ratio for blocks in (unknown, [[one], [other]]))
    assert math.log(narrow.high / narrow.low) == pytest.approx(math.log(wide.high / wide.low) / math.sqrt(2), rel=0.25)


@pytest.mark.parametrize("statistic", EVERY)
def test_identical_networks_have_the_ratio_one_without_width(rng, statistic):
    blocks = [sample(rng, statistic=statistic) for _ in range(3)]
    found = compare(blocks, blocks, statistic)
    assert found.ratio == (1, 1, 1)
    assert found.p_value == found.p_holm == 1
    # 7 f + 3 is the same network but for rounding
    scaled = compare([PairedSample(49 * b.deformation, 49 * b.noise) for b in blocks], blocks, statistic)
    assert scaled.ratio == pytest.approx((1, 1, 1), rel=1e-12)
    assert scaled.p_value == 1
    # no choice of images could have given another ratio
    double = compare([PairedSample(2 * b.deformation, b.noise) for b in blocks], blocks, statistic)
    assert double.ratio == pytest.approx((2, 2, 2), rel=1e-12)
    assert double.p_value == 0


@pytest.mark.parametrize("statistic", EVERY)
def test_exchanging_the_networks_mirrors_the_interval(rng, statistic):
    one, other = ([sample(rng, statistic=statistic, stability=s) for _ in range(2)] for s in (1.0, 1.2))
    there, back = compare(one, other, statistic), compare(other, one, statistic)
    assert (1 / there.ratio.value, 1 / there.ratio.high, 1 / there.ratio.low) == pytest.approx(back.ratio, rel=1e-12)
    assert there.p_value == back.p_value


@pytest.mark.parametrize("statistic", EVERY)
def test_four_times_the_noise_response_is_a_quarter_of_the_ratio(rng, statistic):
    one, other = (sample(rng, statistic=statistic) for _ in range(2))
    found = compare([one], [other], statistic).ratio
    scaled = compare([PairedSample(one.deformation, 4 * one.noise)], [other], statistic).ratio
    assert 4 * np.array(scaled) == pytest.approx(np.array(found), rel=1e-12)


@pytest.mark.parametrize("statistic", EVERY)
def test_one_block_has_the_value_and_interval_of_stability(rng, statistic):
    """And several have the log-average of theirs."""
    networks = {name: [sample(rng, statistic=statistic) for _ in range(3)] for name in "ab"}
    outputs = rng.normal(size=(40, 3))
    alone = {
        name: [
            stability(b.deformation, b.noise, OutputPairs(outputs), statistic, resamples=200, seed=7)["R"]
            for b in blocks
        ]
        for name, blocks in networks.items()
    }
    first = {name: blocks[:1] for name, blocks in networks.items()}
    for found in rank(first, statistic, resamples=200, seed=7):
        value, *ends = alone[found.name][0]
        assert found.R.value == pytest.approx(value, rel=1e-12)
        assert list(found.R[1:]) == pytest.approx(ends, rel=1e-12)
    ratio = compare(first["a"], first["b"], statistic).ratio.value
    assert ratio == pytest.approx(alone["a"][0].value / alone["b"][0].value, rel=1e-12)
    together = compare(networks["a"], networks["b"], statistic).ratio.value
    quotients = [a.value / b.value for a, b in zip(alone["a"], alone["b"], strict=True)]
    assert together == pytest.approx(math.prod(quotients) ** (1 / 3), rel=1e-12)


@pytest.mark.parametrize("statistic", EVERY)
def test_the_order_of_networks_and_of_images_does_not_matter(rng, statistic):
    indices = rng.choice(1000, 40, replace=False)
    networks = {n: [sample(rng, statistic=statistic, indices=indices)] for n in "abcd"}
    order = rng.permutation(40)
    turned = {n: [reordered(networks[n][0], order)] for n in "dbca"}
    options = {"resamples": 200, "seed": 0}
    pairs = {(a, b): found for a, b, found in compare_all(networks, statistic, **options)}
    assert len(pairs) == 6
    for a, b, found in compare_all(turned, statistic, **options):
        same = pairs.get((a, b)) or pairs[b, a]
        ratio = found.ratio if (a, b) in pairs else (1 / found.ratio.value, 1 / found.ratio.high, 1 / found.ratio.low)
        assert ratio == pytest.approx(same.ratio, rel=1e-12)
        assert (found.p_value, found.p_holm) == pytest.approx((same.p_value, same.p_holm), rel=1e-9)
    for one, other in zip(*(rank(v, statistic, **options) for v in (networks, turned)), strict=True):
        assert dataclasses.replace(one, R=None) == dataclasses.replace(other, R=None)
        assert pytest.approx(other.R, rel=1e-12) == one.R


def test_all_pairs_are_those_compared_alone(rng):
    networks = {n: [sample(rng, stability=s) for _ in range(2)] for n, s in (("a", 1), ("b", 1.1), ("c", 2), ("d", 3))}
    everything = compare_all(networks, PAPER, resamples=200, seed=5)
    for a, b, found in everything:
        assert dataclasses.replace(found, p_holm=found.p_value) == compare(networks[a], networks[b], seed=5)
    assert [found.p_holm for *_, found in everything] == slow_holm([found.p_value for *_, found in everything])


@pytest.mark.parametrize("statistic", [PAPER, MEAN])
def test_what_networks_share_cancels(rng, statistic):
    """A factor of each image common to both networks' a leaves the interval of the ratio narrow."""
    common, v = rng.lognormal(size=(1000, 1, 1)), 0.1**2
    networks = {}
    for name in "ab":
        own = rng.lognormal(sigma=math.sqrt(v), size=(2, 1000, 1, 1))
        networks[name] = [PairedSample(common * own[0], own[1])]
    paired = compare(networks["a"], networks["b"], statistic, resamples=1000).ratio
    alone = [found.R for found in rank(networks, statistic, resamples=1000, seed=1)]
    apart = math.hypot(*(math.log(r.high / r.low) for r in alone))
    # Variance of log R, common part and own parts: of a mean, that of lognormal laws; of a median, that of the logs,
    # whose signs about their medians have the correlation (2 / pi) asin(rho)
    if statistic.average == "mean":
        whole, left = math.exp(1 + v) + math.exp(v) - 2, math.exp(1 + v) - math.e + math.exp(v) - 1
    else:
        whole, left = 1 + 2 * v, (1 + v) * (1 - 2 / math.pi * math.asin(1 / (1 + v))) + v
    # 0.31 for the median, 0.15 for the mean; widths of medians of 1000 are within some 15 % of their law
    assert math.log(paired.high / paired.low) == pytest.approx(math.sqrt(left / whole) * apart, rel=0.3)


def equal_networks(rng: np.random.Generator) -> list[PairedSample]:
    """Two draws of one law: log-a and log-b of Student's t with 3 degrees of freedom, with a common part per image."""
    common = rng.standard_t(3, size=(200, 1, 1))
    return [PairedSample(*np.exp(0.7 * (common + rng.standard_t(3, size=(2, 200, 1, 1))))) for _ in range(2)]


@pytest.mark.slow
def test_p_values_and_intervals_are_calibrated():
    """Under equal networks, and a true ratio of 2."""
    rng, count = np.random.default_rng(1), 400
    p_values, missed = [], 0
    for repetition in range(count):
        one, other = equal_networks(rng)
        double = PairedSample(2 * one.deformation, one.noise)
        networks = {"one": [one], "double": [double], "other": [other]}
        found = {(a, b): pair for a, b, pair in compare_all(networks, PAPER, resamples=200, seed=repetition)}
        p_values.append(found["one", "other"].p_value)
        missed += not found["double", "other"].ratio.low <= 2 <= found["double", "other"].ratio.high
    # In 2500 other repetitions 4.9 % of p were below 0.05 and 3.8 % of intervals missed: percentile intervals of
    # medians are a little wide. Counts of 400 have standard deviations of 4.3 and 3.8: within three of them.
    assert abs(sum(p < 0.05 for p in p_values) - 20) <= 3 * 4.3
    assert abs(missed - 15) <= 3 * 3.8
    # Kolmogorov and Smirnov's distance from the uniform law: 1.63 / sqrt(400) = 0.082 in 1 % of cases
    steps = np.arange(count + 1) / count
    ranked = np.sort(p_values)
    assert max((steps[1:] - ranked).max(), (ranked - steps[:-1]).max()) < 0.082


def test_ratios_of_means_have_an_interval_of_four_means(rng):
    one, other = (sample(rng, count=60, statistic=MEAN, stability=s) for s in (2.0, 1.0))
    found = compare([one], [other], MEAN)
    rows = {name: np.stack([getattr(block, name).mean((1, 2)) for block in (one, other)]) for name in FIELDS}
    top, bottom = (np.stack([rows[name][0], rows[turned][1]]) for name, turned in (FIELDS, FIELDS[::-1]))
    errors = mean_ratio_errors(np.concatenate([top, bottom]), (1, 1, -1, -1), resamples=200, seed=0)
    value = top.mean(1).prod() / bottom.mean(1).prod()
    assert found.ratio == pytest.approx(errors.interval(value), rel=1e-9)
    assert found.p_value == found.p_holm == pytest.approx(errors.p_value(math.log(value)), rel=1e-9)


@pytest.mark.slow
def test_comparisons_of_means_are_calibrated():
    """Equal networks whose changes are log-normal, with a part of each image in common.

    In 2,000 repetitions 4.6 % missed; percentiles of resamples did in 7.7 %, and had a p below 0.05 in 10 %. Counts of
    400 have a standard deviation of 4.4: three of them around 20.
    """
    rng, missed, small = np.random.default_rng(3), 0, 0
    for repetition in range(400):
        common = rng.normal(size=(50, 1, 1))
        one, other = (PairedSample(*np.exp(common + rng.normal(size=(2, 50, 1, 1)))) for _ in range(2))
        found = compare([one], [other], MEAN, resamples=400, seed=repetition)
        missed += not found.ratio.low <= 1 <= found.ratio.high
        small += found.p_value < 0.05
    assert missed == small
    assert abs(missed - 20) <= 3 * 4.4


def slow_holm(p_values: list[float]) -> list[float]:
    """The smallest level at which the step-down procedure, run with plain loops, rejects each hypothesis."""
    adjusted = []
    for own in p_values:
        steps = [p * sum(other >= p for other in p_values) for p in p_values if p <= own]
        adjusted.append(min(1.0, max(steps)))
    return adjusted


def test_holm_against_the_step_down_procedure(rng):
    for p_values in (rng.random(12) ** 4, np.array([0.01, 0.01, 0.03]), np.array([0.2]), np.array([0.0, 0.9, 1.0])):
        assert holm(p_values) == pytest.approx(slow_holm(list(p_values)), rel=1e-12)
        for level in (0.01, 0.05, 0.2):  # the procedure itself: reject from the smallest until one is not small enough
            rejected, m = set(), len(p_values)
            for step, i in enumerate(np.argsort(p_values, kind="stable")):
                if p_values[i] > level / (m - step):
                    break
                rejected.add(int(i))
            assert rejected == set(np.flatnonzero(holm(p_values) <= level).tolist())


def test_an_unbounded_ratio_is_not_called_certain(rng):
    """Few images that change under noise: some resamples have <b> = 0, and the interval has no upper end."""
    noise = np.zeros((21, 1, 1))
    noise[:13] = 1
    changes = rng.lognormal(size=(21, 1, 1))
    found = compare([PairedSample(changes, noise)], [PairedSample(changes, 1 + noise)], resamples=1000)
    assert found.ratio.high == math.inf
    assert found.p_value == 1
    both = PairedSample(noise, noise)
    with pytest.raises(ValueError, match=r"not defined in \d+% of resamples"):
        compare([both], [PairedSample(changes, noise + 1)])


def test_networks_that_cannot_be_compared(rng):
    one, known = sample(rng), sample(rng, indices=np.arange(40))
    zero = np.zeros((40, 2, 1))
    cases = [
        ([one], [one, one], r"\(40, 2, False\)\] for first and \[\(40, 2, False\), \(40, 2, False\)\] for second"),
        ([one], [sample(rng, count=39)], r"\(40, 2, False\)\] for first and \[\(39, 2, False\)\] for second"),
        ([one], [sample(rng, draws=3)], r"\(40, 2, False\)\] for first and \[\(40, 3, False\)\] for second"),
        ([one], [known], r"\(40, 2, False\)\] for first and \[\(40, 2, True\)\] for second"),
        ([known], [reordered(known, np.arange(40)[::-1])], "block 0, position 0: image 0 for first and 39 for second"),
        ([], [], "first has 0 blocks"),
        ([one, known], [one, known], "indices in all or in none"),
        ([one], [sample(rng, statistic=REFERENCE)], "second, block 0: 3 values a draw"),
        ([one, one], [one, PairedSample(one.deformation, zero)], "second, block 1: .* under noise"),
        ([PairedSample(zero, one.noise)], [one], "first, block 0: .* deformed"),
    ]
    for first, second, message in cases:
        with pytest.raises(ValueError, match=message):
            compare(first, second)
    for function in (rank, compare_all):
        for few in ({}, {"a": [one]}):
            with pytest.raises(ValueError, match=f"{len(few)} network; at least 2"):
                function(few, PAPER, resamples=200, seed=0)
    for options, message in (({"resamples": 99}, "resamples is 99"), ({"seed": -1}, "seed is -1")):
        with pytest.raises(ValueError, match=message):
            compare([one], [one], **options)


def test_coordinates_may_differ_in_number(rng):
    """Networks of 3 and of 5 outputs, each summed over its own."""
    wide = PairedSample(*rng.lognormal(size=(2, 40, 2, 5)))
    assert compare([sample(rng, statistic=REFERENCE)], [wide], REFERENCE).ratio.value > 0
