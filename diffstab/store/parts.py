"""Part files: one JSON row a line, append-only, one file per writer.

A writer holds the lock of its file for as long as it lives and never opens another's, so that folders can be copied
together: names are unique and a later copy of a file only adds lines. A line counts once its newline is there.
"""

import gc
import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from .locks import try_lock

Row = dict[str, Any]


class PartWriter:
    """Appends rows to a new part file in `folder`; the file is made with its first row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle: int | None = None

    def append(self, row: Row) -> None:
        """Writes one row, to the disk. Raises ValueError if it can't be written whole; nothing of it is left then."""
        line = json.dumps(row, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        try:
            if self._handle is None:
                self._handle = self._open()
            start = os.fstat(self._handle).st_size
            try:
                written = 0
                while written < len(line):  # a disk that fills up takes a part first
                    written += os.write(self._handle, line[written:])
                os.fsync(self._handle)
            except BaseException:
                os.ftruncate(self._handle, start)
                raise
        except OSError as error:
            raise ValueError(
                f"the store's {str(self._folder)!r} can't be written ({error.strerror}); the rows before are kept: "
                "make room or mend it, then run the same again"
            ) from error

    def _open(self) -> int:
        name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{socket.gethostname()[:20]}-{uuid.uuid4().hex[:12]}"
        handle = os.open(self._folder / f"{name}.jsonl", os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o666)
        try_lock(handle)
        return handle

    def close(self) -> None:
        """Lets the file go; a later row would begin another one."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def part_files(folder: Path) -> list[Path]:
    """The part files of a folder, by name. Raises ValueError if it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return [
                folder / name for name in sorted(e.name for e in entries if e.name.endswith(".jsonl") and e.is_file())
            ]
    except OSError as error:
        raise ValueError(f"{str(folder)!r} can't be read ({error.strerror})") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


@dataclass
class PartReader:
    """Reads what was added to the part files of a folder since it last looked.

    Attributes:
        problems: What could not be read, by file and line.
    """

    folder: Path
    problems: list[str] = field(default_factory=list)
    _ends: dict[str, int] = field(default_factory=dict)
    _lines: dict[str, int] = field(default_factory=dict)

    def new_rows(self) -> list[Row]:
        """Rows of complete lines not given before, file by file."""
        rows: list[Row] = []
        with _no_garbage_collection():
            for path in part_files(self.folder):
                if path.stat().st_size > self._ends.get(path.name, 0):
                    rows += self._parsed(path.name, self._complete_lines(path.name))
        return rows

    def _complete_lines(self, name: str) -> bytes:
        start = self._ends.get(name, 0)
        try:
            with open(self.folder / name, "rb") as stream:
                stream.seek(start)
                content = stream.read()
        except OSError as error:
            raise ValueError(f"{str(self.folder / name)!r} can't be read ({error.strerror})") from error
        complete = content[: content.rfind(b"\n") + 1]
        self._ends[name] = start + len(complete)
        return complete

    def _parsed(self, name: str, complete: bytes) -> list[Row]:
        count = complete.count(b"\n")
        first = self._lines.get(name, 0) + 1
        self._lines[name] = first + count - 1
        try:
            rows = orjson.loads(b"[" + complete[:-1].replace(b"\n", b",") + b"]")  # all at once
            if len(rows) == count and all(type(row) is dict for row in rows):
                return list(rows)
        except (orjson.JSONDecodeError, RecursionError):
            pass
        rows = []
        for number, line in enumerate(complete.split(b"\n")[:-1], start=first):
            try:
                row = json.loads(line, parse_constant=_no_number)
            except (ValueError, RecursionError):
                row = None
            if isinstance(row, dict):
                rows.append(row)
            else:
                self.problems.append(f"{name}, line {number}: not a row; it is left out")
        return rows


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collecting while many rows come in looks through all of them again and again, which takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def being_written(path: Path) -> bool:
    """Whether the file's writer lives."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return try_lock(handle) is False
    finally:
        os.close(handle)


def mend(path: Path) -> str | None:
    """Cuts off, or ends, a last line whose writer died while writing it; what was done in words, None for nothing.

    A line that is still being written is left alone: its writer holds the file's lock.
    """
    with open(path, "rb") as stream:
        if stream.seek(0, os.SEEK_END) == 0:
            return None
        stream.seek(-1, os.SEEK_END)
        if stream.read() == b"\n":
            return None
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError as error:
        return f"{path.name}: the last line is torn and can't be mended ({error.strerror}); it is left out"
    try:
        free = try_lock(handle)
        if not free:
            return None if free is False else f"{path.name}: the last line is torn; it is left out"
        return _mend_locked(path, handle)
    finally:
        os.close(handle)


def _mend_locked(path: Path, handle: int) -> str | None:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    torn = content[end:]
    if not torn:
        return None
    try:
        whole = isinstance(json.loads(torn), dict)
    except (ValueError, RecursionError):
        whole = False
    if whole:
        os.write(handle, b"\n")
        return f"{path.name}: the last line lacked its end, which is mended; no row is lost"
    os.ftruncate(handle, end)
    return f"{path.name}: the last line was torn ({len(torn)} bytes) and is cut off; its cell will be measured again"
