"""Whether a store is whole: every line, every hash, every sidecar."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..results import SCHEMA, content_key
from . import sidecar
from .entry import checksum, is_measured
from .parts import Row, being_written, part_files
from .store import Store


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: a file, with a line where it has any."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def check(store: Store) -> Iterator[Problem]:
    """Goes through every line of every part file and every sidecar that a row names.

    Verifies that a line is a row, that its checksum and its key are those of its content, and that its sidecars are
    there and have the hash in their name.
    """
    seen: set[tuple[str, str]] = set()
    for path in part_files(store.folder / "rows"):
        *lines, last = path.read_bytes().split(b"\n")
        lines += [last] if last and not being_written(path) else []
        for number, line in enumerate(lines, start=1):
            if line:
                for text in _wrong(store.folder, line, seen):
                    yield Problem(f"{path.relative_to(store.folder)}, line {number}", text)


def _wrong(folder: Path, line: bytes, seen: set[tuple[str, str]]) -> Iterator[str]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        yield "torn or damaged: not a row"
        return
    if row.get("schema") != SCHEMA:
        yield f"schema {row.get('schema')!r}, this diffstab knows {SCHEMA}"
        return
    yield from unlike_itself(row)
    for kind, column in sidecar.COLUMN.items():
        if row.get(column) and (kind, str(row[column])) not in seen:
            seen.add((kind, str(row[column])))
            try:
                sidecar.read(folder, kind, row[column])
            except ValueError as error:
                yield str(error)


def unlike_itself(row: Row) -> list[str]:
    """Why a row is not what its checksum and its key say; nothing of one that is."""
    found = []
    if row.get("checksum") != checksum(row):
        found.append("changed since it was written (its checksum differs)")
    if is_measured(row) and not _has_its_key(row):
        found.append("its key is not the one of its settings")
    return found


def _has_its_key(row: Row) -> bool:
    try:
        return bool(row["key"] == content_key(row))
    except KeyError:
        return False
