"""Claims on jobs: several sweeps on one store don't run the same job twice.

A claim is a locked file. The lock ends with the process that holds it, even if that crashes. On disks without locks
every claim is granted: a job may then run twice, and its row still counts once.
"""

import contextlib
import os
from pathlib import Path

from ..writing import make_folder, refuse_links, try_lock
from .locks import lock_file


class Claims:
    """Jobs that this process has claimed.

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
