"""Locks between processes that the kernel drops when their holder dies, however it dies.

Where there are none (Windows, some network disks) nothing is locked: rows are still whole and a double one still
counts once, but a torn line is left alone and only reported.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..writing import try_lock

PATIENCE = 600.0  # seconds; a holder appends one row, which takes milliseconds, but a thousand nodes may wait
LOCK_FILE = os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def lock_file(path: Path) -> int:
    """Opens a lock file, made where there is none. Raises ValueError if it can't be, or is a link or no file."""
    try:
        handle = os.open(path, LOCK_FILE, 0o666)
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be written ({error.strerror}); allow it, or move it away") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"{str(path)!r} is no regular file; move it away")
    return handle


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file `path`.

    Raises:
        ValueError: If it can't be made, or another process holds it for ten minutes.
    """
    handle = lock_file(path)
    try:
        deadline = time.monotonic() + PATIENCE
        while try_lock(handle) is False:
            if time.monotonic() > deadline:
                raise ValueError(
                    f"{str(path)!r} has been locked by another process for {PATIENCE:g} s; is one stopped?"
                )
            time.sleep(0.005)
        yield
    finally:
        os.close(handle)
