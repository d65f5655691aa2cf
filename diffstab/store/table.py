"""Rows as a table: nested values become columns such as `R.value`, and filters choose rows by column."""

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ..checks import did_you_mean
from ..options import TrainOptions, settings_of
from ..results import ROW, Column, Flat, Row, flat, known_at, value_at
from .from_row import ASKED

FIRST = tuple(
    "model model_source weights weights_tag dataset split images draws transform cutoff delta temperature "
    "interpolation average convention seed R.value R.low R.high D.value D.low D.high G.value G.low G.high "
    "test_error.value test_error.low test_error.high test_error.images status kind error.type error.message".split()
)
STANDARD = {*FIRST, *ROW} - set("RDG") - {"test_error", "versions"}
STANDARD |= {f"asked.{name}" for name in ("images", "draws", "until_precision", *ASKED)}
STANDARD |= {f"training.{name}" for name in ("job", *settings_of(TrainOptions))}
STANDARD |= {"time", "data_dir", "recomputed_from", "error.traceback"}
SEED_BY_SEED = ("training.job", "training.seed", "training.device")  # may differ between the seeds of a network
LAYER_COLUMNS = ("layer", "depth", *(f"{letter}.{end}" for letter in "RDG" for end in ("value", "low", "high")))
LAST = ("schema", "key", "job", "raw", "checkpoint_sha256", "checksum")
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
FILTER = re.compile(r"^([\w.]+)\s*(<=|>=|!=|==|=|<|>)\s*(.*)$", re.DOTALL)


def layer_lines(row: Row) -> list[Flat]:
    """Returns one line for each layer of a row; an empty list if layers were not measured.

    >>> layer_lines({"layers": [{"name": "fc", "depth": 1.0, "R": {"value": 0.1}}]})[0]["R.value"]
    0.1
    """
    layers = row.get("layers")  # a number in the row of an experiment
    named = [flat({"layer": layer["name"], **layer}) for layer in layers] if isinstance(layers, list) else []
    return [{column: line.get(column) for column in LAYER_COLUMNS} for line in named]


def columns_of(rows: Iterable[Flat]) -> list[Column]:
    """Returns every column of any row: options and results first, hashes last."""
    known = dict.fromkeys(name for row in rows for name in row)
    parents = {name.rpartition(".")[0] for name in known}
    names = [name for name in known if name not in parents]  # a parent is None in rows where others have nested values
    middle = [name for name in names if name not in FIRST and name not in LAST]
    return [name for name in FIRST if name in names] + middle + [name for name in LAST if name in names]


class Filters:
    """Filters for rows, such as `model=resnet*`, `R.value<0.5`, `seed!=0`, `status=done`.

    Numbers are compared as numbers, texts by shell patterns; `none` stands for a missing value. In a column that older
    rows lack they have the value that they had, such as `transform=diffeo`.

    Args:
        filters: Filters that a row has to pass, all of them.
        columns: Further columns that `refuse_unknown` must find.

    Raises:
        ValueError: If a filter has another form.

    >>> passes = Filters(["seed<2"])
    >>> passes({"seed": 1}), passes({"seed": 2})
    (True, False)
    """

    def __init__(self, filters: Sequence[str], columns: Sequence[Column] = ()) -> None:
        self._filters = [_parsed(text) for text in filters]
        named = [name for name, *_ in self._filters] + list(columns)
        self._unseen = [name for name in dict.fromkeys(named) if name not in STANDARD]
        self._shapes: set[tuple[str, ...]] = set()
        self._columns: set[Column] = set()

    def __call__(self, row: Row) -> bool:
        """Returns True if a row passes every filter."""
        if self._unseen:
            self._look(row)
        return all(_passes(known_at(row, name), comparison, wanted) for name, comparison, wanted in self._filters)

    def _look(self, row: Row) -> None:
        self._unseen = [name for name in self._unseen if value_at(row, name) is None]
        shape = tuple(row)
        if shape not in self._shapes:
            self._shapes.add(shape)
            self._columns.update(flat(row))

    def refuse_unknown(self) -> None:
        """Raises ValueError, with the nearest name, if no row had one of the columns; an empty value is enough."""
        for column in self._unseen if self._shapes else ():
            if column not in self._columns:
                known = STANDARD | self._columns
                inner = [name for name in sorted(known) if name.startswith(f"{column}.")]
                near = [name for name in inner if name.endswith(".value")] or inner
                hint = f"; did you mean {near[0]!r}?" if near else did_you_mean(column, known)
                hint = hint or "; see diffstab results show KEY"
                raise ValueError(f"no row has a column {column!r}{hint}")


def select(rows: Iterable[Row], filters: Sequence[str]) -> list[Row]:
    """Returns the rows that pass every filter; see `Filters`.

    Raises:
        ValueError: If a filter has another form, or names a column that no row has.
    """
    passes = Filters(filters)
    found = [row for row in rows if passes(row)]
    passes.refuse_unknown()
    return found


def order_of(value: Any) -> tuple[int, Any]:
    """Returns the sort key of a column's value: numbers come first, then texts, then missing values."""
    return (2, 0) if value is None else (1, value) if isinstance(value, str) else (0, value)


def _parsed(text: str) -> tuple[Column, str, str]:
    match = FILTER.match(text)
    if match is None:
        raise ValueError(f"the filter {text!r} is not COLUMN=VALUE (or != < <= > >=), as model=resnet* or R.value<0.5")
    name, comparison, value = match.groups()
    comparison = comparison.replace("==", "=")
    if comparison in COMPARISONS and _number(value) is None:
        raise ValueError(f"the filter {text!r} compares with {value!r}; a number is needed after {comparison}")
    return name, comparison, value


def _passes(value: Any, comparison: str, wanted: str) -> bool:
    if comparison in COMPARISONS:
        known = isinstance(value, (int, float)) and not isinstance(value, bool)
        return known and COMPARISONS[comparison](value, _number(wanted))
    return _is(value, wanted) == (comparison == "=")


def _is(value: Any, wanted: str) -> bool:
    if value is None or isinstance(value, bool):
        return wanted.lower() == str(value).lower()
    if isinstance(value, (int, float)):
        return _number(wanted) == value or (_number(wanted) is None and fnmatchcase(str(value), wanted))
    return fnmatchcase(str(value), wanted)


def _number(text: str) -> float | None:
    """Returns the number that a text stands for, None if there is none. Whole numbers are exact, as seeds need it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
