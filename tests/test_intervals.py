"""Intervals of ratios of means: against a slow studentised bootstrap, invariances, and how often they hold."""

import math

import numpy as np
import pytest

from diffstab.intervals import FEWEST_STUDENTISED, percentile_interval, studentised_interval
from diffstab.pairs import OutputPairs
from diffstab.statistics import Statistic, generator, relative_stability, stability

MEAN = Statistic("mean")
COUNT, RESAMPLES, SEED = 30, 200, 5


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def slow_interval(top, bottom_of, estimate):
    """One resample at a time, images repeated; `bottom_of` gives the bottom's value per image of a list of images."""
    weights = generator(SEED, "bootstrap").multinomial(COUNT, np.full(COUNT, 1 / COUNT), size=RESAMPLES)

    def log_ratio(images):
        above, below = top[images], bottom_of(images)
        influence = above / above.mean() - below / below.mean()
        return math.log(above.mean() / below.mean()), math.sqrt(float((influence**2).sum())) / len(images)

    whole, error = log_ratio(np.arange(COUNT))
    deviations = []
    for row in weights:
        value, own = log_ratio(np.repeat(np.arange(COUNT), row))
        deviations.append((value - whole) / own)
    low, high = np.quantile(deviations, [0.025, 0.975])
    return estimate * math.exp(-high * error), estimate * math.exp(-low * error)


def test_means_have_the_interval_of_a_slow_studentised_bootstrap(rng):
    a, b = rng.lognormal(size=(2, COUNT, 3, 1))
    outputs = rng.normal(size=(COUNT, 4)) * [3, 1, 1, 0.1]
    found = stability(a, b, OutputPairs(outputs), MEAN, resamples=RESAMPLES, seed=SEED)

    def deviations(images):
        own = outputs[images]
        return np.square(own - own.mean(0)).sum(1)

    for name, top in (("D", a), ("G", b)):
        slow = slow_interval(top.mean((1, 2)), deviations, found[name].value)
        assert found[name][1:] == pytest.approx(slow, rel=1e-9)
    slow = slow_interval(a.mean((1, 2)), lambda images: b.mean((1, 2))[images], found["R"].value)
    assert found["R"][1:] == pytest.approx(slow, rel=1e-9)
    assert relative_stability(a, b, MEAN, resamples=RESAMPLES, seed=SEED) == found["R"]


def test_exchanging_top_and_bottom_turns_the_interval_over(rng):
    a, b = rng.lognormal(size=(2, COUNT, 1, 1))
    one = relative_stability(a, b, MEAN, resamples=RESAMPLES, seed=SEED)
    other = relative_stability(b, a, MEAN, resamples=RESAMPLES, seed=SEED)
    assert [1 / other.value, 1 / other.high, 1 / other.low] == pytest.approx(list(one), rel=1e-9)


def test_how_many_resamples_at_a_time_does_not_matter(rng, monkeypatch):
    a, b = rng.lognormal(size=(2, COUNT, 1, 1))
    outputs = OutputPairs(rng.normal(size=(COUNT, 2)))
    at_once = stability(a, b, outputs, MEAN, resamples=RESAMPLES, seed=SEED)
    monkeypatch.setattr("diffstab.intervals.CHUNK", 7 * COUNT)
    in_parts = stability(a, b, outputs, MEAN, resamples=RESAMPLES, seed=SEED)
    for name, found in at_once.items():
        assert list(found) == pytest.approx(list(in_parts[name]), rel=1e-12)


def test_percentiles_stand_in_where_there_is_no_studentised_interval(rng):
    weights = rng.multinomial(COUNT, np.full(COUNT, 1 / COUNT), size=RESAMPLES)
    top = rng.lognormal(size=COUNT)
    assert studentised_interval(2.0, top, lambda share: top, weights) is None  # no variance
    assert studentised_interval(0.0, 0 * top, lambda share: top, weights) is None
    few = FEWEST_STUDENTISED - 1
    assert studentised_interval(1.0, top[:few], lambda share: np.ones(few), weights[:, :few] + 1) is None
    a, b = rng.lognormal(size=(2, few, 1, 1))
    found = relative_stability(a, b, MEAN, resamples=RESAMPLES, seed=SEED)
    drawn = generator(SEED, "bootstrap").multinomial(few, np.full(few, 1 / few), size=RESAMPLES)
    sampled = (drawn @ a[:, 0, 0]) / (drawn @ b[:, 0, 0])
    assert found == pytest.approx(percentile_interval(a.mean() / b.mean(), sampled))
    assert relative_stability(0 * a, b, MEAN, resamples=RESAMPLES, seed=SEED) == (0, 0, 0)


@pytest.mark.parametrize("average", ["mean", "median"])
def test_intervals_hold_what_is_true_as_often_as_they_say(average):
    """400 samples of 100 images; binomial standard deviation 1.1 %, bounds at 3.5 of them around 95 %.

    a and b are squared normal numbers in 5 dimensions with the same law, so R = 1.
    """
    rng, held = np.random.default_rng(0), 0
    for seed in range(400):
        a, b = rng.chisquare(5, size=(2, 100, 1, 1))
        found = relative_stability(a, b, Statistic(average), resamples=400, seed=seed)
        held += found.low <= 1 <= found.high
    assert abs(held / 400 - 0.95) <= 0.038
