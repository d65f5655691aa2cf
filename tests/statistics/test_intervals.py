"""Intervals of proportions and of resamples, and Student's t, against scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from diffstab.statistics.intervals import binomial_interval, percentile_interval, t_beyond, t_quantile

FREEDOMS = [1, 2, 3, 4, 5, 10, 29, 100]


def test_wilson_interval_solves_its_equation():
    for hits, count in ((3, 50), (25, 50), (49, 50)):
        found = binomial_interval(hits, count)
        for bound in (found.low, found.high):
            z = (hits / count - bound) / math.sqrt(bound * (1 - bound) / count)
            assert abs(z) == pytest.approx(1.959963984540054, rel=1e-9)
    assert binomial_interval(0, 50).low == 0
    assert binomial_interval(50, 50).high == 1


def test_percentiles_are_those_of_the_finite_resamples():
    sampled = np.concatenate([np.arange(1001.0), [math.inf, math.nan, -math.inf]])
    assert list(percentile_interval(7.0, sampled)) == pytest.approx([7, 25, 975])


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_quantiles_of_students_t(freedom):
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("t", [0.0, 0.3, -1.0, 2.5, 40.0])
def test_what_lies_beyond_of_students_t(freedom, t):
    assert t_beyond(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-9, abs=1e-14)
