"""Locks between processes, which the kernel releases when their holder dies, however it dies.

Windows and some network disks have no such locks. There nothing is locked: rows are still whole and a doubled row
still counts once, but a torn line is only reported.
"""

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from ..writing import make_folder, refuse_links, try_lock

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


@contextlib.contextmanager
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


class Claims:
    """Jobs that this process has claimed, so that several sweeps on one store don't run the same job twice.

    A claim is a locked file. On disks without locks every claim is granted: a job may then run twice.

    Args:
        folder: Folder of the lock files; it is made if needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def take(self, job: str) -> bool:
        """Claims a job. Returns False if another process runs it. Raises ValueError if the disk is full."""
        refuse_links(self._folder.parent, self._folder)
        make_folder(self._folder)
        handle = lock_file(self._folder / job)
        if try_lock(handle) is False:
            os.close(handle)
            return False
        self._held[job] = handle
        return True

    def drop(self, job: str) -> None:
        """Gives up the claim on a job whose row is in the store, where the next process to claim it looks first."""
        handle = self._held.pop(job, None)
        if handle is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._folder / job)
            os.close(handle)

    def drop_all(self) -> None:
        """Gives up every claim."""
        for job in list(self._held):
            self.drop(job)
