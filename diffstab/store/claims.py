"""Which jobs are being run: sweeps on one store leave each other's alone.

A claim is a locked file, which falls with the process that holds it, however it ends. Where there are no locks every
claim is granted: a job may then run twice, and its row still counts once.
"""

import contextlib
import os
from pathlib import Path

from ..writing import make_folder, refuse_links, try_lock
from .locks import lock_file


class Claims:
    """The jobs that this process runs.

    Args:
        folder: For the lock files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def take(self, job: str) -> bool:
        """Whether the job can be run here: False while another process runs it. Raises ValueError on a full disk."""
        refuse_links(self._folder.parent, self._folder)
        make_folder(self._folder)
        handle = lock_file(self._folder / job)
        if try_lock(handle) is False:
            os.close(handle)
            return False
        self._held[job] = handle
        return True

    def drop(self, job: str) -> None:
        """Lets a job go, once its row is in the store: whoever takes it next looks there first."""
        handle = self._held.pop(job, None)
        if handle is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._folder / job)
            os.close(handle)

    def drop_all(self) -> None:
        """Lets every job go."""
        for job in list(self._held):
            self.drop(job)
