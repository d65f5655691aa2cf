"""What a correlation over networks leaves once other quantities are known, and how well the others predict a network.

Both in the logarithms, as in `correlation`, of which the intervals are. Pure numpy, float64.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .correlation import FEWEST, LARGEST_Z, NO_VARIANCE, jackknifed, logs_of
from .intervals import Array, Interval


def partial_correlation(first: Array, second: Array, given: Array) -> Interval:
    """Correlation of the logarithms that is left once both are fitted by `given`, with its 95 % interval.

    With columns of 0 and 1 that tell the members of each family it is the correlation within families: the families'
    means are removed.

    Args:
        first: One positive value per network, `[N]`.
        second: Another, `[N]`; networks in the same order.
        given: What both may follow, such as the logarithm of the depth, `[N, K]`; a constant is always among it.

    Raises:
        ValueError: If there are fewer than K + 4 networks, or as for `correlation_interval`.

    >>> depth = np.array([2.0, 4.0, 8.0, 9.0, 16.0, 3.0, 7.0])
    >>> R = np.array([1.0, 2.0, 1.5, 3.0, 2.5, 0.7, 1.1])
    >>> found = partial_correlation(R**2 * depth, R, np.log(depth)[:, None])
    >>> round(found.value, 9)
    1.0
    """
    x, y = logs_of(first, second)
    given = _columns(given, len(x))
    if len(x) < given.shape[1] + FEWEST:
        raise ValueError(
            f"{len(x)} networks; with {given.shape[1] - 1} columns at least {given.shape[1] + FEWEST} are needed"
        )
    z, *left_out = (_partial_z(x[kept], y[kept], given[kept]) for kept in _all_and_each_left_out(len(x)))
    return jackknifed(float(np.tanh(z)), z, np.array(left_out), len(x) - given.shape[1])


def left_out_residuals(target: Array, *predictors: Array) -> Array:
    """log(target / predicted) of each network, predicted by the power law of all others, `[N]`.

    Args:
        target: One positive value per network, `[N]`, such as test errors.
        predictors: Others, `[N]` each; with none, each network is predicted by the log-average of the others.

    Raises:
        ValueError: If there are fewer than 3 networks more than predictors, or as for `correlation_interval`.

    >>> left_out_residuals(np.exp([0.0, 3.0, 3.0]))
    array([-3. ,  1.5,  1.5])
    """
    x = logs_of(target, np.arange(1.0, len(target) + 1))[0]
    logs = [logs_of(target, one)[1] for one in predictors]
    design = _columns(np.stack(logs, axis=-1) if logs else np.zeros((len(x), 0)), len(x))
    if len(x) < design.shape[1] + FEWEST - 1:
        raise ValueError(f"{len(x)} networks; with {len(logs)} predictors at least {len(logs) + FEWEST} are needed")
    basis, _ = np.linalg.qr(design)
    return np.asarray((x - basis @ (basis.T @ x)) / (1 - (basis**2).sum(1)))


def _columns(given: Array, count: int) -> Array:
    """A column of ones and those that are given, centred and scaled, `[N, 1 + K]`."""
    given = np.asarray(given, dtype=np.float64)
    if given.ndim != 2 or len(given) != count or not np.isfinite(given).all():
        raise ValueError(
            f"given is of shape {given.shape}; finite numbers are needed, a line for each of {count} networks"
        )
    centred = given - given.mean(0)
    return np.concatenate([np.ones((count, 1)), centred / np.maximum(centred.std(0), NO_VARIANCE)], axis=1)


def _all_and_each_left_out(count: int) -> Iterator[NDArray[np.bool_]]:
    yield np.ones(count, dtype=bool)
    yield from ~np.eye(count, dtype=bool)


def _partial_z(x: Array, y: Array, given: Array) -> float:
    rest = [values - given @ np.linalg.lstsq(given, values, rcond=None)[0] for values in (x, y)]
    known = [(left**2).sum() > NO_VARIANCE * ((v - v.mean()) ** 2).sum() for left, v in zip(rest, (x, y), strict=True)]
    if not all(known):
        return 0.0
    with np.errstate(divide="ignore"):
        r = rest[0] @ rest[1] / np.sqrt((rest[0] @ rest[0]) * (rest[1] @ rest[1]))
        return float(np.arctanh(r.clip(-1, 1)).clip(-LARGEST_Z, LARGEST_Z))
