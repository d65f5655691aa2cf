"""Whether trainings of the same network agree within their intervals. Pure numpy, float64.

Each value has a standard error. Q sums the squared distances of the values of a group from their weighted mean, in
standard errors. If nothing but these errors tells the members of a group apart, Q is distributed as chi-square with as
many degrees of freedom as there are values less groups.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .intervals import Array


class Agreement(NamedTuple):
    """How far members of groups lie apart, in their standard errors.

    Attributes:
        factor: Root of Q over its degrees of freedom: 1 if errors explain the distances, 3 if these are three times as
            large.
        freedom: Degrees of freedom: values less groups.
        p: Probability of a Q at least as large if the errors are all there is.
    """

    factor: float
    freedom: int
    p: float


def agreement(groups: Sequence[tuple[Array, Array]]) -> Agreement:
    """Whether the members of each group agree.

    Args:
        groups: Values and their standard errors, `[n]` each; groups of one say nothing.

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
    """P(Q > x) of chi-square, from its finite series for whole numbers of degrees (Abramowitz and Stegun, 26.4.4, 5).

    >>> round(chi_square_beyond(3.841459, 1), 6), round(chi_square_beyond(9.487729, 4), 6)
    (0.05, 0.05)
    """
    half, odd = x / 2, freedom % 2
    if half <= 0:
        return 1.0
    logs = [(k + odd / 2) * math.log(half) - half - math.lgamma(k + 1 + odd / 2) for k in range(freedom // 2)]
    return min(1.0, (math.erfc(math.sqrt(half)) if odd else 0.0) + sum(map(math.exp, logs)))
