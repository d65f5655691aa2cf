"""Part files: one JSON row per line, append-only, one file per writer.

A writer locks its file for as long as it lives and never writes to another writer's file. So folders can be merged by
copying: names are unique, and a later copy of a file only adds lines. A line counts when its newline is written, or
when it is whole and its writer is dead.
"""

import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from ..reading import open_regular
from ..writing import try_lock
from .entry import Row
from .lines import Line, as_line, is_as_written, row_in

BLOCK = 2**18  # bytes that are read at a time
LARGEST_LINE = 2**25  # bytes


class PartWriter:
    """Appends rows to a new part file in `folder`, which is made with its first row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle: int | None = None

    def append(self, row: Row) -> None:
        """Writes one row with its checksum to the disk.

        Raises:
            ValueError: If the row can't be written whole; no part of it stays in the file.
        """
        line = as_line(row)
        try:
            if self._handle is None:
                self._handle = self._open()
            start = os.fstat(self._handle).st_size
            try:
                written = 0
                while written < len(line):  # a disk that fills up may take only a part
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
        """Closes the file; a later row would begin a new one."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def part_files(folder: Path) -> list[Path]:
    """Returns a folder's part files, sorted by name, without links. Raises ValueError if the folder can't be read."""
    try:
        with os.scandir(folder) as entries:
            found = [e.name for e in entries if e.name.endswith(".jsonl") and e.is_file(follow_symlinks=False)]
    except OSError as error:
        raise ValueError(f"{str(folder)!r} can't be read ({error.strerror}); allow it, or move it away") from error
    return [folder / name for name in sorted(found)]


# A line of a part file: the file's name, the line's number from 1, its first byte, its content.
RawLine = tuple[str, int, int, bytes]


@dataclass
class PartReader:
    """Reads the lines that were added to a folder's part files since its last reading.

    Attributes:
        folder: Folder of the part files.
        problems: Messages on lines that could not be read, each beginning with the file's name.
    """

    folder: Path
    problems: list[str] = field(default_factory=list)
    _ends: dict[str, int] = field(default_factory=dict)
    _lines: dict[str, int] = field(default_factory=dict)
    _torn: set[tuple[str, int]] = field(default_factory=set)

    def new_lines(self) -> Iterator[RawLine]:
        """Yields complete lines that were not given before, file by file, with a few megabytes in memory at a time."""
        for path in part_files(self.folder):
            try:
                if path.stat().st_size > self._ends.get(path.name, 0):
                    with open_regular(path) as stream:
                        yield from self._added(path, stream)
            except OSError as error:
                raise ValueError(
                    f"{str(path)!r} can't be read ({error.strerror}); allow it, or move it away"
                ) from error

    def rows_of(self, lines: Iterable[Line]) -> Iterator[Row]:
        """Reads the rows of lines again from their files. Raises ValueError if a file has changed."""
        place = str(self.folder)
        try:
            for name, of_file in groupby(lines, key=lambda line: line.file):
                place = str(self.folder / name)
                with open_regular(place) as stream:
                    for line in of_file:
                        stream.seek(line.start)
                        row = row_in(stream.read(line.length))
                        if row is None or row.get("key") != line.key:
                            raise ValueError(f"{place!r} was changed while it was read; open the store again")
                        yield row
        except OSError as error:
            raise ValueError(f"{place!r} can't be read again ({error.strerror}); open the store again") from error

    def _added(self, path: Path, stream: BinaryIO) -> Iterator[RawLine]:
        rest = b""
        stream.seek(self._ends.get(path.name, 0))
        while block := stream.read(BLOCK):
            block = rest + block
            end = block.rfind(b"\n") + 1
            yield from self._complete(path.name, block[:end])
            rest = block[end:]
            if len(rest) > LARGEST_LINE:
                text = f"{path.name}: a line has more than {LARGEST_LINE:,} bytes; the rest of the file is left out"
                self.problems.append(text)
                self._ends[path.name] = 2**63
                return
        if rest and not being_written(path):
            yield from self._last(path.name, rest)

    def _complete(self, name: str, block: bytes) -> Iterator[RawLine]:
        """Yields the lines of a block, each of which ends in a newline."""
        start, number = self._ends.get(name, 0), self._lines.get(name, 0)
        for content in block.split(b"\n")[:-1]:
            number += 1
            if content:
                yield name, number, start, content
            start += len(content) + 1
        self._ends[name], self._lines[name] = start, number

    def _last(self, name: str, content: bytes) -> Iterator[RawLine]:
        """Yields the last line of a dead writer, which has no newline, if it is whole; otherwise notes the problem."""
        start, row = self._ends.get(name, 0), row_in(content)
        if row is not None and is_as_written(row, content):
            self._ends[name] = start + len(content)
            yield name, self._lines.get(name, 0) + 1, start, content
        elif (name, start) not in self._torn:
            self._torn.add((name, start))
            self.problems.append(
                f"{name}: the last line is torn ({len(content):,} bytes); it is left out, so its cell is measured again"
            )


def being_written(path: Path) -> bool:
    """Returns True if the file's writer is alive."""
    with open_regular(path) as stream:
        return try_lock(stream.fileno()) is False
