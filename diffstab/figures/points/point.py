"""Points of a figure: where each stands, its log-averages over seeds, and the table that they make."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, NamedTuple

from ...results import known_at
from ...store import Row
from .setting import grouped, together
from .spread import Spread, columns_of, exactly, spread_of

QUANTITIES = ("error", "R", "D", "G")


@dataclass(frozen=True)
class Point:
    """One point of a figure; `point[name]` is a quantity or a number of `at` as a `Spread`.

    Attributes:
        at: Values that tell it from the other points, by column; `weights` is `init` at initialisation.
        seeds: Number of trainings or initialisations behind it.
        spreads: Values with error bars, by quantity.
        label: Short name of its network for the picture.
        curve: Name of its curve: `resnet18 init`, `lenet diffeo 3.0`.
    """

    at: dict[str, Any]
    seeds: int
    spreads: dict[str, Spread]
    label: str = ""
    curve: str = ""

    def __getitem__(self, name: str) -> Spread:
        if name == "1/G":
            return self.spreads["G"].inverse()
        return self.spreads[name] if name in self.spreads else exactly(self.at[name])

    @property
    def model(self) -> str:
        """Name of the network."""
        return str(self.at["model"])

    @property
    def fresh(self) -> bool:
        """True at initialisation."""
        return bool(self.at.get("weights") == "init")


class Gathered(NamedTuple):
    """The points of a figure.

    Attributes:
        points: Points in the order of the table.
        setting: Values that all rows share, by column.
        notes: Notes on what was left out or replaced, one line each.
    """

    points: list[Point]
    setting: dict[str, Any]
    notes: list[str]


def points_of(
    rows: Sequence[Row],
    columns: Sequence[str],
    notes: list[str],
    quantities: Sequence[str] = QUANTITIES,
    *,
    x: str | None = None,
    optional: Sequence[str] = (),
) -> list[Point]:
    """A point for each combination of what stands in the columns, in the order of the rows.

    Args:
        rows: Measurements.
        columns: Columns that tell points apart.
        notes: List that gets a line where half an image stands for a test error of 0.
        quantities: Quantities of `spread.spread_of`, whose errors are raised.
        x: Column of numbers whose average over its rows each point has too.
        optional: Further quantities, of the points that have rows with them.

    >>> rows = [{"model": "lenet", "weights_sha256": str(k), "R": {"value": v, "low": v, "high": v}}
    ...         for k, v in enumerate((1.0, 4.0))]
    >>> found = points_of(rows, ["model"], [], ["R"])
    >>> found[0].at, found[0].seeds, round(found[0]["R"].value, 6)
    ({'model': 'lenet'}, 2, 2.0)
    """
    points = []
    for place, own in together(rows, columns).items():
        at = dict(zip(columns, place, strict=True))
        if x is not None:
            at[x] = mean(_number(row, x) for row in own)
        spreads = {name: spread_of(own, name, notes) for name in quantities}
        known = {name: [row for row in own if name in row] for name in optional}
        spreads |= {name: spread_of(part, name, notes) for name, part in known.items() if part}
        points.append(Point(at, len(grouped(own, "weights_sha256")), spreads))
    return points


def _number(row: Row, column: str) -> float:
    value = known_at(row, column)
    if not isinstance(value, (int, float)):
        where = f"{row['model']!r} under {row.get('transform')}"
        raise ValueError(
            f"{column} of {where} is {value}; leave such rows out with the filter {column}!=none (--where)"
        )
    return float(value)


def split(points: Iterable[Point], *columns: str) -> dict[Any, list[Point]]:
    """Points by what stands in a column, or in several, in their order; `label` and `curve` count as columns.

    >>> [*split([Point({"cutoff": 3.0}, 1, {}), Point({"cutoff": 5.0}, 1, {})], "cutoff")]
    [3.0, 5.0]
    """
    found: dict[Any, list[Point]] = {}
    for point in points:
        place = tuple({**point.at, "label": point.label, "curve": point.curve}.get(column) for column in columns)
        found.setdefault(place if len(columns) > 1 else place[0], []).append(point)
    return found


def table_of(
    points: Sequence[Point], quantities: Sequence[str] = QUANTITIES, names: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Points as the lines of a table, each by column.

    Args:
        points: Points with the same columns.
        quantities: Quantities in their order; a point without one has empty columns.
        names: Names of columns that are other than in the points.

    >>> table_of([Point({"model": "lenet"}, 1, {"R": exactly(2.0)})], ["R"], {"R": "r"})
    [{'model': 'lenet', 'seeds': 1, 'r': 2.0, 'r_log_sd': None, 'r_low': 2.0, 'r_high': 2.0}]
    """
    told, lines = names or {}, []
    for point in points:
        line = {told.get(column, column): value for column, value in point.at.items()} | {"seeds": point.seeds}
        for name in quantities:
            line |= columns_of(told.get(name, name), point.spreads.get(name))
        lines.append(line)
    return lines
