"""Runs the jobs of a sweep that are not in the store yet, and writes the rows of each job when it ends."""

import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..checks import in_short
from ..store import DONE, FAILED, Claims, Entry, Row, Store
from ..writing import refuse_links
from .changed import changed_jobs, version_notes
from .executors.base import Executor, Task
from .jobs import Job, failed_entry

POLL = 0.5  # seconds
OnRow = Callable[[Row], object]


@dataclass
class Progress:
    """Progress of a sweep.

    Attributes:
        total: Number of all jobs.
        skipped: Number of jobs that were in the store already, including those that had failed (`failed_before`).
        failed_before: Number of jobs that had failed before and are not run again.
        done: Number of jobs that this run finished.
        failed: Rows of jobs that failed in this run.
        running: Running jobs and the time at which each began, by the job's id.
        started: Time at which the sweep began, in seconds.
    """

    total: int
    skipped: int = 0
    failed_before: int = 0
    done: int = 0
    failed: list[Row] = field(default_factory=list)
    running: dict[str, tuple[Job, float]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> int:
        """Number of jobs that have not ended."""
        return self.total - self.skipped - self.done - len(self.failed)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the end, by the pace so far; None before a job has ended."""
        ended = self.done + len(self.failed)
        return (time.monotonic() - self.started) / ended * self.left if ended else None


class Listener:
    """Base of listeners, whose methods a sweep calls as it goes on. This one does nothing."""

    def changed(self, progress: Progress) -> None:
        """Called when a job begins or ends, and at regular times."""

    def ended(self, job: Job, row: Row, seconds: float) -> None:
        """Called when a job has ended, with its row and its duration in seconds."""

    def notes(self, text: str) -> None:
        """Called with a message for the user."""


def run_sweep(
    jobs: Sequence[Job],
    store: Store,
    executor: Executor,
    *,
    retry_failed: bool = False,
    listener: Listener | None = None,
    on_row: OnRow | None = None,
) -> Progress:
    """Runs the jobs that are not in the store. You can stop it at any point; the same call continues from there.

    A row in the store counts as long as the network has not changed; otherwise the job runs again, and its new row
    replaces the old one.

    Args:
        jobs: Jobs of the sweep, trainings before the measurements that need them.
        store: Store that is searched for rows and gets the new ones.
        executor: Executor that runs the jobs; it is closed at the end.
        retry_failed: Run jobs again that failed before.
        listener: Listener whose methods are called as the sweep goes on.
        on_row: Function that is called with each row once it is stored, also of failed cells, to hand it on to a
            tracker. If it raises, the listener is told, and the sweep goes on.

    Raises:
        ValueError: If the store can't be written; rows written before are kept.
    """
    claims = Claims(store.folder / "claims")
    try:
        with executor:
            return _Sweep(jobs, store, executor, claims, retry_failed, listener or Listener(), on_row).run()
    finally:
        claims.drop_all()


def share_of(jobs: Sequence[Job], shard: str) -> list[Job]:
    """Returns the jobs of one shard of a sweep. The shards together have each job once, and are of the same size.

    The ids of the sweep's jobs are dealt out in order, so done cells and the order of the jobs don't matter. A
    training is dealt with the measurements of its weights, so no shard waits for another.

    Args:
        jobs: Jobs of the whole sweep.
        shard: Text `I/N`: shard I of N, where I is from 1 to N.

    Raises:
        ValueError: If `shard` has another form, or I is not from 1 to N.

    >>> from diffstab.options import MeasureOptions
    >>> from diffstab.sweep import measure_job
    >>> jobs = [measure_job(MeasureOptions(model="fc_l4", seed=seed)) for seed in range(10)]
    >>> [len(share_of(jobs, shard)) for shard in ("1/3", "2/3", "3/3")]
    [4, 3, 3]
    """
    parts = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", shard)
    number, count = (int(part) for part in parts.groups()) if parts else (0, 0)
    if not 1 <= number <= count:
        raise ValueError(f"shard is {shard!r}; I/N is needed, with I from 1 to N, as in 1/8 to 8/8")
    groups = sorted({(job.trained_by or job).id for job in jobs})
    own = set(groups[number - 1 :: count])
    return [job for job in jobs if (job.trained_by or job).id in own]


class _Sweep:
    def __init__(
        self,
        jobs: Sequence[Job],
        store: Store,
        executor: Executor,
        claims: Claims,
        retry_failed: bool,
        listener: Listener,
        on_row: OnRow | None,
    ) -> None:
        self._store, self._executor, self._claims, self._listener = store, executor, claims, listener
        self._on_row = on_row
        self.progress = Progress(total=len(jobs))
        self._waiting: deque[Job] = deque()
        store.refresh()
        self._failed_before = {job.id for job in jobs if store.status(job.id) == FAILED}
        for note in version_notes(jobs, store):
            listener.notes(note)
        changed = changed_jobs(jobs, store)
        self._old = {job: row for job, (row, _) in changed.items()}
        for job in jobs:
            if job.id in changed:
                listener.notes(f"note: {job}: the network {changed[job.id][1]}; the cell is run again")
                job = replace(job, replaces=self._old[job.id])
            status = store.status(job.id)
            if self._is_done(job) or (status == FAILED and not retry_failed):
                self.progress.skipped += 1
                self.progress.failed_before += status == FAILED
            else:
                self._waiting.append(job)

    def _is_done(self, job: Job) -> bool:
        return self._store.is_done(job.id, besides=self._old.get(job.id))

    def run(self) -> Progress:
        """Runs until no job is left, and returns the progress."""
        self._fill()
        while self.progress.left:
            if not self.progress.running:  # other sweeps run all jobs that are left
                time.sleep(POLL)
            finished = self._executor.wait(POLL)
            if finished or not self.progress.running:
                self._store.refresh()  # another sweep may have finished the next jobs
            self._fill()  # keeps workers busy while rows are written
            for task, entries in finished:
                self._keep(task, entries)
            if finished:
                self._fill()  # new trainings can be measured now
            self._listener.changed(self.progress)
        return self.progress

    def _fill(self) -> None:
        """Gives jobs to the executor while it has room."""
        blocked = []
        while self._waiting and self._executor.has_room():
            job = self._waiting.popleft()
            if self._is_done(job):  # another sweep was faster
                self.progress.skipped += 1
            elif self._store.status(job.id) == FAILED and job.id not in self._failed_before:  # in another sweep
                self._count(job, self._store.row_of(job.id))
            elif job.trained_by is not None and not self._is_done(job.trained_by):
                if not self._cannot_come(job.trained_by):
                    blocked.append(job)
                    continue
                entry = failed_entry(job, "TrainingFailed", f"its training ({job.trained_by}) failed")
                self._store.add(entry, replaces=job.replaces)
                self._count(job, entry.row)
            elif self._takes(job):
                self._begin(job)
            else:
                blocked.append(job)
        self._waiting.extendleft(reversed(blocked))

    def _takes(self, job: Job) -> bool:
        """Claims the job. Returns False if another sweep runs it, or has just done it."""
        if not self._claims.take(job.id):
            return False
        self._store.refresh()
        if self._is_done(job):  # it ended after the store was read and before the claim
            self._claims.drop(job.id)
            return False
        return True

    def _cannot_come(self, training: Job) -> bool:
        waits = training.id in self.progress.running or any(job.id == training.id for job in self._waiting)
        return not waits

    def _begin(self, job: Job) -> None:
        checkpoint = None if job.trained_by is None else self._store.weights(self._store.row_of(job.trained_by.id))
        self.progress.running[job.id] = (job, time.monotonic())
        self._executor.submit(Task(job, checkpoint, self._scratch(job)))
        self._listener.changed(self.progress)

    def _scratch(self, job: Job) -> Path:
        scratch = self._store.folder / "training" / job.id[:16]
        refuse_links(self._store.folder, scratch)
        return scratch.absolute()

    def _keep(self, task: Task, entries: list[Entry]) -> None:
        for entry in entries:
            self._store.add(entry, replaces=task.job.replaces)
            self._hand_on(entry.row)
        done = self._store.status(task.job.id) == DONE  # another sweep may have done what failed here
        self._count(task.job, self._store.row_of(task.job.id) if done else entries[-1].row)

    def _hand_on(self, row: Row) -> None:
        try:
            if self._on_row is not None:
                self._on_row(row)
        except Exception as error:  # the user's code may raise anything
            self._listener.notes(f"note: on_row fails for row {row['key'][:12]} ({in_short(error)}); the row is stored")

    def _count(self, job: Job, row: Row) -> None:
        _, began = self.progress.running.pop(job.id, (job, time.monotonic()))
        self._claims.drop(job.id)
        if row["status"] == DONE:
            self.progress.done += 1
            shutil.rmtree(self._scratch(job), ignore_errors=True)
        else:
            self.progress.failed.append(row)
        self._listener.ended(job, row, time.monotonic() - began)
