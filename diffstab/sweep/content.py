"""Hashes of the content of files and folders: a job's id depends on what it reads, not on the path."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from ..options import is_table, table_named
from ..reading import file_sha256, is_regular

READ_UP_TO = 10**9  # bytes of a folder; of a larger one names and sizes are hashed


def content_of(path: str) -> str:
    """Returns the sha256 of a file, or of all files in a folder with their names.

    An unreadable path gives `unreadable: PATH`. In a folder, an unreadable file, such as a broken link, counts by its
    name. In a folder of more than 1 GB all files count by name and size, because reading ImageNet takes an hour.
    """
    try:
        if not os.path.isdir(path):
            return _file_sha256(path, *_stamp(path))
        files = {file: _readable(file) for file in _files_under(path)}
        large = _are_large(files.values())
        digest = hashlib.sha256()
        for file, stamp in files.items():
            content = "" if stamp is None else f"{stamp[0]} bytes" if large else _file_sha256(file, *stamp)
            digest.update(f"{Path(file).relative_to(path).as_posix()} {content}\n".encode())
        return digest.hexdigest()
    except (OSError, ValueError):  # the job itself will report it
        return f"unreadable: {path}"


def content_of_graph(path: Path) -> list[str]:
    """Returns the sha256 of an ONNX file and of the files with its weights."""
    from ..models import onnx_files

    try:
        files = onnx_files(path)
    except ValueError:  # the job itself will report it
        files = [path]
    return [content_of(str(file)) for file in files]


def content_of_dataset(name: str) -> str:
    """Returns a data set's name, with the sha256 of its folder in place of the path if it is `hfds:FOLDER`."""
    if not is_table(name):
        return name
    table = table_named(name)
    folder = os.path.expanduser(table.place)
    return str(table._replace(place=content_of(folder))) if os.path.isdir(folder) else name


def is_large(path: str) -> bool:
    """Returns True if a folder is so large that its files count by name and size only."""
    try:
        return _are_large(_readable(file) for file in _files_under(path))
    except OSError:
        return False


def _are_large(stamps: Iterable[tuple[int, int] | None]) -> bool:
    return sum(stamp[0] for stamp in stamps if stamp) > READ_UP_TO


def _files_under(path: str) -> Iterator[str]:
    """Yields the files below a folder, sorted, also in linked folders, since classes and splits may be links.

    A link to a folder that was visited before is yielded itself, so that loops end.
    """
    followed = {os.path.realpath(path)}
    for root, folders, files in os.walk(path, followlinks=True):
        for name in sorted(folders):
            folder = os.path.join(root, name)
            if os.path.islink(folder) and os.path.realpath(folder) in followed:
                folders.remove(name)
                yield folder
            followed.add(os.path.realpath(folder))
        folders.sort()
        for name in sorted(files):
            yield os.path.join(root, name)


def _readable(path: str) -> tuple[int, int] | None:
    """Returns size and time of change of a readable regular file; None for anything else or a file that is gone."""
    try:
        return _stamp(path) if is_regular(path) and os.access(path, os.R_OK) else None
    except OSError:
        return None


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


@cache
def _file_sha256(path: str, size: int, modified: int) -> str:
    """Returns the sha256 of a file. Size and time of change are for the cache: many jobs share one file."""
    return file_sha256(path)
