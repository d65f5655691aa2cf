"""Lines of part files: reading a row from a line, checking that it is undamaged, and remembering where it lies."""

import hashlib
import json
from dataclasses import dataclass
from math import isfinite
from types import NoneType
from typing import Any, NoReturn

import orjson

from .entry import Row, checksum, is_measured, without_checksum
from .row_check import is_measurement

TEXT_OR_NONE = {str, NoneType}
CHECKSUM = b',"checksum":"%s"'
ENDING = len(CHECKSUM) - 2 + 64 + 1  # bytes from the checksum's comma to the end of a line
CHANGED = "changed since it was written (its checksum differs)"


@dataclass(slots=True, eq=False)
class Line:
    """Facts kept in memory for each row: enough to find which rows count, and to read the whole row again.

    Attributes:
        key, job, status, time, replaces, recomputed_from: Columns of the row.
        file: Name of the row's part file.
        start, length: First byte and number of bytes in that file, without the newline.
        kept: Value that the store's `keep` returned for the row.
    """

    key: str
    job: str | None
    status: str
    time: str
    replaces: str
    recomputed_from: str | None
    file: str
    start: int
    length: int
    kept: Any = None


def row_in(line: bytes) -> Row | None:
    """Returns the row that a line holds; None if it holds none."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:  # also raised for lone surrogates, which paths can hold
        try:
            row = json.loads(line, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
        except (ValueError, RecursionError):
            return None
    return row if type(row) is dict else None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if isfinite(value) else _no_number(text)


def _whole(text: str) -> int:
    _finite(text)  # what follows makes floats of it
    return int(text)


def as_line(row: Row) -> bytes:
    """Returns a row as a line to write: columns in sorted order, with the checksum at the end."""
    content = without_checksum(row)
    return content[:-1] + CHECKSUM % hashlib.sha256(content).hexdigest().encode() + b"}\n"


def is_as_written(row: Row, line: bytes = b"") -> bool:
    """Returns True if a row's checksum fits its content.

    Args:
        row: Row that was read.
        line: Line that it was read from, which makes the check faster.

    >>> is_as_written({"model": "lenet", "checksum": checksum({"model": "lenet"})})
    True
    """
    if _is_sorted(row) and line[-ENDING:-1] == CHECKSUM % hashlib.sha256(line[:-ENDING] + b"}").hexdigest().encode():
        return True  # the form that `as_line` writes: much faster
    try:
        return bool(row.get("checksum") == checksum(row))
    except (TypeError, ValueError, RecursionError):
        return False


def _is_sorted(row: Row) -> bool:
    """Returns True if a row's first two names are in order, as in lines of `as_line`: a quick test before the hash."""
    names = iter(row)
    return next(names, "") < next(names, "~")


def fault_in(row: Row, line: bytes) -> str | None:
    """Returns the reason why a row read from a line is left out; None if the row counts."""
    get = row.get
    if "schema" not in row or not type(get("key")) is type(get("time")) is type(get("status")) is str:
        return "a row that lacks schema, key, time or status, or whose key, time or status is no text"
    if type(get("job")) not in TEXT_OR_NONE or type(get("kind")) not in TEXT_OR_NONE:
        return "a row whose job or kind is no text"
    if is_measured(row) and not is_measurement(row):
        return "a measurement that lacks a column, or holds one of another kind"
    return None if is_as_written(row, line) else CHANGED


def remembered(row: Row, file: str, start: int, length: int) -> Line:
    """Returns the facts to remember for a row that counts.

    Args:
        row: Row that was read.
        file: Name of its part file.
        start: First byte of its line.
        length: Bytes of its line, without the newline.
    """
    source = row.get("recomputed_from")
    return Line(
        row["key"],
        row.get("job"),
        row["status"],
        row["time"],
        str(row.get("replaces", "")),
        None if source is None else str(source),
        file,
        start,
        length,
    )
