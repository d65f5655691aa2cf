"""A test whether trainings of the same network agree within their standard errors. Pure numpy, float64.

Q is the sum of squared distances of the values from the weighted mean of their group, in standard errors. If the
standard errors explain all differences within groups, Q follows a chi-square law; its degrees of freedom are the number
of values minus the number of groups.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .intervals import Array


class Agreement(NamedTuple):
    """Distances of values from the mean of their group, in standard errors.

    Attributes:
        factor: Root of Q divided by its degrees of freedom: about 1 if the standard errors explain the distances, 3 if
            distances are three times as large.
        freedom: Degrees of freedom: number of values minus number of groups.
        p: p-value: the probability of a Q at least as large if the standard errors explain all distances.
    """

    factor: float
    freedom: int
    p: float


def agreement(groups: Sequence[tuple[Array, Array]]) -> Agreement:
    """Tests whether the values of each group agree within their standard errors.

    Args:
        groups: Values and their standard errors, `[n]` each, for each group. Groups of one value have no influence.

    Raises:
        ValueError: If no group has two members, or a standard error is not positive.

    >>> found = agreement([(np.array([0.0, 2.0]), np.array([1.0, 1.0])), (np.array([5.0]), np.array([1.0]))])
    >>> round(found.factor, 3), found.freedom, round(found.p, 3)
    (1.414, 1, 0.157)
    """
    freedom = sum(len(values) - 1 for values, _ in groups)
    if freedom < 1:
        raise ValueError(f"{len(groups)} groups of one value; at least one group of two is needed")
    total = 0.0
    for values, errors in groups:
        if not (np.isfinite(errors) & (errors > 0)).all():
            raise ValueError(f"standard errors are {errors!r}; positive numbers are needed")
        weights = 1 / errors**2
        total += float((weights * (values - (weights * values).sum() / weights.sum()) ** 2).sum())
    return Agreement(math.sqrt(total / freedom), freedom, chi_square_beyond(total, freedom))


def chi_square_beyond(x: float, freedom: int) -> float:
    """P(Q > x) of the chi-square law, by its finite series for whole degrees of freedom (Abramowitz-Stegun 26.4.4, 5).

    >>> round(chi_square_beyond(3.841459, 1), 6), round(chi_square_beyond(9.487729, 4), 6)
    (0.05, 0.05)
    """
    half, odd = x / 2, freedom % 2
    if half <= 0:
        return 1.0
    logs = [(k + odd / 2) * math.log(half) - half - math.lgamma(k + 1 + odd / 2) for k in range(freedom // 2)]
    return min(1.0, (math.erfc(math.sqrt(half)) if odd else 0.0) + sum(map(math.exp, logs)))
