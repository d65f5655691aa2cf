"""Rows of a store, from its folder or from the CSV file that `diffstab results export` writes of it."""

import csv
import io
import re
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from ...reading import open_regular
from ...store import Row, Store, is_measured

NUMBER = re.compile(r"[+-]?(\d+|\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
NEEDED = (
    "model weights weights_sha256 dataset status kind D.value G.value R.value test_error.value test_error.images"
).split()


def read_rows(path: str | Path) -> tuple[list[Row], list[str]]:
    """The rows of a store, and notes on what was mended or left out.

    Args:
        path: A store's folder, or a file that `diffstab results export --format csv` wrote.

    Raises:
        ValueError: If it is neither, or can't be read.
    """
    path = Path(path)
    if path.is_dir():
        store = Store(path)
        try:
            return store.rows(), store.notes
        finally:
            store.close()
    return _csv_rows(path), []


def _csv_rows(path: Path) -> list[Row]:
    try:
        with io.TextIOWrapper(open_regular(path), encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            columns = reader.fieldnames or []
            lines = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{str(path)!r} can't be read ({why}); a store's folder or its CSV file is needed") from error
    _refuse_other_tables(path, columns, lines)
    rows = [nested({name: typed(text) for name, text in line.items()}) for line in lines]
    for number, row in enumerate(rows, start=2):
        if is_measured(row):
            _refuse_other_values(path, number, row)
    return rows


def _refuse_other_tables(path: Path, columns: Sequence[str], lines: Sequence[dict[str, Any]]) -> None:
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise ValueError(
            f"{str(path)!r} lacks the column {missing[0]!r}; a store's folder is needed, or what "
            "diffstab results export --format csv writes of it"
        )
    for number, line in enumerate(lines, start=2):
        if None in line or None in line.values():
            raise ValueError(
                f"{str(path)!r}, row {number}: it has not {len(columns)} columns as the first; is it cut off?"
            )


def _refuse_other_values(path: Path, number: int, row: Row) -> None:
    """Refuses a measurement whose name or numbers are none, as a file that another program or hand wrote may have."""
    wrong = [] if isinstance(row.get("model"), str) else ["model"]
    for name in ("D", "G", "R", *(["test_error"] if "test_error" in row else [])):
        own = row.get(name)
        ends = [own.get(end) if isinstance(own, dict) else None for end in ("value", "low", "high")]
        wrong += [] if all(type(end) in (int, float) for end in ends) else [name]
    if wrong:
        raise ValueError(
            f"{str(path)!r}, row {number}: {wrong[0]} is {row.get(wrong[0])!r:.80}; a name as model, and numbers as "
            "value, low and high of the others are needed"
        )


def typed(text: str) -> Any:
    """The value of a cell of a CSV file: None, true or false, a number, or text.

    >>> [typed(text) for text in ("", "True", "500", "1e-3", "resnet18")]
    [None, True, 500, 0.001, 'resnet18']
    """
    if text in ("True", "False"):
        return text == "True"
    number = NUMBER.fullmatch(text)
    if number is None:
        return text or None
    is_whole = number[1].isdigit() and number[2] is None and isfinite(float(text))
    return int(text) if is_whole else float(text)


def nested(flat: dict[str, Any]) -> Row:
    """A row from its columns, as `store.flat` took it apart; what stands empty is left out.

    >>> nested({"R.value": 1.0, "R.low": None, "model": "lenet"})
    {'R': {'value': 1.0}, 'model': 'lenet'}
    """
    row: Row = {}
    for column, value in flat.items():
        if value is None:
            continue
        *parents, name = column.split(".")
        place = row
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    return row
