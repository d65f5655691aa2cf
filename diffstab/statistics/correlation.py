"""Correlations and power laws over networks, in logarithms, with intervals that hold for few networks.

Intervals of a power law are the classical ones of least squares with Student's t: exact if residuals are normal. The
interval of a correlation r uses Fisher's z = artanh r, which is nearly normal. Its standard error is from the jackknife
(leaving out one network at a time), with Student's t of n - 1 degrees of freedom. A percentile bootstrap over networks
would be too narrow: it contained the true correlation in only 88 to 92 % of cases. docs/intervals.md has the figures of
all intervals.

Partial correlations and the paired test of two correlations use the same jackknife. It needs no normal values, and
quantities of the same networks may depend on each other in any way. Networks that are alike, such as several widths of
one architecture, are one group: it leaves out one group at a time. Pure numpy, float64.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .averages import positive
from .intervals import Array, Interval, t_beyond, t_quantile

FEWEST = 3  # networks; a line passes through any two
NO_VARIANCE = 1e-12  # variance of some networks, relative to that of all, that is only rounding error
LARGEST_Z = 18.0  # Fisher's z of correlations that are 1 up to rounding
LARGEST_LOG = 700.0  # larger logarithms have an infinite exponential


class PowerLaw(NamedTuple):
    """Power law y = factor x^exponent, each with its 95 % interval. A given exponent has an interval of width 0."""

    factor: Interval
    exponent: Interval


class CorrelationDifference(NamedTuple):
    """Difference between two correlations with the same target. Above 0, the first is stronger.

    Attributes:
        z: Difference of Fisher's z of the two correlations, with its 95 % interval.
        p: Two-sided p-value of the hypothesis of no difference.
    """

    z: Interval
    p: float


def correlation_interval(first: Array, second: Array, *, groups: Sequence[Hashable] | None = None) -> Interval:
    """The Pearson correlation of the logarithms (Fig. 5) with its 95 % interval over networks.

    Args:
        first: One positive value per network, `[N]`, such as test errors.
        second: A second positive value per network, `[N]`, such as R_f; networks in the same order.
        groups: The group of each network, `[N]`, such as the architecture; the interval is then over groups. None if
            the networks don't depend on each other.

    Returns:
        Correlation and interval. For 3 networks the interval is -1 to 1, since any two lie on a line, unless all three
        do.

    Raises:
        ValueError: If there are fewer than 3 networks, a value is not positive, or all are the same; if the groups are
            fewer than 4.

    >>> error = np.array([0.01, 0.02, 0.05, 0.04, 0.08, 0.03, 0.012, 0.06])
    >>> R = np.array([0.05, 0.2, 0.9, 1.1, 3.0, 0.6, 0.3, 0.8])
    >>> found = correlation_interval(error, R)
    >>> f"{found.value:.2f}, {found.low:.2f} to {found.high:.2f}"
    '0.91, 0.33 to 0.99'
    """
    x, y = logs_of(first, second)
    value, kept = log_correlation(first, second), all_and_each_left_out(len(x), groups)
    z, *left_out = _fishers_z(x, y, kept)
    if len(x) == FEWEST and abs(z) < LARGEST_Z:
        return Interval(value, -1.0, 1.0)
    return jackknifed(value, z, np.array(left_out), len(left_out) - 1)


def correlation_difference(
    target: Array, first: Array, second: Array, *, groups: Sequence[Hashable] | None = None
) -> CorrelationDifference:
    """Tests whether log(target) correlates more strongly with log(first) than with log(second).

    The test is paired over networks: a jackknife of the difference of Fisher's z, with Student's t of n - 1 degrees of
    freedom. The difference is signed: for a negative correlation, give the inverse of the values.

    Args:
        target: One positive value per network, `[N]`, such as test errors.
        first: A second positive value per network, `[N]`, such as R_f.
        second: The competing value per network, `[N]`, such as D_f.
        groups: The group of each network, as in `correlation_interval`.

    Raises:
        ValueError: If `correlation_interval` refuses the values, or there are fewer than 4 networks.

    >>> error = np.array([0.01, 0.02, 0.05, 0.04, 0.08, 0.03])
    >>> R = np.array([0.05, 0.2, 0.9, 1.1, 3.0, 0.6])
    >>> D = np.array([0.01, 0.03, 0.02, 0.01, 0.04, 0.02])
    >>> found = correlation_difference(error, R, D)
    >>> found.z.value > 0, round(correlation_difference(error, D, R).p - found.p, 12)
    (True, 0.0)
    """
    x, y = logs_of(target, first)
    _, other = logs_of(target, second)
    count = len(x)
    if count == FEWEST:
        raise ValueError(f"{count} networks; at least {FEWEST + 1} are needed to compare two correlations")
    kept = all_and_each_left_out(count, groups)
    value, *left_out = _fishers_z(x, y, kept) - _fishers_z(x, other, kept)
    freedom = len(left_out) - 1
    error = float(np.sqrt(freedom * np.var(left_out)))
    half = t_quantile(freedom) * error
    p = t_beyond(float(value) / error, freedom) if error > NO_VARIANCE else float(abs(value) <= NO_VARIANCE)
    return CorrelationDifference(Interval(float(value), float(value - half), float(value + half)), p)


def fitted_power_law(
    x: Array, y: Array, *, exponent: float | None = None, groups: Sequence[Hashable] | None = None
) -> PowerLaw:
    """Fits y = a x^b by least squares in the logarithms, with 95 % intervals over networks.

    Args:
        x: One positive value per network, `[N]`, such as R_f.
        y: A second positive value per network, `[N]`, such as test errors; networks in the same order.
        exponent: Fixed exponent b, so that only a is fitted; 0.5 for the paper's eps_t = a sqrt(R_f). None fits both.
        groups: The group of each network, as in `correlation_interval`; the intervals are then a jackknife.

    Raises:
        ValueError: If `correlation_interval` refuses the values or groups.

    >>> law = fitted_power_law(np.array([1.0, 4.0, 9.0, 16.0]), np.array([0.2, 0.4, 0.6, 0.8]))
    >>> [round(value, 9) for value in (*law.factor, *law.exponent)]
    [0.2, 0.2, 0.2, 0.5, 0.5, 0.5]
    """
    u, v = logs_of(x, y)
    a, b = power_law(x, y, exponent=exponent)
    if groups is None:
        half = _half_widths(u, v - np.log(a) - b * u, exponent is None)
    else:
        left_out = all_and_each_left_out(len(u), groups)[1:]
        fits = [power_law(np.asarray(x)[own], np.asarray(y)[own], exponent=exponent) for own in left_out]
        freedom, ends = len(fits) - 1, np.array([(np.log(one[0]), one[1]) for one in fits])
        half = t_quantile(freedom) * np.sqrt(freedom * ends.var(0))
    ends = np.exp((np.log(a) + np.array([-half[0], half[0]])).clip(-LARGEST_LOG, LARGEST_LOG))
    slope = Interval(b, float(b - half[1]), float(b + half[1])) if exponent is None else Interval(b, b, b)
    return PowerLaw(Interval(a, *ends.tolist()), slope)


def _half_widths(u: Array, residuals: Array, both: bool) -> Array:
    """Half the widths of the intervals of log(factor) and exponent, `[2]`; `both`: the exponent is fitted too."""
    fitted, count = 1 + both, len(u)
    variance = float((residuals**2).sum()) / (count - fitted)
    spread = float(((u - u.mean()) ** 2).sum())
    along = u.mean() ** 2 / spread if both else 0.0  # the factor is the fitted value at x = 1, so at u = 0
    return t_quantile(count - fitted) * np.sqrt(variance * np.array([1 / count + along, 1 / spread]))


def jackknifed(value: float, z: float, left_out: Array, freedom: int) -> Interval:
    """The interval of a correlation, from its Fisher's z and the values of z with one network left out each."""
    count = len(left_out)
    if abs(z) >= LARGEST_Z:
        return Interval(value, value, value)
    half = t_quantile(freedom) * np.sqrt((count - 1) * np.var(left_out))
    return Interval(value, float(np.tanh(z - half)), float(np.tanh(z + half)))


def all_and_each_left_out(count: int, groups: Sequence[Hashable] | None = None) -> NDArray[np.bool_]:
    """All networks, then those that are left without each group, `[1 + groups, N]`; by default each is its own group.

    Raises:
        ValueError: If groups are not one for each network, or fewer than 4.

    >>> all_and_each_left_out(5, "aabcd")[1]
    array([False, False,  True,  True,  True])
    """
    own = range(count) if groups is None else groups
    known = dict.fromkeys(own)
    if len(own) != count or (groups is not None and len(known) <= FEWEST):
        raise ValueError(
            f"{len(own)} networks have {len(known)} groups; a group for each of {count} networks is needed, and "
            f"{FEWEST + 1} groups or more"
        )
    return np.array([[True] * count, *([name != one for name in own] for one in known)])


def logs_of(first: Array, second: Array) -> tuple[Array, Array]:
    """Logarithms of both quantities. Raises ValueError if they can't be correlated."""
    pair = [np.asarray(values, dtype=np.float64) for values in (first, second)]
    shapes = [values.shape for values in pair]
    if shapes[0] != shapes[1] or len(shapes[0]) != 1:
        raise ValueError(f"values are {shapes[0]} and {shapes[1]}; two lists with one value per network are needed")
    if len(pair[0]) < FEWEST:
        raise ValueError(f"{len(pair[0])} networks; a correlation over networks needs at least {FEWEST}")
    for values in pair:
        if not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(f"values are {values!r}; positive numbers are needed, since logarithms are taken")
        if np.ptp(values) == 0:
            raise ValueError(f"all {len(values)} values are {values[0]:g}; without variance there is no correlation")
    return np.log(pair[0]), np.log(pair[1])


def _fishers_z(x: Array, y: Array, chosen: NDArray[np.bool_]) -> Array:
    """Fisher's z of the correlation over each choice of networks, `[choices, N]`; 0 without variance."""
    share = chosen / chosen.sum(1, keepdims=True)
    u, v = x - x.mean(), y - y.mean()  # centred first, so that the moments keep their digits
    mean_u, mean_v = share @ u, share @ v
    moments = [share @ (p * q) - mean_p * mean_q for p, q, mean_p, mean_q in (
        (u, u, mean_u, mean_u), (v, v, mean_v, mean_v), (u, v, mean_u, mean_v)
    )]  # fmt: skip
    known = (moments[0] > NO_VARIANCE * (u * u).mean()) & (moments[1] > NO_VARIANCE * (v * v).mean())
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.arctanh((moments[2] / np.sqrt(moments[0] * moments[1])).clip(-1, 1))
    return np.where(known, z, 0.0).clip(-LARGEST_Z, LARGEST_Z)


def log_correlation(first: Array, second: Array) -> float:
    """Pearson correlation of the logarithms (Fig. 5).

    >>> round(log_correlation(np.array([1.0, 2.0, 4.0]), np.array([3.0, 12.0, 48.0])), 12)
    1.0
    """
    return float(np.corrcoef(np.log(positive(first)), np.log(positive(second)))[0, 1])


def power_law(x: Array, y: Array, *, exponent: float | None = None) -> tuple[float, float]:
    """Fits (a, b) of y = a x^b by least squares in the logarithms. `exponent` fixes b.

    >>> a, b = power_law(np.array([1.0, 4.0, 9.0]), np.array([0.2, 0.4, 0.6]))
    >>> round(a, 12), round(b, 12)
    (0.2, 0.5)
    """
    log_x, log_y = np.log(positive(x)), np.log(positive(y))
    if exponent is None:
        exponent = float(np.polyfit(log_x, log_y, 1)[0])
    return float(np.exp((log_y - exponent * log_x).mean())), exponent
