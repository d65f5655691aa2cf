"""Safe reading of files that others may have made: only regular files, and only up to a size.

Opening a pipe could wait forever, and a device has no end. Links are followed for reading, never for writing.
"""

import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path

BLOCK = 2**20
LARGEST_TEXT = 10_000_000  # bytes of a sweep's spec, a network's config or a list of images

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_of(path: str | Path) -> str | None:
    """Kind of a file that isn't regular, such as `a pipe`; None for a regular file.

    Raises:
        OSError: If there is no such file, or its kind can't be read.
    """
    mode = os.stat(path).st_mode
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "no file")


def is_regular(path: str | Path) -> bool:
    """True if the path is a regular file or a link to one."""
    try:
        return kind_of(path) is None
    except (OSError, ValueError):  # ValueError: no file can have such a name
        return False


def open_regular(path: str | Path, *, most: int | None = None) -> BufferedReader:
    """Opens a regular file for reading.

    Args:
        path: Path of the file.
        most: Largest size in bytes that is allowed; None for any size.

    Raises:
        OSError: If the file can't be opened.
        ValueError: If it is no regular file, or larger than `most`.
    """
    refuse_special(path)  # checked before opening, since opening a device may already act on it
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
    """Raises ValueError if the path is not a regular file; OSError if its kind can't be read."""
    kind = kind_of(path)
    if kind is not None:
        raise ValueError(f"{str(path)!r} is {kind}; a regular file is needed")


def read_bytes(path: str | Path, *, most: int) -> bytes:
    """Content of a regular file. Raises the errors of `open_regular`, also if a file grows or reports no size."""
    with open_regular(path, most=most) as stream:
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(min(size, most) + 1) or b""  # None for a system file that has no data yet
        while size < len(content) <= most and (block := stream.read(BLOCK)):  # files that grow or report no size
            content += block
    if len(content) > most:
        raise ValueError(f"{str(path)!r} has more than {most:,} bytes, which is the most allowed")
    return content


def file_sha256(path: str | Path, *, most: int | None = None) -> str:
    """Hexadecimal sha256 of a regular file. Raises the errors of `open_regular`."""
    with open_regular(path, most=most) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_text(path: str | Path, *, most: int, encoding: str = "utf-8") -> str:
    """Text of a regular file. Raises the errors of `read_bytes`; UnicodeDecodeError, a ValueError, if it isn't text."""
    return read_bytes(path, most=most).decode(encoding)
