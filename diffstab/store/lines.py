"""A line of a part file: whether it is a row as it was written, and what is remembered of it."""

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
ENDING = len(CHECKSUM) - 2 + 64 + 1  # bytes from there to the end of a line
CHANGED = "changed since it was written (its checksum differs)"


@dataclass(slots=True, eq=False)
class Line:
    """What is remembered of a row: enough to tell which rows count, and where the whole one stands.

    Attributes:
        key, job, status, time, replaces, recomputed_from: The row's columns.
        file, start, length: Its part file, and its bytes there without the newline.
        kept: What a reader of the store wanted to keep of it.
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
    """The row that a line is; None if it is none."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:  # of halves of letters too, which paths can hold
        try:
            row = json.loads(line, parse_constant=_no_number, parse_float=_finite)
        except (ValueError, RecursionError):
            return None
    return row if type(row) is dict else None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if isfinite(value) else _no_number(text)


def as_line(row: Row) -> bytes:
    """A row as it is written: in the order in which its checksum takes it, with the checksum at its end."""
    content = without_checksum(row)
    return content[:-1] + CHECKSUM % hashlib.sha256(content).hexdigest().encode() + b"}\n"


def is_as_written(row: Row, line: bytes = b"") -> bool:
    """Whether a row's checksum is its content's.

    Args:
        row: As it was read.
        line: From this line.

    >>> is_as_written({"model": "lenet", "checksum": checksum({"model": "lenet"})})
    True
    """
    if _is_sorted(row) and line[-ENDING:-1] == CHECKSUM % hashlib.sha256(line[:-ENDING] + b"}").hexdigest().encode():
        return True  # as `as_line` writes it, three times as fast
    told = row.pop("checksum", None)
    try:  # the same bytes six times as fast, but for other alphabets and some exponents
        if hashlib.sha256(orjson.dumps(row, option=orjson.OPT_SORT_KEYS)).hexdigest() == told:
            return True
    except TypeError:
        pass
    finally:
        row["checksum"] = told
    try:
        return bool(told == checksum(row))
    except (TypeError, ValueError, RecursionError):
        return False


def _is_sorted(row: Row) -> bool:
    """Whether a row's first names are, as those of `as_line`; by which most others' lines are told soon."""
    names = iter(row)
    return next(names, "") < next(names, "~")


def fault_in(row: Row, line: bytes) -> str | None:
    """Why a row, read from that line, is left out; None if it counts."""
    get = row.get
    if "schema" not in row or not type(get("key")) is type(get("time")) is type(get("status")) is str:
        return "a row without schema, key, time or status, or with one of these three that is no text"
    if type(get("job")) not in TEXT_OR_NONE or type(get("kind")) not in TEXT_OR_NONE:
        return "a row whose job or kind is no text"
    if is_measured(row) and not is_measurement(row):
        return "a measurement that lacks a column, or holds one of another kind"
    return None if is_as_written(row, line) else CHANGED


def remembered(row: Row, file: str, start: int, length: int) -> Line:
    """The line of a row that counts."""
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
