"""Correlations over networks: against a slow bootstrap, a known law, invariances, and what is not defined."""

import math

import numpy as np
import pytest

from diffstab.correlation import correlation_interval, fitted_power_law
from diffstab.statistics import generator, log_correlation, power_law


@pytest.fixture
def networks() -> tuple[np.ndarray, np.ndarray]:
    """R and test error of 11 networks."""
    rng = np.random.default_rng(4)
    R = np.exp(rng.uniform(-3, 1.5, 11))
    return R, 0.05 * R**0.4 * np.exp(0.2 * rng.normal(size=11))


def resampled(count: int, resamples: int, seed: int) -> list[np.ndarray]:
    """The networks of each resample, one by one."""
    times = generator(seed, "bootstrap").multinomial(count, np.full(count, 1 / count), size=resamples)
    return [np.repeat(np.arange(count), row) for row in times]


def test_the_interval_of_the_correlation_is_that_of_a_slow_bootstrap(networks):
    R, error = networks
    slow = [np.corrcoef(np.log(R[k]), np.log(error[k]))[0, 1] for k in resampled(11, 400, 3)]
    found = correlation_interval(R, error, resamples=400, seed=3)
    assert found.value == log_correlation(R, error)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), rel=1e-10)


def test_the_power_law_is_that_of_a_slow_bootstrap(networks):
    R, error = networks
    slow = [np.polyfit(np.log(R[k]), np.log(error[k]), 1) for k in resampled(11, 400, 3)]
    found = fitted_power_law(R, error, resamples=400, seed=3)
    assert (found.factor.value, found.exponent.value) == power_law(R, error)
    exponents, factors = np.array(slow)[:, 0], np.exp(np.array(slow)[:, 1])
    assert found.exponent[1:] == pytest.approx(tuple(np.quantile(exponents, [0.025, 0.975])), rel=1e-9)
    assert found.factor[1:] == pytest.approx(tuple(np.quantile(factors, [0.025, 0.975])), rel=1e-9)


def test_a_given_exponent_leaves_the_factor_alone_to_fit(networks):
    R, error = networks
    slow = [math.exp(np.mean(np.log(error[k]) - 0.5 * np.log(R[k]))) for k in resampled(11, 400, 3)]
    found = fitted_power_law(R, error, exponent=0.5, resamples=400, seed=3)
    assert found.exponent == (0.5, 0.5, 0.5)
    assert found.factor.value == power_law(R, error, exponent=0.5)[0]
    assert found.factor[1:] == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), rel=1e-10)


def test_resamples_of_one_network_alone_are_dropped():
    """Of 3 networks a resample holds one alone in 1 of 9 cases, and two, of correlation 1 or -1, in 6 of 9."""
    x, y = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    found = correlation_interval(x, y, resamples=2000)
    assert (found.low, found.high) == pytest.approx((-1, 1))
    constant_but_one = correlation_interval(np.array([1.0, 1.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0, 4.0]))
    assert np.isfinite(constant_but_one).all()


def test_the_interval_holds_the_true_correlation_about_as_often_as_it_says():
    """200 samples of 15 networks with the correlation 0.8.

    The percentile interval is known to be somewhat narrow: about 0.91. Binomial standard deviation 0.02; bounds at
    3.5 of them, above by 0.95.
    """
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        x, noise = rng.normal(size=(2, 15))
        found = correlation_interval(np.exp(x), np.exp(0.8 * x + 0.6 * noise), resamples=400, seed=seed)
        held += found.low <= 0.8 <= found.high
    assert 0.91 - 0.07 <= held / 200 <= 0.95 + 0.054


def test_units_and_powers_change_nothing_but_the_sign(networks):
    R, error = networks
    one = correlation_interval(R, error, resamples=500)
    assert correlation_interval(1e6 * R**2, error / 100, resamples=500) == pytest.approx(one, rel=1e-9)
    value, low, high = correlation_interval(1 / R, error, resamples=500)
    assert (-value, -high, -low) == pytest.approx(one, rel=1e-9)


def test_an_exact_law_has_intervals_of_no_width():
    x = np.array([0.1, 0.5, 2.0, 7.0, 9.0])
    found = fitted_power_law(x, 0.24 * x**0.5)
    assert found.factor == pytest.approx((0.24, 0.24, 0.24))
    assert found.exponent == pytest.approx((0.5, 0.5, 0.5))
    assert correlation_interval(x, 0.24 * x**0.5) == pytest.approx((1, 1, 1))


def test_the_seed_decides(networks):
    one, same, other = (correlation_interval(*networks, resamples=500, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert one.value == other.value


@pytest.mark.parametrize(
    ("first", "second", "options", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], {}, "2 networks; a correlation over networks needs at least 3"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], {}, r"values are \(3,\) and \(2,\); two lists"),
        ([1.0, 0.0, 3.0], [1.0, 2.0, 3.0], {}, "positive numbers are needed"),
        ([1.0, math.inf, 3.0], [1.0, 2.0, 3.0], {}, "positive numbers are needed"),
        ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0], {}, "all 3 values are 5; without variance"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {"resamples": 10}, "resamples is 10; it must be at least 100"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {"seed": -1}, "seed is -1; it must be at least 0"),
    ],
)
def test_what_has_no_correlation_is_refused(first, second, options, message):
    for function in (correlation_interval, fitted_power_law):
        with pytest.raises(ValueError, match=message):
            function(np.array(first), np.array(second), **options)
