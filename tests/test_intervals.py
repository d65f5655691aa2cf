"""Intervals of ratios of means: against a slow one, invariances, and how often they hold."""

import math

import numpy as np
import pytest
from scipy import stats

from diffstab.intervals import FEWEST, mean_ratio_interval, percentile_interval
from diffstab.pairs import OutputPairs
from diffstab.statistics import Statistic, generator, relative_stability, stability

MEAN = Statistic("mean")
COUNT, RESAMPLES, SEED = 30, 200, 5


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def slow_interval(top, bottom, estimate, sets=20_000):
    """From other random numbers, one set at a time, with scipy: good to a percent or two of its length."""
    count, logs, rng = len(top), [], np.random.default_rng(11)
    spread = [
        math.sqrt(np.mean([math.log(v / np.median(x)) ** 2 for v in x if v > np.median(x)])) for x in (top, bottom)
    ]
    shared = 2 * math.sin(math.pi / 6 * stats.spearmanr(top, bottom).statistic)
    law = np.linalg.cholesky([[1, shared], [shared, 1]])
    for _ in range(sets):
        above, below = np.exp((law @ rng.normal(size=(2, count))).T * spread).T
        truth = (spread[0] ** 2 - spread[1] ** 2) / 2
        logs.append((math.log(above.mean() / below.mean()) - truth) / error_of(above, below))
    moments = top / top.mean() - bottom / bottom.mean()
    freedom = math.floor(2 * count / (np.mean(moments**4) / np.mean(moments**2) ** 2 - 1))
    wider = stats.t.ppf(0.975, min(freedom, count - 1)) / stats.norm.ppf(0.975)
    low, high = np.quantile(logs, [0.025, 0.975]) * wider * error_of(top, bottom)
    return estimate * math.exp(-high), estimate * math.exp(-low)


def error_of(above, below):
    influence = above / above.mean() - below / below.mean()
    return math.sqrt(float((influence**2).sum())) / len(above)


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
    assert relative_stability(a, b, MEAN, resamples=20_000, seed=SEED) == found["R"]


def test_exchanging_top_and_bottom_turns_the_interval_over(rng):
    a, b = rng.lognormal(size=(2, COUNT, 1, 1))
    one = relative_stability(a, b, MEAN, resamples=RESAMPLES, seed=SEED)
    other = relative_stability(b, a, MEAN, resamples=RESAMPLES, seed=SEED)
    assert [1 / other.value, 1 / other.high, 1 / other.low] == pytest.approx(list(one), rel=1e-9)


def test_units_and_the_order_of_images_do_not_matter(rng):
    top, bottom = rng.lognormal(size=(2, COUNT))
    one = mean_ratio_interval(2.0, top, bottom, resamples=RESAMPLES, seed=SEED)
    order = rng.permutation(COUNT)
    other = mean_ratio_interval(2.0, 7 * top[order], 1e-6 * bottom[order], resamples=RESAMPLES, seed=SEED)
    assert other == pytest.approx(one, rel=1e-9)


def test_how_many_sets_at_a_time_does_not_matter(rng, monkeypatch):
    a, b = rng.lognormal(size=(2, COUNT, 1, 1))
    outputs = OutputPairs(rng.normal(size=(COUNT, 2)))
    at_once = stability(a, b, outputs, MEAN, resamples=RESAMPLES, seed=SEED)
    monkeypatch.setattr("diffstab.intervals.CHUNK", 7 * COUNT)
    in_parts = stability(a, b, outputs, MEAN, resamples=RESAMPLES, seed=SEED)
    for name, found in at_once.items():
        assert list(found) == pytest.approx(list(in_parts[name]), rel=1e-12)


def test_percentiles_stand_in_where_no_such_interval_is_to_be_had(rng):
    top = rng.lognormal(size=COUNT)
    options = {"resamples": RESAMPLES, "seed": SEED}
    assert mean_ratio_interval(2.0, top, 3 * top, **options) is None  # no variance
    assert mean_ratio_interval(0.0, 0 * top, top, **options) is None
    assert mean_ratio_interval(1.0, np.where(np.arange(COUNT) % 2, top, 0), top, **options) is not None
    assert mean_ratio_interval(1.0, np.where(np.arange(COUNT) % 3, 0, top), top, **options) is None
    few = FEWEST - 1
    assert mean_ratio_interval(1.0, top[:few], np.ones(few), **options) is None
    a, b = rng.lognormal(size=(2, few, 1, 1))
    found = relative_stability(a, b, MEAN, **options)
    drawn = generator(SEED, "bootstrap").multinomial(few, np.full(few, 1 / few), size=RESAMPLES)
    sampled = (drawn @ a[:, 0, 0]) / (drawn @ b[:, 0, 0])
    assert found == pytest.approx(percentile_interval(a.mean() / b.mean(), sampled))
    assert relative_stability(0 * a, b, MEAN, **options) == (0, 0, 0)


def held(average, sigma, images, repetitions=400):
    """How often R's interval holds 1, in percent: a and b log-normal with this sigma, or squared normal numbers."""
    rng, inside = np.random.default_rng(0), 0
    for seed in range(repetitions):
        shape = 2, images, 1, 1
        a, b = rng.lognormal(sigma=sigma, size=shape) if sigma else rng.chisquare(5, size=shape)
        found = relative_stability(a, b, Statistic(average), resamples=400, seed=seed)
        inside += found.low <= 1 <= found.high
    return 100 * inside / repetitions


@pytest.mark.parametrize(
    ("average", "sigma", "images"), [("mean", 0, 100), ("median", 0, 100), ("mean", 1.5, 100), ("mean", 0, 10)]
)
def test_intervals_hold_what_is_true_as_often_as_they_say(average, sigma, images):
    """a and b have the same law, so R = 1. Binomial standard deviation 1.1 %, bounds at 3.5 of them around 95 %."""
    assert abs(held(average, sigma, images) - 95) <= 3.8
