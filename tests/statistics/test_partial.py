"""Partial correlations and predictions of what was left out: against slow references, simulations, invariances."""

import math

import numpy as np
import pytest
from scipy import stats

from diffstab.statistics import left_out_residuals, partial_correlation, power_law

FAMILIES = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])


@pytest.fixture
def networks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test error, R and two columns of 11 networks."""
    rng = np.random.default_rng(4)
    given = rng.normal(size=(11, 2))
    R = np.exp(rng.normal(size=11) + given @ [1.0, -2.0])
    return 0.05 * R**0.4 * np.exp(given[:, 0] + 0.3 * rng.normal(size=11)), R, given


def one_hot(families):
    return np.eye(families.max() + 1)[families][:, 1:]


def reference_partial(x, y, given):
    """From the inverse of the matrix of correlations."""
    inverse = np.linalg.inv(np.corrcoef(np.column_stack([x, y, given]), rowvar=False))
    return -inverse[0, 1] / math.sqrt(inverse[0, 0] * inverse[1, 1])


def test_a_partial_correlation_is_that_of_the_inverse_matrix_with_a_jackknife(networks):
    error, R, given = networks
    logs = np.log(error), np.log(R)
    z = np.arctanh(reference_partial(*logs, given))
    others = [np.arctanh(reference_partial(*(np.delete(v, k, axis=0) for v in (*logs, given)))) for k in range(11)]
    half = stats.t.ppf(0.975, 11 - 3) * math.sqrt(10 / 11 * sum((one - np.mean(others)) ** 2 for one in others))
    ends = [math.tanh(z + sign * half) for sign in (0, -1, 1)]
    assert partial_correlation(error, R, given) == pytest.approx(ends, rel=1e-9)


def test_with_columns_of_families_it_is_the_correlation_within_them(networks):
    error, R, _ = networks
    logs = [v - np.array([v[own == FAMILIES].mean() for own in FAMILIES]) for v in (np.log(error), np.log(R))]
    found = partial_correlation(error, R, one_hot(FAMILIES))
    assert found.value == pytest.approx(np.corrcoef(*logs)[0, 1], rel=1e-9)
    moved = np.array([1e-3, 1.0, 7.0])[FAMILIES]  # a factor for each family
    assert partial_correlation(error * moved, R / moved, one_hot(FAMILIES)) == pytest.approx(found, rel=1e-6)


def test_scales_of_the_columns_change_nothing(networks):
    error, R, given = networks
    found = partial_correlation(error, R, 1e6 * given + 3)
    assert found == pytest.approx(partial_correlation(error, R, given), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "columns"), [(15, 2), (15, 3), (60, 3)])
def test_intervals_hold_what_is_true_as_often_as_they_say(count, columns):
    """400 samples of the partial correlation 0.7; binomial standard deviation 1.1 %, bound at 3.5 of them below 95 %.

    With many columns for few networks the interval is wide: 97 to 98 % for 15 networks in four families.
    """
    rng = np.random.default_rng(0)
    given = rng.normal(size=(count, 2)) if columns == 2 else one_hot(np.arange(count) % 4)
    held = 0
    for _ in range(400):
        x, noise = rng.normal(size=(2, count))
        y = 0.7 * x + math.sqrt(0.51) * noise
        found = partial_correlation(np.exp(x + given.sum(1)), np.exp(y - 2 * given.sum(1)), given)
        held += found.low <= 0.7 <= found.high
    assert held / 400 >= 0.95 - 0.038


def test_slopes_that_differ_between_groups_are_in_the_interval_over_groups():
    """400 samples of 67 networks in 15 architectures, whose slopes scatter by 0.3; the means are removed.

    Over networks the intervals hold 93 %, over groups 95 %; binomial standard deviation 1.1 %.
    """
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(15), [9, 10, 8, 9, 8, 6, 5, 2, 2, 2, 2, 1, 1, 1, 1])
    given, true = one_hot(groups), 0.7 / math.sqrt(0.49 + 0.09 + 0.51)
    held = 0
    for _ in range(400):
        x, noise = rng.normal(size=(2, 67))
        y = (0.7 + 0.3 * rng.normal(size=15)[groups]) * x + math.sqrt(0.51) * noise
        found = partial_correlation(np.exp(x), np.exp(y), given, groups=groups.tolist())
        held += found.low <= true <= found.high
    assert held / 400 >= 0.95 - 0.038


@pytest.mark.parametrize("count", [0, 1, 2])
def test_residuals_are_those_of_a_fit_to_the_others(networks, count):
    error, R, given = networks
    predictors = [R, np.exp(given[:, 1])][:count]
    for k, found in enumerate(left_out_residuals(error, *predictors)):
        kept = np.arange(11) != k
        design = np.column_stack([np.ones(11), *(np.log(one) for one in predictors)])
        weights = np.linalg.lstsq(design[kept], np.log(error)[kept], rcond=None)[0]
        assert found == pytest.approx(np.log(error)[k] - design[k] @ weights, rel=1e-9)


def test_the_residuals_of_one_predictor_are_those_of_the_power_law(networks):
    error, R, _ = networks
    a, b = power_law(R[1:], error[1:])
    assert left_out_residuals(error, R)[0] == pytest.approx(math.log(error[0] / (a * R[0] ** b)), rel=1e-9)


def test_what_has_no_answer_is_refused(networks):
    error, R, given = networks
    for wrong in (given[:, 0], given[:-1], given * math.nan):
        with pytest.raises(ValueError, match="finite numbers are needed, one row for each of 11 networks"):
            partial_correlation(error, R, wrong)
    with pytest.raises(ValueError, match="4 of 5 networks are left without one; with 2 columns at least 5 are needed"):
        partial_correlation(error[:5], R[:5], given[:5])
    assert math.isfinite(partial_correlation(error[:6], R[:6], given[:6]).low)
    with pytest.raises(ValueError, match="4 of 11 networks are left without one group; with 2 columns at least 5"):
        partial_correlation(error, R, given, groups="aaaaaaabcde"[:11])
    with pytest.raises(ValueError, match="3 networks; with 1 predictors at least 4 are needed"):
        left_out_residuals(error[:3], R[:3])
    with pytest.raises(ValueError, match="positive numbers are needed"):
        left_out_residuals(error, -R)


def test_predictors_that_tell_one_another_are_refused(networks):
    """R = D / G, and a predictor that is known from one network alone: either leaves a weight to rounding errors."""
    error, D, given = networks
    G = np.exp(given[:, 0])
    alone = np.where(np.arange(11) == 3, 2.0, 1.0)
    for predictors in ((D / G, D, 1 / G), (alone,)):
        with pytest.raises(ValueError, match=r"tell one another, as R, D and G do .* leave that one out"):
            left_out_residuals(error, *predictors)
    assert left_out_residuals(error, D, 1 / G) == pytest.approx(left_out_residuals(error, D / G, D), rel=1e-9)


def test_what_the_columns_tell_completely_has_no_correlation_left(networks):
    _, R, given = networks
    assert partial_correlation(np.exp(given[:, 0]), R, given).value == 0
