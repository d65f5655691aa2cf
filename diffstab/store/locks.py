"""Locks between processes, which the kernel releases when their holder dies, however it dies.

Windows and some network disks have no such locks. There nothing is locked: rows are still whole and a doubled row
still counts once, but a torn line is only reported.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..writing import try_lock

PATIENCE = 600.0  # seconds; appending a row takes milliseconds, but a thousand nodes may wait for it
LOCK_FILE = os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def lock_file(path: Path) -> int:
    """Opens a lock file, which is made if needed. Raises ValueError if it can't be opened or is no regular file."""
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
    """Holds the lock file `path` inside the context.

    Raises:
        ValueError: If the file can't be made, or another process holds it for ten minutes.
    """
    handle = lock_file(path)
    try:
        deadline = time.monotonic() + PATIENCE
        while try_lock(handle) is False:
            if time.monotonic() > deadline:
                raise ValueError(
                    f"{str(path)!r} has been locked by another process for {PATIENCE:g} s; end it if it hangs"
                )
            time.sleep(0.005)
        yield
    finally:
        os.close(handle)
