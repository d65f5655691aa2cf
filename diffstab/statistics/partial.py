"""Partial correlations over networks (with other quantities held fixed), and predictions of networks left out.

Both use logarithms and the intervals of `correlation`. Pure numpy, float64.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from .correlation import FEWEST, LARGEST_Z, NO_VARIANCE, all_and_each_left_out, jackknifed, logs_of
from .intervals import Array, Interval

DEPENDENT = 1e-6  # smallest singular value, of standardised predictors, that is more than rounding error


def partial_correlation(
    first: Array, second: Array, given: Array, *, groups: Sequence[Hashable] | None = None
) -> Interval:
    """Correlation of the logarithms after removing the linear effect of `given`, with its 95 % interval.

    Example: `given` has a column of 0 and 1 for each family of networks. The families' means are then removed, and the
    result is the correlation within families.

    Args:
        first: One positive value per network, `[N]`.
        second: A second positive value per network, `[N]`; networks in the same order.
        given: Quantities to hold fixed, such as the logarithm of the depth, `[N, K]`. A constant is always added.
        groups: The group of each network, as in `correlation_interval`.

    Raises:
        ValueError: If fewer than K + 3 networks are left without one of them, or without one group; if
            `correlation_interval` refuses the values or groups.

    >>> depth = np.array([2.0, 4.0, 8.0, 9.0, 16.0, 3.0, 7.0])
    >>> R = np.array([1.0, 2.0, 1.5, 3.0, 2.5, 0.7, 1.1])
    >>> found = partial_correlation(R**2 * depth, R, np.log(depth)[:, None])
    >>> round(found.value, 9)
    1.0
    """
    x, y = logs_of(first, second)
    given = _columns(given, len(x))
    kept = all_and_each_left_out(len(x), groups)
    least, needed = int(kept.sum(1).min()), given.shape[1] + FEWEST - 1
    if least < needed:
        raise ValueError(
            f"{least} of {len(x)} networks are left without one{'' if groups is None else ' group'}; with "
            f"{given.shape[1] - 1} columns at least {needed} are needed"
        )
    z, *left_out = (_partial_z(x[own], y[own], given[own]) for own in kept)
    freedom = len(x) - given.shape[1] if groups is None else len(left_out) - 1
    return jackknifed(float(np.tanh(z)), z, np.array(left_out), freedom)


def left_out_residuals(target: Array, *predictors: Array) -> Array:
    """log(target / predicted) of each network, `[N]`; the prediction is a power law fitted to all other networks.

    Args:
        target: One positive value per network, `[N]`, such as test errors.
        predictors: Further positive values per network, `[N]` each. Without any, the prediction is the log-average of
            the other networks.

    Raises:
        ValueError: If the networks are not at least 3 more than the predictors; if the predictors tell one another, as
            two of R, D and G do, with all networks or without one; if `correlation_interval` refuses the values.

    >>> left_out_residuals(np.exp([0.0, 3.0, 3.0]))
    array([-3. ,  1.5,  1.5])
    """
    x = logs_of(target, np.arange(1.0, len(target) + 1))[0]
    logs = [logs_of(target, one)[1] for one in predictors]
    design = _columns(np.stack(logs, axis=-1) if logs else np.zeros((len(x), 0)), len(x))
    if len(x) < design.shape[1] + FEWEST - 1:
        raise ValueError(f"{len(x)} networks; with {len(logs)} predictors at least {len(logs) + FEWEST} are needed")
    ranks = [np.linalg.matrix_rank(design[kept], tol=DEPENDENT) for kept in all_and_each_left_out(len(x))]
    if min(ranks) < design.shape[1]:
        raise ValueError(
            f"the {len(logs)} predictors of {len(x)} networks tell one another, as R, D and G do (R = D / G), or one "
            "hardly varies; leave that one out"
        )
    basis, _ = np.linalg.qr(design)
    return np.asarray((x - basis @ (basis.T @ x)) / (1 - (basis**2).sum(1)))


def _columns(given: Array, count: int) -> Array:
    """Adds a column of ones to the given columns, which are centred and scaled: `[N, 1 + K]`."""
    given = np.asarray(given, dtype=np.float64)
    if given.ndim != 2 or len(given) != count or not np.isfinite(given).all():
        raise ValueError(
            f"given has the shape {given.shape}; finite numbers are needed, one row for each of {count} networks"
        )
    centred = given - given.mean(0)
    return np.concatenate([np.ones((count, 1)), centred / np.maximum(centred.std(0), NO_VARIANCE)], axis=1)


def _partial_z(x: Array, y: Array, given: Array) -> float:
    rest = [values - given @ np.linalg.lstsq(given, values, rcond=None)[0] for values in (x, y)]
    known = [(left**2).sum() > NO_VARIANCE * ((v - v.mean()) ** 2).sum() for left, v in zip(rest, (x, y), strict=True)]
    if not all(known):
        return 0.0
    with np.errstate(divide="ignore"):
        r = rest[0] @ rest[1] / np.sqrt((rest[0] @ rest[0]) * (rest[1] @ rest[1]))
        return float(np.arctanh(r.clip(-1, 1)).clip(-LARGEST_Z, LARGEST_Z))
