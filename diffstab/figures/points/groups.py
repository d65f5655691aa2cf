"""Rows of one network and one value of what was swept, log-averaged over seeds: test error, D_f, G_f and R_f."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...store import Row
from .setting import grouped, setting_at
from .spread import Spread, columns_of, spread_of

QUANTITIES = ("error", "R", "D", "G")


@dataclass(frozen=True)
class Group:
    """One point of a figure.

    Attributes:
        at: Values that tell it from the other points, by column.
        seeds: Number of trainings behind it.
        spreads: Values with error bars, by quantity.
    """

    at: dict[str, Any]
    seeds: int
    spreads: dict[str, Spread]

    def line(self) -> dict[str, Any]:
        """The point as a line of a table."""
        found: dict[str, Any] = {**self.at, "seeds": self.seeds}
        for name, spread in self.spreads.items():
            found |= columns_of(name, spread)
        return found


def groups_of(
    rows: Sequence[Row], columns: Sequence[str], notes: list[str], quantities: Sequence[str] = QUANTITIES
) -> list[Group]:
    """A point for each combination of what stands in the columns, in the order of the rows.

    Args:
        rows: Measurements.
        columns: Columns that tell points apart.
        notes: List that gets a line where half an image stands for a test error of 0.
        quantities: Quantities of `spread.spread_of`, whose errors are raised.

    >>> rows = [{"model": "lenet", "weights_sha256": str(k), "R": {"value": v, "low": v, "high": v}}
    ...         for k, v in enumerate((1.0, 4.0))]
    >>> found = groups_of(rows, ["model"], [], ["R"])
    >>> found[0].at, found[0].seeds, round(found[0].spreads["R"].value, 6)
    ({'model': 'lenet'}, 2, 2.0)
    """
    together: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        together.setdefault(tuple(setting_at(row, column) for column in columns), []).append(row)
    return [
        Group(
            dict(zip(columns, place, strict=True)),
            len(grouped(own, "weights_sha256")),
            {name: spread_of(own, name, notes) for name in quantities},
        )
        for place, own in together.items()
    ]
