"""Whether trainings agree within their errors: against SciPy, a slow reference and simulations."""

import math

import numpy as np
import pytest
from scipy import stats

from diffstab.statistics import agreement
from diffstab.statistics.agreement import chi_square_beyond


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 31, 60, 299])
def test_tails_are_those_of_scipy(freedom):
    for x in (0.0, 1e-3, 0.5 * freedom, float(freedom), 3.0 * freedom):
        assert chi_square_beyond(x, freedom) == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-9, abs=1e-15)


def test_distances_are_from_the_weighted_mean_of_the_group():
    groups = [(np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.0, 2.0])), (np.array([7.0, 7.5]), np.array([0.3, 0.3]))]
    total = 0.0
    for values, errors in groups:
        mean = np.average(values, weights=errors**-2.0)
        total += sum(((value - mean) / error) ** 2 for value, error in zip(values, errors, strict=True))
    found = agreement(groups)
    assert (found.factor, found.freedom) == (pytest.approx(math.sqrt(total / 3)), 3)
    assert found.p == pytest.approx(stats.chi2.sf(total, 3))
    shifted = [(values + k, errors) for k, (values, errors) in enumerate(groups, 5)]
    assert agreement(shifted) == pytest.approx(found)
    assert agreement([(3 * values, errors) for values, errors in groups]).factor == pytest.approx(3 * found.factor)


def test_agreement_is_refused_as_often_as_it_says():
    """1,000 samples of 15 networks of 5 seeds; binomial standard deviation 0.7 %, bounds at 3.5 of them around 5 %."""
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.05, 0.5, (15, 5))
    found = [agreement([*zip(errors * rng.normal(size=(15, 5)), errors, strict=True)]) for _ in range(1000)]
    assert abs(np.mean([one.p < 0.05 for one in found]) - 0.05) < 0.025
    assert abs(np.mean([one.factor for one in found]) - 1) < 0.02
    twice = [agreement([*zip(2 * errors * rng.normal(size=(15, 5)), errors, strict=True)]) for _ in range(100)]
    assert max(one.p for one in twice) < 1e-3
    assert abs(np.mean([one.factor for one in twice]) - 2) < 0.1


def test_what_says_nothing_is_refused():
    one = np.array([1.0])
    with pytest.raises(ValueError, match="1 groups of one value; at least one group of two is needed"):
        agreement([(one, one)])
    with pytest.raises(ValueError, match="positive numbers are needed"):
        agreement([(np.array([1.0, 2.0]), np.array([1.0, 0.0]))])
