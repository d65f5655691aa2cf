"""Ratios of means: intervals against a slow one, p-values, invariances, and how often they hold."""

import math

import numpy as np
import pytest
from scipy import stats

from diffstab.statistics.averages import Statistic, generator
from diffstab.statistics.estimates import stability
from diffstab.statistics.intervals import percentile_interval
from diffstab.statistics.mean_ratio import MeanRatioErrors, _normal_correlation, mean_ratio_errors, mean_ratio_interval
from diffstab.statistics.pairs import OutputPairs

MEAN = Statistic("mean")
COUNT, RESAMPLES, SEED = 30, 200, 5


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def slow_interval(top, bottom, estimate, sets=20_000):
    """From other random numbers, one set at a time, with scipy: good to a percent or two of its length.

    top and bottom are rows, or several of them.
    """
    rows, logs, rng = np.concatenate([np.atleast_2d(top), np.atleast_2d(bottom)]), [], np.random.default_rng(11)
    count, signs = rows.shape[1], np.where(np.arange(len(rows)) < len(rows) / 2, 1, -1)
    beyond = [[math.log(v / np.median(x)) for v in x if v > np.median(x)] for x in rows]
    spread = np.array([math.sqrt(np.mean(np.square(row))) for row in beyond])
    ranks = [[stats.spearmanr(x, y).statistic for y in rows] for x in rows]
    law = np.linalg.cholesky(2 * np.sin(np.pi / 6 * np.array(ranks)))
    for _ in range(sets):
        drawn = np.exp((law @ rng.normal(size=rows.shape)).T * spread).T
        strayed = signs @ np.log(drawn.mean(1)) - signs @ spread**2 / 2
        logs.append(strayed / error_of(drawn, signs))
    moments = signs @ (rows.T / rows.mean(1)).T
    freedom = math.floor(2 * count / (np.mean(moments**4) / np.mean(moments**2) ** 2 - 1))
    wider = stats.t.ppf(0.975, min(freedom, count - 1)) / stats.norm.ppf(0.975)
    low, high = np.quantile(logs, [0.025, 0.975]) * wider * error_of(rows, signs)
    return estimate * math.exp(-high), estimate * math.exp(-low)


def error_of(rows, signs):
    influence = signs @ (rows.T / rows.mean(1)).T
    return math.sqrt(float((influence**2).sum())) / rows.shape[1]


@pytest.mark.slow
def test_means_have_the_interval_of_a_slow_simulation(rng):
    a, b = rng.lognormal(size=(2, COUNT, 3, 1))
    outputs = rng.normal(size=(COUNT, 4)) * [3, 1, 1, 0.1]
    found = stability(a, b, OutputPairs(outputs), MEAN, resamples=20_000, seed=SEED)
    deviations = np.square(outputs - outputs.mean(0)).sum(1)
    noise, moved = b.mean((1, 2)), a.mean((1, 2))
    for name, top, bottom in (("D", moved, deviations), ("G", noise, deviations), ("R", moved, noise)):
        value, low, high = found[name]
        slow_low, slow_high = slow_interval(top, bottom, value)
        assert [math.log(low), math.log(high)] == pytest.approx(
            [math.log(slow_low), math.log(slow_high)], abs=0.03 * math.log(high / low)
        )
    assert stability(a, b, None, MEAN, resamples=20_000, seed=SEED)["R"] == found["R"]


def test_exchanging_top_and_bottom_turns_the_interval_over(rng):
    a, b = rng.lognormal(size=(2, COUNT, 1, 1))
    one = stability(a, b, None, MEAN, resamples=RESAMPLES, seed=SEED)["R"]
    other = stability(b, a, None, MEAN, resamples=RESAMPLES, seed=SEED)["R"]
    assert [1 / other.value, 1 / other.high, 1 / other.low] == pytest.approx(list(one), rel=1e-9)


def test_units_and_the_order_of_images_do_not_matter(rng):
    top, bottom = rng.lognormal(size=(2, COUNT))
    one = mean_ratio_interval(2.0, np.stack([top, bottom]), (1, -1), resamples=RESAMPLES, seed=SEED)
    order = rng.permutation(COUNT)
    other = mean_ratio_interval(
        2.0, np.stack([7 * top[order], 1e-6 * bottom[order]]), (1, -1), resamples=RESAMPLES, seed=SEED
    )
    assert other == pytest.approx(one, rel=1e-9)


def test_how_many_sets_at_a_time_does_not_matter(rng, monkeypatch):
    a, b = rng.lognormal(size=(2, COUNT, 1, 1))
    outputs = OutputPairs(rng.normal(size=(COUNT, 2)))
    at_once = stability(a, b, outputs, MEAN, resamples=RESAMPLES, seed=SEED)
    monkeypatch.setattr("diffstab.statistics.mean_ratio.CHUNK", 7 * 2 * COUNT)
    in_parts = stability(a, b, outputs, MEAN, resamples=RESAMPLES, seed=SEED)
    for name, found in at_once.items():
        assert list(found) == pytest.approx(list(in_parts[name]), rel=1e-12)


def test_a_ratio_of_four_means_has_the_interval_of_a_slow_simulation(rng):
    common = rng.lognormal(size=(1, COUNT))
    top, bottom = common**0.5 * rng.lognormal(sigma=0.8, size=(2, 2, COUNT))
    errors = mean_ratio_errors(np.concatenate([top, bottom]), (1, 1, -1, -1), resamples=20_000, seed=SEED)
    value = top.mean(1).prod() / bottom.mean(1).prod()
    found, slow = errors.interval(value), slow_interval(top, bottom, value)
    assert np.log(found[1:]) == pytest.approx(np.log(slow), abs=0.03 * math.log(found.high / found.low))
    rows = np.concatenate([bottom[::-1], top[::-1]])
    turned = mean_ratio_errors(rows, (1, 1, -1, -1), resamples=20_000, seed=SEED)
    assert 1 / np.array(turned.interval(1 / value)) == pytest.approx(np.array(found)[[0, 2, 1]], rel=1e-9)


@pytest.mark.parametrize("sigma", [0.3, 1, 2, 4])
def test_heavy_tails_have_few_degrees_of_freedom(rng, sigma):
    """2 N / (kurtosis - 1) of what each image adds to the logarithm: as many as the variance of a variance has."""
    count = 200
    top, bottom = rng.lognormal(sigma=sigma, size=(2, count))
    kurtosis = stats.kurtosis(top / top.mean() - bottom / bottom.mean(), fisher=False)
    expected = min(count - 1, math.floor(2 * count / (kurtosis - 1)))
    errors = mean_ratio_errors(np.stack([top, bottom]), (1, -1), resamples=RESAMPLES, seed=SEED)
    assert errors.freedom == expected


@pytest.mark.parametrize("correlation", [-0.9, 0.3, 0.8])
def test_correlations_of_normal_numbers_are_found_from_ranks(rng, correlation):
    """Of any monotone functions of them. Standard deviation at most 0.004; pi / 7 for pi / 6 is off by 0.04 at 0.3."""
    normal = rng.multivariate_normal(np.zeros(2), [[1, correlation], [correlation, 1]], size=60_000).T
    found = _normal_correlation(np.exp([[1], [3]] * normal))
    assert found == pytest.approx(np.array([[1, correlation], [correlation, 1]]), abs=0.016)


@pytest.mark.parametrize("end", ["low", "high"])
def test_p_is_a_twentieth_where_the_interval_ends_at_one(end):
    """And that of Student's t beyond it."""
    errors = MeanRatioErrors(error=0.2, low=-2.5, high=1.5, freedom=7)
    at_one = 1 / getattr(errors.interval(1.0), end)
    assert errors.p_value(math.log(at_one)) == pytest.approx(0.05, rel=1e-9)
    assert getattr(errors.interval(at_one), end) == pytest.approx(1)
    twice = 2 * stats.t.ppf(0.975, 7)
    assert errors.p_value(2 * math.log(at_one)) == pytest.approx(2 * stats.t.sf(twice, 7), rel=1e-7)
    assert errors.p_value(0.0) == 1


def test_no_interval_is_wider_than_numbers_are(rng):
    """Of few values that span hundreds of orders of magnitude: one that ends, or none."""
    for sigma in (5, 20, 60):
        for count in (5, 8, 30):
            for seed in range(20):
                top, bottom = np.exp(sigma * rng.normal(size=(2, count)))
                found = mean_ratio_interval(1.0, np.stack([top, bottom]), (1, -1), resamples=RESAMPLES, seed=seed)
                assert found is None or 0 < found.low < 1 < found.high < 1e131


def test_percentiles_stand_in_where_no_such_interval_is_to_be_had(rng):
    top = rng.lognormal(size=COUNT)
    options = {"resamples": RESAMPLES, "seed": SEED}

    def found_of(value, top, bottom):
        return mean_ratio_interval(value, np.stack([top, bottom]), (1, -1), **options)

    assert found_of(2.0, top, 3 * top) is None  # no variance
    assert found_of(0.0, 0 * top, top) is None
    assert found_of(1.0, np.where(np.arange(COUNT) % 2, top, 0), top) is not None
    assert found_of(1.0, np.where(np.arange(COUNT) % 3, 0, top), top) is None
    few = 4
    assert found_of(1.0, top[: few + 1], np.ones(few + 1)) is not None
    assert found_of(1.0, top[:few], np.ones(few)) is None
    a, b = rng.lognormal(size=(2, few, 1, 1))
    found = stability(a, b, None, MEAN, **options)["R"]
    drawn = generator(SEED, "bootstrap").multinomial(few, np.full(few, 1 / few), size=RESAMPLES)
    sampled = (drawn @ a[:, 0, 0]) / (drawn @ b[:, 0, 0])
    assert found == pytest.approx(percentile_interval(a.mean() / b.mean(), sampled))
    assert stability(0 * a, b, None, MEAN, **options)["R"] == (0, 0, 0)


def held(average, sigma, images, repetitions=400):
    """How often R's interval holds 1, in percent: a and b log-normal with this sigma, or squared normal numbers."""
    rng, inside = np.random.default_rng(0), 0
    for seed in range(repetitions):
        shape = 2, images, 1, 1
        a, b = rng.lognormal(sigma=sigma, size=shape) if sigma else rng.chisquare(5, size=shape)
        found = stability(a, b, None, Statistic(average), resamples=400, seed=seed)["R"]
        inside += found.low <= 1 <= found.high
    return 100 * inside / repetitions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("average", "sigma", "images"), [("mean", 0, 100), ("median", 0, 100), ("mean", 1.5, 100), ("mean", 0, 10)]
)
def test_intervals_hold_what_is_true_as_often_as_they_say(average, sigma, images):
    """a and b have the same law, so R = 1. Binomial standard deviation 1.1 %, bounds at 3.5 of them around 95 %."""
    assert abs(held(average, sigma, images) - 95) <= 3.8
