"""Integrity check of a store: every line, every hash, every sidecar (file of raw values or weights)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..results import SCHEMA, content_key
from . import sidecar
from .entry import Row, is_measured
from .lines import fault_in, row_in
from .parts import PartReader
from .store import Store


@dataclass(frozen=True)
class Problem:
    """One fault of a store.

    Attributes:
        place: File, with the line's number if it has lines.
        text: Description of the fault.
    """

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def check(store: Store) -> Iterator[Problem]:
    """Checks every line of every part file and every sidecar that a row names, and yields the faults.

    A line must be a row whose checksum and key fit its content; its sidecars must exist and have the hash that is their
    name.
    """
    seen: set[tuple[str, str]] = set()
    reader = PartReader(store.folder / "rows")
    for file, number, _, content in reader.new_lines():
        for text in _wrong(store.folder, content, seen):
            yield Problem(f"rows/{file}, line {number}", text)
    for problem in reader.problems:
        yield Problem(*f"rows/{problem}".split(": ", 1))
    yield from _odd_files(store.folder / "rows")


def _odd_files(folder: Path) -> Iterator[Problem]:
    """Yields entries named like part files (`*.jsonl`) that are no regular files."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.endswith(".jsonl") and not entry.is_file(follow_symlinks=False):
                yield Problem(f"rows/{entry.name}", "a link or no regular file; it is left out")


def _wrong(folder: Path, line: bytes, seen: set[tuple[str, str]]) -> Iterator[str]:
    row = row_in(line)
    if row is None:
        yield "torn or damaged: not a row"
        return
    if row.get("schema") != SCHEMA:
        yield f"schema {row.get('schema')!r:.60}, this diffstab knows {SCHEMA}"
        return
    fault = fault_in(row, line)
    if fault is not None:
        yield fault
    if is_measured(row) and not _has_its_key(row):
        yield "its key does not fit its settings"
    for kind, column in sidecar.COLUMN.items():
        if row.get(column) and (kind, str(row[column])) not in seen:
            seen.add((kind, str(row[column])))
            try:
                sidecar.read(folder, kind, row[column])
            except ValueError as error:
                yield str(error)


def _has_its_key(row: Row) -> bool:
    try:
        return bool(row["key"] == content_key(row))
    except (KeyError, TypeError, ValueError):
        return False
