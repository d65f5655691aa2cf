"""Slurm executor, using submitit: elements of array jobs write their rows to the store on the shared disk.

So nothing is lost if this process ends: elements that were sent go on, and the sweep, run again, sends what is missing.
"""

import math
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from ...checks import positive_integer
from ...store import Entry, Row, Store
from ...writing import refuse_links
from ..jobs import failed_entry
from .base import Executor, Finished, Task
from .local import usable_cores
from .slurm_parameters import named_parameters

CLUSTERS = ("slurm", "local")
LARGEST_ARRAY = 1000  # elements; Slurm's own default is 1001
TIMEOUT = 60  # minutes of an element, unless timeout_min is given; submitit's default is 5
POLL = {"slurm": 2.0, "local": 0.1}  # seconds between two checks of ended elements
GRACE = {"slurm": 90.0, "local": 0.0}  # seconds until rows of an ended element must show on a network disk
PAUSES = (1.0, 5.0, 30.0)  # seconds before adding a row is tried again
CLOSE = 5.0  # seconds
FOLDER = "slurm"  # folder in the store for submitit's logs and pickles


class Element:
    """Element of an array job: runs some tasks one after another on a node. After a requeue it continues with the rest.

    Args:
        store: Folder of the store.
        tasks: Tasks to run; those that are done in the store are left out.
        threads: Number of torch's threads.
    """

    def __init__(self, store: Path, tasks: Sequence[Task], threads: int) -> None:
        self.store, self.threads = store, threads
        self.left = list(tasks)

    def __call__(self) -> None:
        """Runs the tasks and writes their rows to the store."""
        store = Store(self.store)
        while self.left:
            store.refresh()
            job = self.left[0].job
            if not store.is_done(job.id, besides=job.replaces):
                for entry in self.left[0].run(self.threads):
                    _add(store, entry, job.replaces)
            self.left.pop(0)
        store.close()

    def checkpoint(self) -> Any:
        """Returns the object that submitit runs after a preemption or a time-out."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    __submitit_checkpoint__ = checkpoint  # name in later releases of submitit


def _add(store: Store, entry: Entry, replaces: str | None) -> None:
    """Adds a row, with several tries: hundreds of elements may want the store's lock at once."""
    for pause in PAUSES:
        try:
            store.add(entry, replaces=replaces)
            return
        except ValueError:
            time.sleep(pause)
    store.add(entry, replaces=replaces)


@dataclass
class _Flight:
    """An element that was sent to Slurm.

    Attributes:
        job: submitit's job.
        tasks: Tasks of the element that have no row yet.
        before: Checksum of each task's row when it was sent, by the job's id: an unchanged row is of an earlier sweep.
        ended: Time at which the element was seen to have ended; None while it runs.
    """

    job: Any
    tasks: Sequence[Task]
    before: Mapping[str, str | None]
    ended: float | None = None


class SlurmExecutor(Executor):
    """Runs tasks as array jobs of Slurm.

    Args:
        store: Folder of the store, on a disk that all nodes share.
        cluster: `slurm`, or `local` for processes on this machine instead.
        jobs: Number of array elements at a time. Default: submitit's 256; for `local` as many as there are cores for.
        cpus: Number of CPUs of each element; torch uses as many threads.
        gpus: Number of GPUs of each element.
        per_task: Number of tasks of each element. Default: one, or as many as keep an array at 1,000 elements.
        parameters: Further parameters of submitit, such as `partition` or `timeout_min` (minutes, 60 by default).

    Raises:
        ValueError: If submitit or sbatch is missing, an argument is out of range, a parameter is unknown, or the
            folder is no store.
    """

    keeps_rows = True

    def __init__(
        self,
        store: Path,
        *,
        cluster: str = "slurm",
        jobs: int | None = None,
        cpus: int = 1,
        gpus: int = 0,
        per_task: int | None = None,
        parameters: Mapping[str, Any] = {},
    ) -> None:
        _check(cluster, jobs=jobs, cpus=cpus, per_task=per_task)
        positive_integer("gpus", gpus, least=0)
        if jobs is None and cluster == "local":
            jobs = max(1, usable_cores() // cpus)
        self._cluster, self._jobs, self._cpus, self._per_task = cluster, jobs, cpus, per_task
        self._store = Store(Path(store).absolute())
        self._waiting: list[Task] = []
        self._flights: list[_Flight] = []
        self._next_look = 0.0
        refuse_links(self._store.folder, self._store.folder / FOLDER)
        self._sender = _sender(self._store.folder / FOLDER, cluster)
        own = {"cpus_per_task": cpus, "gpus_per_node": gpus or None, "tasks_per_node": 1, "nodes": 1}
        named = {"timeout_min": TIMEOUT, "name": "diffstab", **named_parameters(parameters), **own}
        try:
            self._sender.update_parameters(**named)
        except (AssertionError, ValueError, TypeError, NameError) as error:
            raise ValueError(f"submitit refuses the parameters {dict(parameters)} ({_line(error)})") from error

    def has_room(self) -> bool:
        """Returns True if another task can be sent: always without a limit, since Slurm has a queue."""
        held = len(self._flights)
        if self._cluster == "local":  # processes have no array's limit: all run at once
            held += len(self._waiting) // (self._per_task or 1)
        return self._jobs is None or held < self._jobs

    def submit(self, task: Task) -> None:
        """Keeps the task for the array that the next `wait` sends."""
        self._waiting.append(task)

    def wait(self, seconds: float) -> list[Finished]:
        """Sends submitted tasks, then returns the tasks that have ended.

        Args:
            seconds: Longest time to wait.

        Raises:
            ValueError: If Slurm refuses the array job.
        """
        deadline = time.monotonic() + seconds
        if self._waiting:
            self._send()
        while self._flights:
            time.sleep(max(0.0, min(deadline, self._next_look) - time.monotonic()))
            if (began := time.monotonic()) >= self._next_look:
                finished = self._look()
                took = time.monotonic() - began  # use at most a tenth of a slow network disk's time
                self._next_look = time.monotonic() + max(POLL[self._cluster], 9 * took)
                if finished:
                    return finished
            if time.monotonic() >= deadline:
                break
        return []

    def _send(self) -> None:
        """Sends the waiting tasks, as one array job per 1,000 elements."""
        self._store.refresh()
        size = self._per_task or math.ceil(len(self._waiting) / LARGEST_ARRAY)
        groups = [self._waiting[start : start + size] for start in range(0, len(self._waiting), size)]
        for start in range(0, len(groups), LARGEST_ARRAY):
            array = groups[start : start + LARGEST_ARRAY]
            if self._jobs is not None:
                self._sender.update_parameters(slurm_array_parallelism=max(1, self._jobs - len(self._flights)))
            try:
                with _interruptible(), self._sender.batch():
                    jobs = [self._sender.submit(Element(self._store.folder, tasks, self._cpus)) for tasks in array]
            except (RuntimeError, OSError) as error:
                raise ValueError(f"Slurm refuses the array job ({_line(error)})") from error
            for job, tasks in zip(jobs, array, strict=True):
                self._flights.append(_Flight(job, tasks, {task.job.id: self._checksum(task) for task in tasks}))
        self._waiting.clear()

    def _checksum(self, task: Task) -> str | None:
        known = self._store.status(task.job.id) is not None
        return self._store.row_of(task.job.id)["checksum"] if known else None

    def _look(self) -> list[Finished]:
        """Returns tasks whose rows have come, and fails the tasks of dead elements."""
        for flight in self._flights:  # checked before rows are read: an ended element has written its rows
            if flight.ended is None and flight.job.done():
                flight.ended = time.monotonic()
        self._store.refresh()
        finished: list[Finished] = []
        for flight in self._flights:
            rows = [self._row(task, flight) for task in flight.tasks]
            finished += [Finished(task, [Entry(row)]) for task, row in zip(flight.tasks, rows, strict=True) if row]
            flight.tasks = [task for task, row in zip(flight.tasks, rows, strict=True) if not row]
            if flight.ended is not None and time.monotonic() - flight.ended >= GRACE[self._cluster]:
                finished += [self._failed(task, flight) for task in flight.tasks]
                flight.tasks = []
        self._flights = [flight for flight in self._flights if flight.tasks or flight.ended is None]
        return finished

    def _row(self, task: Task, flight: _Flight) -> Row | None:
        new = self._checksum(task) != flight.before[task.job.id]
        done = self._store.is_done(task.job.id, besides=task.job.replaces)
        return self._store.row_of(task.job.id) if new or done else None

    def _failed(self, task: Task, flight: _Flight) -> Finished:
        """Writes the failed row of a task whose element died, and returns the task."""
        entry = failed_entry(task.job, "ElementDied", _last_words(flight.job))
        self._store.add(entry, replaces=task.job.replaces)
        return Finished(task, [entry])

    def close(self) -> None:
        """Ends processes on this machine. Elements that Slurm has go on, and write to the store."""
        flights = self._flights if self._cluster == "local" else []
        for flight in flights:
            if flight.tasks:
                flight.job.cancel(check=False)
        deadline = time.monotonic() + CLOSE
        while time.monotonic() < deadline and not all(flight.job.done() for flight in flights):
            time.sleep(0.05)
        self._flights, self._waiting = [], []
        self._store.close()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Makes processes that are started inside interruptible, even if this process ignores SIGINT.

    Background jobs of a script ignore SIGINT, and their child processes would inherit that.
    """
    ignored = (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread()
    )
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _sender(folder: Path, cluster: str) -> Any:
    """Makes submitit's executor. Raises ValueError if submitit or a command of Slurm is missing."""
    try:
        import submitit
    except ImportError as error:
        raise ValueError(
            f"the executor slurm needs the package submitit: pip install 'diffstab[slurm]' ({error})"
        ) from error
    missing = [name for name in ("sbatch", "srun", "sacct") if shutil.which(name) is None]
    if cluster == "slurm" and missing:
        raise ValueError(
            f"{missing[0]} is not found; run on a Slurm login node, or choose --executor local or --executor ray"
        )
    return submitit.AutoExecutor(folder=folder, cluster=cluster)


def _check(cluster: str, **counts: int | None) -> None:
    if cluster not in CLUSTERS:
        raise ValueError(f"cluster is {cluster!r}; it must be one of {', '.join(CLUSTERS)}")
    for name, count in counts.items():
        if count is not None:
            positive_integer(name, count)


def _last_words(job: Any) -> str:
    """Returns a message with an element's final state, its last line of output, and its log's path."""
    lines = (job.stderr() or "").strip().splitlines()
    words = f"; its last line: {shorten(lines[-1], 300)}" if lines else ""
    return (
        f"job {job.job_id} ended as {job.state} before this task was done{words}; see {FOLDER}/{job.paths.stderr.name}"
    )


def _line(error: BaseException) -> str:
    return shorten(str(error), 300) or type(error).__name__
