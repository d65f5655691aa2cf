"""The content of files and folders as one hash: jobs are named by what they read, not by where it lies."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from ..reading import is_regular, open_regular

READ_UP_TO = 10**9  # bytes of a folder; beyond, its files count by their names and sizes


def content_of(path: str) -> str:
    """sha256 of a file, or of all files in a folder with their names; the path itself if it can't be read.

    In a folder, what can't be read, such as a link to nothing, counts by its name.

    The files of a folder with more than 1 GB count by their names and sizes: reading ImageNet takes an hour.
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
    except (OSError, ValueError):  # which the job itself will tell
        return f"unreadable: {path}"


def is_large(path: str) -> bool:
    """Whether a folder's files count by their names and sizes alone."""
    try:
        return _are_large(_readable(file) for file in _files_under(path))
    except OSError:
        return False


def _are_large(stamps: Iterable[tuple[int, int] | None]) -> bool:
    return sum(stamp[0] for stamp in stamps if stamp) > READ_UP_TO


def _files_under(path: str) -> Iterator[str]:
    """Behind links to folders as well, as classes and splits may be links; a link to a folder seen before alone."""
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
    """The stamp of a regular file that may be read; None for what else lies there or is gone by now."""
    try:
        return _stamp(path) if is_regular(path) and os.access(path, os.R_OK) else None
    except OSError:
        return None


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


@cache
def _file_sha256(path: str, size: int, modified: int) -> str:
    """Of a file as it was then: many jobs share one."""
    with open_regular(path) as stream:
        digest = hashlib.sha256()
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()
