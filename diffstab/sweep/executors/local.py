"""The local executor: one long-lived worker per slot, reused from job to job and replaced when it dies.

So imports are paid once per slot, and a crash or running out of memory costs one job.
"""

import os
from dataclasses import dataclass
from multiprocessing import connection

from ...checks import positive_integer
from ..jobs import THREADS, failed_entry
from .base import Executor, Finished, Task
from .worker import Worker, WorkerDiedError

MEMORY_PER_JOB = 4 * 2**30  # bytes; a ResNet50 on batches of 128 images of 224 pixels takes half of it
ATTEMPTS = 3  # of a job whose worker dies: it can be killed for no fault of the job


def usable_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def default_jobs(threads: int) -> int:
    """As many tasks as cores and memory have room for."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        memory = MEMORY_PER_JOB
    return max(1, min(usable_cores() // threads, memory // MEMORY_PER_JOB))


def visible_gpus() -> list[str]:
    """CUDA devices, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


@dataclass
class _Slot:
    """A place for one worker, and the task it runs."""

    gpu: str | None
    worker: Worker | None = None
    task: Task | None = None
    attempt: int = 0


class LocalExecutor(Executor):
    """Runs tasks in worker processes on this machine.

    Args:
        jobs: Tasks at a time; by default one per GPU or, without any, as many as the cores give threads for, with
            4 GiB of memory each.
        threads: Of each task.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(self, jobs: int | None = None, threads: int = THREADS) -> None:
        gpus = visible_gpus()
        self.threads = positive_integer("threads", threads)
        slots = positive_integer("jobs", jobs if jobs is not None else len(gpus) or default_jobs(self.threads))
        self._slots = [_Slot(gpus[number % len(gpus)] if gpus else None) for number in range(slots)]

    def has_room(self) -> bool:
        """Whether a slot is idle."""
        return any(slot.task is None for slot in self._slots)

    def submit(self, task: Task) -> None:
        """Gives the task to an idle slot, preferably one whose worker is up."""
        idle = [slot for slot in self._slots if slot.task is None]
        self._begin(min(idle, key=lambda slot: slot.worker is None), task, attempt=1)

    def _begin(self, slot: _Slot, task: Task, attempt: int) -> None:
        slot.task, slot.attempt = task, attempt
        if slot.worker is None:
            slot.worker = Worker(self.threads, slot.gpu)
        slot.worker.give(task)

    def wait(self, seconds: float) -> list[Finished]:
        """Tasks that ended; those whose worker died are tried again, three times in all."""
        busy = [slot for slot in self._slots if slot.task is not None and slot.worker is not None]
        ready = connection.wait([slot.worker.channel for slot in busy if slot.worker], timeout=seconds)
        ended = (self._collect(slot) for slot in busy if slot.worker and slot.worker.channel in ready)
        return [finished for finished in ended if finished is not None]

    def _collect(self, slot: _Slot) -> Finished | None:
        """What the worker gave; None if it died and the task was begun again."""
        task, worker = slot.task, slot.worker
        assert task is not None
        assert worker is not None
        try:
            entries = worker.take()
        except WorkerDiedError as death:
            worker.end()
            slot.worker = None
            if slot.attempt < ATTEMPTS:
                self._begin(slot, task, slot.attempt + 1)
                return None
            message = f"the worker died {ATTEMPTS} times, the last time by {death}"
            entries = [failed_entry(task.job, "WorkerDied", message)]
        slot.task = None
        return Finished(task, entries)

    def close(self) -> None:
        """Ends the workers, whatever they do."""
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.end()
            slot.worker = slot.task = None
