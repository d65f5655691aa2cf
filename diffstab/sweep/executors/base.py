"""Base of executors: an executor takes tasks while it has room, and returns those that have ended."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...store import Entry
from ..jobs import THREADS, Job, run_job


@dataclass(frozen=True)
class Task:
    """A job with the files that it needs.

    Attributes:
        job: Job to run.
        checkpoint: File of the weights of the job's training, if it measures one.
        scratch: Folder for a training's state.
    """

    job: Job
    checkpoint: Path | None = None
    scratch: Path | None = None

    def run(self, threads: int = THREADS) -> list[Entry]:
        """Runs the job in this process and returns its rows."""
        return run_job(self.job, checkpoint=self.checkpoint, scratch=self.scratch, threads=threads)


class Finished(NamedTuple):
    """A task that has ended, and its rows."""

    task: Task
    entries: list[Entry]


class Executor:
    """Base of all executors: a context that runs tasks."""

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def has_room(self) -> bool:
        """Returns True if the executor can take another task now."""
        raise NotImplementedError

    def submit(self, task: Task) -> None:
        """Takes a task. Call it only while there is room."""
        raise NotImplementedError

    def wait(self, seconds: float) -> list[Finished]:
        """Returns tasks that ended since the last call; if there are none, waits for one.

        Args:
            seconds: Longest time to wait.

        Raises:
            ValueError: If the cluster is lost. A task that fails returns a failed row instead.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Stops all running tasks."""


class InlineExecutor(Executor):
    """Runs one task at a time in the calling process.

    Args:
        threads: Number of torch's threads while a task runs.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._task: Task | None = None

    def has_room(self) -> bool:
        """Returns True if no task is waiting."""
        return self._task is None

    def submit(self, task: Task) -> None:
        """Keeps the task for `wait`."""
        self._task = task

    def wait(self, seconds: float) -> list[Finished]:
        """Runs the task that was submitted, and returns it."""
        task, self._task = self._task, None
        return [Finished(task, task.run(self._threads))] if task else []
