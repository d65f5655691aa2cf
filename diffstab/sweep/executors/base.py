"""What an executor is: it takes tasks while it has room, and gives back those that ended."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from ...store import Entry
from ..jobs import THREADS, Job, run_job


@dataclass(frozen=True)
class Task:
    """A job with the files it needs.

    Attributes:
        checkpoint: The weights of the job's training.
        scratch: Folder for a training's state.
    """

    job: Job
    checkpoint: Path | None = None
    scratch: Path | None = None

    def run(self, threads: int = THREADS) -> list[Entry]:
        """In this process."""
        return run_job(self.job, checkpoint=self.checkpoint, scratch=self.scratch, threads=threads)


class Finished(NamedTuple):
    """A task that ended, and its rows."""

    task: Task
    entries: list[Entry]


class Executor:
    """Base of all executors: a context that runs tasks.

    Attributes:
        keeps_rows: Whether the tasks write to the store themselves; the sweep then only reads.
    """

    keeps_rows = False

    def __enter__(self) -> "Executor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def has_room(self) -> bool:
        """Whether another task can be taken now."""
        raise NotImplementedError

    def submit(self, task: Task) -> None:
        """Takes a task; only while there is room."""
        raise NotImplementedError

    def wait(self, seconds: float) -> list[Finished]:
        """Tasks that ended since the last call, after waiting at most so long for one.

        Raises:
            ValueError: If the cluster is lost; a task's own failure is its row.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Ends everything that runs."""


class InlineExecutor(Executor):
    """Runs one task at a time in this very process.

    Args:
        threads: Of torch, while a task runs.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._task: Task | None = None

    def has_room(self) -> bool:
        """True between tasks."""
        return self._task is None

    def submit(self, task: Task) -> None:
        """Keeps the task for `wait`."""
        self._task = task

    def wait(self, seconds: float) -> list[Finished]:
        """Runs the task."""
        task, self._task = self._task, None
        return [Finished(task, task.run(self._threads))] if task else []
