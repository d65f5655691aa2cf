"""Part files: one JSON row a line, append-only, one file per writer.

A writer holds the lock of its file for as long as it lives and never writes to another's, so that folders can be copied
together: names are unique and a later copy of a file only adds lines. A line counts once its newline is there, or it is
whole and its writer is dead.
"""

import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..reading import open_regular
from ..writing import try_lock
from .entry import Row
from .lines import Line, as_line, is_as_written, row_in

BLOCK = 2**18  # bytes that are read at a time
LARGEST_LINE = 2**25  # bytes


class PartWriter:
    """Appends rows to a new part file in `folder`; the file is made with its first row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle: int | None = None

    def append(self, row: Row) -> None:
        """Writes one row with its checksum, to the disk.

        Raises:
            ValueError: If it can't be written whole; nothing of it is left then.
        """
        line = as_line(row)
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
    """The part files of a folder, by name: regular files, and no links. Raises ValueError if it can't be read."""
    try:
        with os.scandir(folder) as entries:
            found = [e.name for e in entries if e.name.endswith(".jsonl") and e.is_file(follow_symlinks=False)]
    except OSError as error:
        raise ValueError(f"{str(folder)!r} can't be read ({error.strerror}); allow it, or move it away") from error
    return [folder / name for name in sorted(found)]


# A line as it stands in a part file: the file's name, the line's number from 1, its first byte, its content.
RawLine = tuple[str, int, int, bytes]


@dataclass
class PartReader:
    """Reads what was added to the part files of a folder since it last looked.

    Attributes:
        problems: What could not be read, by file.
    """

    folder: Path
    problems: list[str] = field(default_factory=list)
    _ends: dict[str, int] = field(default_factory=dict)
    _lines: dict[str, int] = field(default_factory=dict)
    _torn: set[tuple[str, int]] = field(default_factory=set)

    def new_lines(self) -> Iterator[RawLine]:
        """Complete lines not given before, file by file, a few megabytes in memory at a time."""
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
        """The rows of lines, read again. Raises ValueError if a file is not as it was."""
        name, stream = "", None
        try:
            for line in lines:
                if stream is None or line.file != name:
                    if stream is not None:
                        stream.close()
                    name, stream = line.file, open_regular(self.folder / line.file)
                stream.seek(line.start)
                row = row_in(stream.read(line.length))
                if row is None or row.get("key") != line.key:
                    raise ValueError(f"{str(self.folder / name)!r} was changed while it was read; open the store again")
                yield row
        except OSError as error:
            place = str(self.folder / name)
            raise ValueError(f"{place!r} can't be read again ({error.strerror}); open the store again") from error
        finally:
            if stream is not None:
                stream.close()

    def _added(self, path: Path, stream: BinaryIO) -> Iterator[RawLine]:
        rest = b""
        stream.seek(self._ends.get(path.name, 0))
        while block := stream.read(BLOCK):
            block = rest + block
            end = block.rfind(b"\n") + 1
            yield from self._complete(path.name, block[:end])
            rest = block[end:]
            if len(rest) > LARGEST_LINE:
                text = f"{path.name}: a line has more than {LARGEST_LINE:,} bytes; it is left out, and what follows"
                self.problems.append(text)
                self._ends[path.name] = 2**63
                return
        if rest and not being_written(path):
            yield from self._last(path.name, rest)

    def _complete(self, name: str, block: bytes) -> Iterator[RawLine]:
        """Lines that end in a newline."""
        start, number = self._ends.get(name, 0), self._lines.get(name, 0)
        for content in block.split(b"\n")[:-1]:
            number += 1
            if content:
                yield name, number, start, content
            start += len(content) + 1
        self._ends[name], self._lines[name] = start, number

    def _last(self, name: str, content: bytes) -> Iterator[RawLine]:
        """A last line without its newline, whose writer is dead."""
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
    """Whether the file's writer lives."""
    with open_regular(path) as stream:
        return try_lock(stream.fileno()) is False
