"""Local executor: one long-lived worker process per slot, reused for many jobs and replaced when it dies.

So modules are imported once per slot, and a crash or lack of memory costs one job only.
"""

import os
from dataclasses import dataclass
from multiprocessing import connection

from ...checks import positive_integer
from ..jobs import THREADS, failed_entry
from .base import Executor, Finished, Task
from .worker import Worker, WorkerDiedError

MEMORY_PER_JOB = 4 * 2**30  # bytes; a ResNet50 with batches of 128 images of 224 pixels takes half of that
ATTEMPTS = 3  # per job: a worker can be killed without a fault of the job


def usable_cores() -> int:
    """Returns the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def default_jobs(threads: int) -> int:
    """Returns the number of tasks for which this machine has cores and memory.

    Args:
        threads: Number of threads of each task.
    """
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        memory = MEMORY_PER_JOB
    return max(1, min(usable_cores() // threads, memory // MEMORY_PER_JOB))


def visible_gpus() -> list[str]:
    """Returns the names of the visible CUDA devices, in the form of CUDA_VISIBLE_DEVICES."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


@dataclass
class _Slot:
    """Place for one worker and the task that it runs."""

    gpu: str | None
    worker: Worker | None = None
    task: Task | None = None
    attempt: int = 0


class LocalExecutor(Executor):
    """Runs tasks in worker processes on this machine.

    Args:
        jobs: Number of tasks at a time. Default: one per GPU; without GPUs as many as there are cores for, and 4 GiB
            of memory for each.
        threads: Number of torch's threads in each task.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(self, jobs: int | None = None, threads: int = THREADS) -> None:
        gpus = visible_gpus()
        self.threads = positive_integer("threads", threads)
        slots = positive_integer("jobs", jobs if jobs is not None else len(gpus) or default_jobs(self.threads))
        self._slots = [_Slot(gpus[number % len(gpus)] if gpus else None) for number in range(slots)]

    def has_room(self) -> bool:
        """Returns True if a slot is idle."""
        return any(slot.task is None for slot in self._slots)

    def submit(self, task: Task) -> None:
        """Gives the task to an idle slot, preferably one with a running worker."""
        idle = [slot for slot in self._slots if slot.task is None]
        self._begin(min(idle, key=lambda slot: slot.worker is None), task, attempt=1)

    def _begin(self, slot: _Slot, task: Task, attempt: int) -> None:
        slot.task, slot.attempt = task, attempt
        if slot.worker is None:
            slot.worker = Worker(self.threads, slot.gpu)
        slot.worker.give(task)

    def wait(self, seconds: float) -> list[Finished]:
        """Returns tasks that have ended. A task whose worker died is tried again, three times in all."""
        busy = [slot for slot in self._slots if slot.task is not None and slot.worker is not None]
        ready = connection.wait([slot.worker.channel for slot in busy if slot.worker], timeout=seconds)
        ended = (self._collect(slot) for slot in busy if slot.worker and slot.worker.channel in ready)
        return [finished for finished in ended if finished is not None]

    def _collect(self, slot: _Slot) -> Finished | None:
        """Returns the finished task of a slot; None if its worker died and the task was started again."""
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
        """Kills all workers."""
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.end()
            slot.worker = slot.task = None
