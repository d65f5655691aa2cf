"""Locks between processes that the kernel drops when their holder dies, however it dies.

Where there are none (Windows, some network disks) nothing is locked: rows are still whole and a double one still
counts once, but a torn line is left alone and only reported.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 600.0  # seconds; a holder appends one row, which takes milliseconds, but a thousand nodes may wait

if sys.platform == "win32":

    def try_lock(handle: int) -> bool | None:
        """Locks an open file for this process alone; False if another holds it, None where there are no locks."""
        return None

else:
    import fcntl

    def try_lock(handle: int) -> bool | None:
        """Locks an open file for this process alone; False if another holds it, None where there are no locks."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a disk without locks
            return None
        return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file `path`.

    Raises:
        ValueError: If it can't be made, or another process holds it for ten minutes.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error
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
