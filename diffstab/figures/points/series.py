"""Curves of networks over something that was swept: rows become series of points, log-averaged over seeds.

A series is a network after training or at initialisation; its points are told apart by the columns of a `Sweep`.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from ...results import value_at
from ...store import Row
from .choice import Chosen
from .networks import labels_of
from .setting import grouped, is_like, refuse_several_settings, refuse_several_trainings, setting_at, setting_of
from .spread import Spread, columns_of, spread_of

QUANTITIES = ("D", "G", "R")
Place = tuple[Any, ...]


@dataclass(frozen=True)
class Sweep:
    """The columns in which the rows of a figure differ; in all others they agree.

    Attributes:
        x: Column along the axis; None if no column of numbers lies there.
        places: Columns that tell the points of a series apart.
        by: Columns that tell the series of a network apart.
        follows: Columns that differ as a consequence of these.
        trainings: Columns of `by` in which trainings differ from series to series.
    """

    x: str | None
    places: tuple[str, ...]
    by: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    trainings: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns in which rows may differ."""
        return (*self.by, *self.places, *self.follows)


@dataclass(frozen=True)
class Point:
    """One point of a series.

    Attributes:
        place: Values by column of `Sweep.places`.
        x: Average of `Sweep.x` over its rows; None without one.
        seeds: Trainings or initialisations behind it.
        D, G, R: Log-averages over these.
    """

    place: dict[str, Any]
    x: float | None
    seeds: int
    D: Spread
    G: Spread
    R: Spread


@dataclass(frozen=True)
class Series:
    """The points of one network, by rising x.

    Attributes:
        model: Name of the network.
        label: Shorter name for the picture.
        fresh: True at initialisation.
        by: Values by column of `Sweep.by`.
    """

    model: str
    label: str
    fresh: bool
    by: dict[str, Any]
    points: list[Point]


@dataclass(frozen=True)
class ManySeries:
    """All series of a figure, by name, the trained one of a network first.

    Attributes:
        setting: Values that all rows share, by column.
        notes: Notes on what was left out, one line each.
    """

    series: list[Series]
    sweep: Sweep
    setting: dict[str, Any]
    notes: list[str]


def gather_series(
    chosen: Chosen, sweep: Sweep, unfold: Callable[[Row], Iterable[Row]] = lambda row: [row]
) -> ManySeries:
    """The series that rows make up.

    Args:
        chosen: Rows from `choice.choose`.
        sweep: Columns in which the rows may differ.
        unfold: Makes several rows of one, such as one for each layer.

    Raises:
        ValueError: If there are no rows; if they differ in another setting, or those of a network in how it was
            trained; if a number is missing or has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"model": "lenet", "weights": "pretrained", "weights_sha256": "a", "cutoff": 3.0, **numbers}
    >>> rows = [{**head, "delta": delta} for delta in (2.0, 1.0)]
    >>> found = gather_series(Chosen(rows, [], [], ""), Sweep("delta", places=("delta",)))
    >>> [(point.x, point.R.value) for point in found.series[0].points], found.setting
    ([(1.0, 0.5), (2.0, 0.5)], {'transform': 'diffeo', 'cutoff': 3.0})
    """
    trained, fresh = chosen.trained, _of_one_setting(chosen, sweep.columns)
    if not trained and not fresh:
        raise ValueError(f"no measurement is among {chosen.told}; measure some, or filter less")
    refuse_several_settings(trained, sweep.columns)
    for name, own in _grouped(trained, ("model", *sweep.trainings)).items():
        refuse_several_trainings(", ".join(map(str, name)), own)
    notes = list(chosen.notes)
    if len(fresh) < len(chosen.fresh):
        notes.append(f"{len(chosen.fresh) - len(fresh)} rows at initialisation under other settings are left out")
    labels = labels_of(grouped([*trained, *fresh], "model"))
    series = []
    for is_fresh, rows in enumerate((trained, fresh)):
        for (name, *by), own in _grouped(rows, ("model", *sweep.by)).items():
            points = _points([part for row in own for part in unfold(row)], sweep, notes)
            series.append(Series(name, labels[name], bool(is_fresh), dict(zip(sweep.by, by, strict=True)), points))
            notes += _uneven(series[-1])
    series.sort(key=lambda one: (one.model, one.fresh, [_rank(value) for value in one.by.values()]))
    shared = setting_of((trained or fresh)[0])
    setting = {column: value for column, value in shared.items() if column not in sweep.columns}
    return ManySeries(series, sweep, setting, list(dict.fromkeys(notes)))


def _of_one_setting(chosen: Chosen, swept: Collection[str]) -> list[Row]:
    """The rows at initialisation under the setting of the trained ones."""
    fresh = [row for row in chosen.fresh if not chosen.trained or is_like(row, chosen.trained[0], swept)]
    refuse_several_settings(fresh, swept)
    return fresh


def _grouped(rows: Iterable[Row], columns: Sequence[str]) -> dict[Place, list[Row]]:
    """Rows by what stands in several columns."""
    found: dict[Place, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(setting_at(row, column) for column in columns), []).append(row)
    return found


def _points(rows: Sequence[Row], sweep: Sweep, notes: list[str]) -> list[Point]:
    points = []
    for place, own in _grouped(rows, sweep.places).items():
        x = None if sweep.x is None else mean(_number(row, sweep.x) for row in own)
        D, G, R = (spread_of(own, quantity, notes) for quantity in QUANTITIES)
        seeds = len(grouped(own, "weights_sha256"))
        points.append(Point(dict(zip(sweep.places, place, strict=True)), x, seeds, D, G, R))
    if sweep.x is None:
        return sorted(points, key=lambda point: [_rank(value) for value in point.place.values()])
    return sorted(points, key=lambda point: point.x or 0.0)  # at equal x in the order of the rows


def _number(row: Row, column: str) -> float:
    value = value_at(row, column)
    if not isinstance(value, (int, float)):
        where = f"{row['model']!r} under {row.get('transform')}"
        raise ValueError(
            f"{column} of {where} is {value}; leave such rows out with the filter {column}!=none (--where)"
        )
    return float(value)


def _uneven(series: Series) -> list[str]:
    seeds = [point.seeds for point in series.points]
    if min(seeds) == max(seeds):
        return []
    when = " at initialisation" if series.fresh else ""
    return [f"the points of {series.model}{when} have {min(seeds)} to {max(seeds)} seeds"]


def _rank(value: Any) -> tuple[int, float, str]:
    """Numbers first, then texts."""
    return (0, float(value), "") if isinstance(value, (int, float)) else (1, 0.0, str(value))


def table_of(found: ManySeries) -> list[dict[str, Any]]:
    """The points as the lines of a table, each by column; what a row does not have is None."""
    lines = []
    for one in found.series:
        head = {"model": one.model, "weights": "init" if one.fresh else "trained", **one.by}
        for point in one.points:
            at = {**point.place} if found.sweep.x is None else {**point.place, found.sweep.x: point.x}
            line = {**head, **at, "seeds": point.seeds}
            for quantity in reversed(QUANTITIES):
                line |= columns_of(quantity, getattr(point, quantity))
            lines.append(line)
    return lines
