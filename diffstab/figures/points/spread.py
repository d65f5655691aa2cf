"""A number of a network and its error bar: the log-average over seeds, or one measurement with its interval."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...statistics import Array, log_average
from ...store import Row
from .setting import grouped

COLUMN = {"error": "test_error"}  # of the rows, where it has another name


class Spread(NamedTuple):
    """A log-average over seeds and its error bar.

    Attributes:
        value: exp(mean log v).
        log_sd: Standard deviation of log v over seeds; None where there is one.
        low: value exp(-log_sd); with one seed, the end of its own 95 % interval, 0 if that is open below.
        high: value exp(log_sd); with one seed, the upper end of its own 95 % interval.
    """

    value: float
    log_sd: float | None
    low: float
    high: float

    def inverse(self) -> "Spread":
        """The spread of 1 / v.

        >>> Spread(2.0, None, 1.0, 4.0).inverse()
        Spread(value=0.5, log_sd=None, low=0.25, high=1.0)
        """
        return Spread(1 / self.value, self.log_sd, 1 / self.high, 1 / self.low if self.low > 0 else math.inf)

    def arms(self) -> Array:
        """Lengths of the error bar below and above, `[2, 1]`; the end of one that is open above is left out.

        >>> Spread(2.0, None, 1.5, math.inf).arms().tolist()
        [[0.5], [0.0]]
        """
        high = self.high if math.isfinite(self.high) else self.value
        return np.array([[self.value - self.low], [high - self.value]]).clip(0)


def exactly(value: float) -> Spread:
    """A number without an error bar."""
    return Spread(value, None, value, value)


def columns_of(name: str, spread: Spread | None) -> dict[str, float | None]:
    """A spread as columns of a table; without one they stand empty.

    >>> columns_of("R", Spread(2.0, None, 1.5, 3.0))
    {'R': 2.0, 'R_log_sd': None, 'R_low': 1.5, 'R_high': 3.0}
    """
    return {
        name if end == "value" else f"{name}_{end}": None if spread is None else getattr(spread, end)
        for end in Spread._fields
    }


def spread_of(rows: Sequence[Row], quantity: str, notes: list[str]) -> Spread:
    """The log-average over a network's trainings of that over each one's measurements.

    Args:
        rows: Rows of one network.
        quantity: `D`, `G`, `R`, `E` or `error`, the test error.
        notes: List that gets a line where half an image stands for a test error of 0.

    Raises:
        ValueError: If a number is missing, or has no logarithm.

    >>> rows = [{"R": {"value": v, "low": v / 2, "high": 2 * v}, "weights_sha256": str(v)} for v in (1.0, 4.0)]
    >>> round(spread_of(rows, "R", []).value, 6), spread_of(rows[:1], "R", [])
    (2.0, Spread(value=1.0, log_sd=None, low=0.5, high=2.0))
    """
    trainings = [
        _log_averages(np.array([_ends(row, quantity, notes) for row in own]))
        for own in grouped(rows, "weights_sha256").values()
    ]
    if len(trainings) == 1:
        value, low, high = trainings[0].tolist()
        return Spread(value, None, low, high)
    value, log_sd = log_average(np.array([own[0] for own in trainings]))
    return Spread(value, log_sd, value * math.exp(-log_sd), value * math.exp(log_sd))


def _log_averages(measured: Array) -> Array:
    """Over measurements `[M, 3]`; one stays as it is, to the last digit."""
    if len(measured) == 1:
        return np.asarray(measured[0])
    with np.errstate(divide="ignore"):  # an interval may be open at 0
        return np.asarray(np.exp(np.log(measured).mean(0)))


def _ends(row: Row, quantity: str, notes: list[str]) -> tuple[float, float, float]:
    """Value, low and high of one measurement; a test error of 0 is half an image."""
    found: Mapping[str, Any] | None = row.get(COLUMN.get(quantity, quantity))
    if not found:
        raise ValueError(
            f"{row['model']!r} on {row.get('dataset')} has no {COLUMN.get(quantity, quantity)}; leave it out with the "
            f"filter model!={row['model']} (--where)"
        )
    value = float(found["value"])
    if quantity == "error" and value == 0:
        value = 0.5 / found["images"]
        notes.append(f"{row['model']} has no error among {found['images']} images; half an image is taken, {value:g}")
    if not 0 < value < math.inf:
        where = f" (layer {row['layer']})" if "layer" in row else ""
        raise ValueError(
            f"{quantity} of {row['model']!r}{where} is {value:g}, which has no logarithm; leave it out with the filter "
            f"model!={row['model']} (--where)"
        )
    return value, float(found["low"]), float(found["high"])
