"""Options that choose how the cells of a sweep run, and the progress that the terminal shows meanwhile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from ..checks import escaped
from .echo import echo, line, plain_console
from .options import together
from .progress import Clock, Pace, duration

if TYPE_CHECKING:
    from ..sweep import Job, Listener, Progress
    from ..sweep.executors import Executor

EXECUTORS = ("local", "ray")
executor_options = together(
    click.option(
        "--executor",
        type=click.Choice(EXECUTORS),
        default="local",
        show_default=True,
        help="Executor of the cells: processes on this machine (local) or a Ray cluster (ray).",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        help="Number of cells that run at the same time.  [default: with --executor local, one per GPU or core]",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="Number of CPU threads of each cell with --executor local.  [default: 1]",
    ),
    click.option(
        "--shard",
        metavar="I/N",
        help="Run only share I of N of the cells, where I is from 1 to N: one share for each task of a job array.",
    ),
    click.option(
        "--ray-address",
        metavar="HOST:PORT",
        help="Address of a running Ray cluster, for --executor ray; `auto` takes the one that this machine belongs to.",
    ),
    click.option("--cpus-per-job", type=float, help="CPUs of each cell with --executor ray.  [default: 1]"),
    click.option(
        "--gpus-per-job",
        type=float,
        help="GPUs of each cell with --executor ray; 0.5 lets two cells share one.  [default: 0]",
    ),
)


def executor_of(where: dict[str, Any]) -> "Executor":
    """Makes the executor that the options name. Raises ValueError for options of another executor."""
    kind = where["executor"]
    own = {"threads": "local", **dict.fromkeys(("ray_address", "cpus_per_job", "gpus_per_job"), "ray")}
    for name, executor in own.items():
        if where[name] and kind != executor:
            raise ValueError(f"--{name.replace('_', '-')} is for --executor {executor}, and the executor is {kind}")
    if kind == "ray":
        from ..sweep.executors import RayExecutor

        cpus = 1.0 if where["cpus_per_job"] is None else where["cpus_per_job"]
        return RayExecutor(
            address=where["ray_address"], cpus=cpus, gpus=where["gpus_per_job"] or 0.0, jobs=where["jobs"]
        )
    from ..sweep import THREADS
    from ..sweep.executors import LocalExecutor

    return LocalExecutor(where["jobs"], where["threads"] or THREADS)


def tell_failures(progress: "Progress") -> None:
    """Prints the number of failed cells on stderr, if any failed."""
    failed = len(progress.failed) + progress.failed_before
    if failed:
        echo(
            f"note: {failed} of {progress.total} cells failed; `diffstab results list status=failed` shows them",
            err=True,
        )


def told(job: "Job", row: dict[str, Any]) -> str:
    """The outcome of a job in one line."""
    if row["status"] != "done":
        return f"failed  {job}: {row['error']['type']}: {' '.join(row['error']['message'].split()):.200}"
    if "R" in row:
        return f"done    {job}: R_f {row['R']['value']:.3g} ({row['R']['low']:.3g} to {row['R']['high']:.3g})"
    return f"done    {job}: test error {row['test_error']['value']:.2%}"


@contextmanager
def listening(clock: Clock = time.monotonic) -> "Iterator[Listener]":
    """Shows a live table on a terminal; elsewhere a line per job, and counts every 10 s. All on stderr."""
    from rich.live import Live

    from ..sweep import Listener

    console, pace = plain_console(stderr=True), Pace(clock)
    live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None

    class Shown(Listener):
        def changed(self, progress: "Progress") -> None:
            if live is not None:
                live.update(live_table(progress), refresh=True)
            elif progress.left and pace.due():
                line(console, counted(progress))

        def ended(self, job: "Job", row: dict[str, Any], seconds: float) -> None:
            line(console, f"{told(job, row)}  [{seconds:.1f} s]")

        def notes(self, text: str) -> None:
            line(console, text)

    with live or nullcontext():
        yield Shown()


def counted(progress: "Progress") -> str:
    """Counts of jobs and the time left, in one line."""
    left = progress.seconds_left
    counts = f"{progress.done} done, {len(progress.running)} running, {len(progress.failed)} failed"
    skipped = f", {progress.skipped} were in the store" if progress.skipped else ""
    about = f", about {duration(left)}" if left else ""
    return f"{counts}{skipped}, {progress.left} of {progress.total} left{about}"


def live_table(progress: "Progress") -> Any:
    """A table of counts, time left, and the running jobs."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row(Text(counted(progress), style="bold"))
    for job, began in list(progress.running.values())[:20]:
        table.add_row(Text(escaped(f"  {time.monotonic() - began:5.0f} s  {job}")))
    return table
