"""Files that others made: opened only where they are regular files, and read up to a size.

A pipe would wait for ever, a device has no end. Links are followed to read, never to write.
"""

import os
import stat
from io import BufferedReader
from pathlib import Path

BLOCK = 2**20
LARGEST_TEXT = 10_000_000  # bytes of a spec, of a network's config, of a list of images

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_of(path: str | Path) -> str | None:
    """What stands in the place of a regular file, such as `a pipe`; None for a regular file.

    Raises:
        OSError: If there is nothing, or it can't be looked at.
    """
    mode = os.stat(path).st_mode
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "no file")


def is_regular(path: str | Path) -> bool:
    """Whether there is a regular file, behind links too."""
    try:
        return kind_of(path) is None
    except (OSError, ValueError):  # a name that no file can have
        return False


def open_regular(path: str | Path, *, most: int | None = None) -> BufferedReader:
    """Opens a regular file for reading.

    Args:
        path: Of the file.
        most: Bytes that it may have; None for any number.

    Raises:
        OSError: If it can't be opened.
        ValueError: If it is no regular file, or larger.
    """
    refuse_special(path)  # before it is opened, which alone may act on a device
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    stream = os.fdopen(handle, "rb")
    try:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{str(path)!r} changed its kind while it was opened; a regular file is needed")
        if most is not None and status.st_size > most:
            raise ValueError(f"{str(path)!r} has {status.st_size:,} bytes; at most {most:,} are allowed")
    except BaseException:
        stream.close()
        raise
    return stream


def refuse_special(path: str | Path) -> None:
    """Raises ValueError if there is something else than a regular file; OSError if it can't be looked at."""
    kind = kind_of(path)
    if kind is not None:
        raise ValueError(f"{str(path)!r} is {kind}; a regular file is needed")


def read_bytes(path: str | Path, *, most: int) -> bytes:
    """The content of a regular file. Raises as `open_regular`, of files that grow or tell no size too."""
    with open_regular(path, most=most) as stream:
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(min(size, most) + 1) or b""  # None of a file of the system's that would wait
        while size < len(content) <= most and (block := stream.read(BLOCK)):  # of a file that tells no size, or grows
            content += block
    if len(content) > most:
        raise ValueError(f"{str(path)!r} has more than {most:,} bytes, which is the most allowed")
    return content


def read_text(path: str | Path, *, most: int, encoding: str = "utf-8") -> str:
    """The text of a regular file. Raises as `read_bytes`; UnicodeDecodeError, a ValueError, if it is no text."""
    return read_bytes(path, most=most).decode(encoding)
