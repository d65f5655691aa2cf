"""`diffstab sweep`: the cells of a YAML grid, run where they are not in the store yet."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import store_option, together
from .results import tell_notes

if TYPE_CHECKING:
    from ..store.store import Store
    from ..sweep.executors.base import Executor
    from ..sweep.jobs import Job
    from ..sweep.run import Listener, Progress
    from ..sweep.spec import Spec

EXECUTORS = ("local", "ray", "slurm")

executor_options = together(
    click.option("--executor", type=click.Choice(EXECUTORS), default="local", show_default=True),
    click.option("--jobs", type=click.IntRange(min=1), help="Cells at a time.  [default: local: one per GPU or core]"),
    click.option("--threads", type=click.IntRange(min=1), help="Of each local job.  [default: 1]"),
    click.option("--ray-address", metavar="HOST:PORT", help="Of a running Ray cluster; `auto` finds this machine's."),
    click.option("--cpus-per-job", type=float, help="ray, slurm.  [default: 1]"),
    click.option("--gpus-per-job", type=float, help="ray (0.5 shares one), slurm.  [default: 0]"),
    click.option(
        "--slurm-option", multiple=True, metavar="NAME=VALUE", help="As submitit's: partition, timeout_min, ..."
    ),
    click.option(
        "--slurm-cluster", type=click.Choice(("slurm", "local")), default="slurm", help="local: without Slurm."
    ),
)


@click.command()
@click.argument("spec", metavar="SPEC.yaml", type=click.Path(path_type=Path))
@store_option(help="Folder of the results; made where there is none.")
@click.option("--dry-run", is_flag=True, help="Only say what would be run.")
@click.option("--yes", is_flag=True, help="Run a grid of more than 1,000 cells.")
@click.option("--retry-failed", is_flag=True, help="Run cells again that failed before.")
@executor_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object in the end.")
def sweep(spec: Path, store: Path, dry_run: bool, yes: bool, retry_failed: bool, as_json: bool, **where: Any) -> None:
    """Run a grid of trainings and measurements; stopped at any point, the same command goes on where it was.

    Exit status 1 if a cell failed, now or before; its row tells why, and --retry-failed runs it again.
    """
    from ..sweep.spec import CONFIRM_ABOVE, read_spec

    plan = read_spec(spec, confirm_above=None if yes else CONFIRM_ABOVE)
    for note in plan.notes:
        click.echo(f"note: {note}", err=True)
    if dry_run:
        tell_plan(plan, store, retry_failed, as_json)
        return
    from ..store.store import Store
    from ..sweep.run import run_sweep

    target = Store(store, create=True)
    tell_notes(target)
    with listening() as listener:
        progress = run_sweep(
            plan.jobs, target, executor_of(target, where), retry_failed=retry_failed, listener=listener
        )
    tell_notes(target)
    tell_summary(progress, plan, target, as_json)
    click.get_current_context().exit(1 if progress.failed or progress.failed_before else 0)


def executor_of(store: "Store", where: dict[str, Any]) -> "Executor":
    """The executor that the options name; those of another one are refused."""
    kind = where["executor"]
    own = {"ray_address": ("ray",), "slurm_option": ("slurm",), "threads": ("local",)}
    for name, executors in {**own, **dict.fromkeys(("cpus_per_job", "gpus_per_job"), ("ray", "slurm"))}.items():
        if where[name] and kind not in executors:
            raise ValueError(
                f"--{name.replace('_', '-')} is for --executor {' or '.join(executors)}, and the executor is {kind}"
            )
    cpus, gpus = where["cpus_per_job"] or 1.0, where["gpus_per_job"] or 0.0
    if kind == "ray":
        from ..sweep.executors.ray import RayExecutor

        return RayExecutor(address=where["ray_address"], cpus=cpus, gpus=gpus, jobs=where["jobs"])
    if kind == "slurm":
        from ..sweep.executors.slurm import SlurmExecutor

        if not (cpus.is_integer() and gpus.is_integer()):
            raise ValueError(f"Slurm gives whole CPUs and GPUs, not {cpus:g} and {gpus:g}")
        pairs = dict(parsed(text) for text in where["slurm_option"])
        limits = {"cpus": int(cpus), "gpus": int(gpus), "jobs": where["jobs"], "parameters": pairs}
        return SlurmExecutor(store.folder, cluster=where["slurm_cluster"], **limits)
    from ..sweep.executors.local import LocalExecutor
    from ..sweep.jobs import THREADS

    return LocalExecutor(where["jobs"], where["threads"] or THREADS)


def parsed(text: str) -> tuple[str, Any]:
    """(name, value) of NAME=VALUE; numbers become numbers."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--slurm-option is {text!r}; NAME=VALUE is needed, as partition=gpu")
    return name, int(value) if value.lstrip("-").isdigit() else value


def tell_plan(plan: "Spec", folder: Path, retry_failed: bool, as_json: bool) -> None:
    """Which cells there are, and which of them the store has; a store is not made."""
    from ..store.store import DONE, FAILED, Store

    store = Store(folder) if (folder / "rows").is_dir() else None
    if store is not None:
        tell_notes(store)
    status = {job.id: (store.status(job.id) if store else None) or "to run" for job in plan.jobs}
    if retry_failed:
        status = {job: "to run" if found == FAILED else found for job, found in status.items()}
    counts = {name: list(status.values()).count(name) for name in ("to run", DONE, FAILED)}
    if as_json:
        cells = [{"job": job.id, "cell": str(job), "status": status[job.id]} for job in plan.jobs]
        click.echo(json.dumps({"cells": cells, **counts}))
        return
    for job in plan.jobs:
        click.echo(f"{status[job.id]:<7} {job}")
    click.echo(f"{len(plan.jobs)} cells: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def tell_summary(progress: "Progress", plan: "Spec", store: "Store", as_json: bool) -> None:
    """How the sweep ended, on stdout."""
    skipped = progress.skipped - progress.failed_before
    if as_json:
        counts = {"cells": progress.total, "done": progress.done, "failed": len(progress.failed), "skipped": skipped}
        jobs = [{"job": job.id, "cell": str(job), "status": store.status(job.id)} for job in plan.jobs]
        click.echo(json.dumps({**counts, "failed_before": progress.failed_before, "jobs": jobs}))
        return
    before = f", {progress.failed_before} failed before (--retry-failed)" if progress.failed_before else ""
    failed = f"{len(progress.failed)} failed"
    click.echo(f"{progress.total} cells: {progress.done} done, {failed}, {skipped} were in the store{before}")
    click.echo(f"diffstab results list --store {store.folder}")


def tell_failures(progress: "Progress") -> None:
    """On stderr, where there were any."""
    failed = len(progress.failed) + progress.failed_before
    if failed:
        click.echo(f"note: {failed} of {progress.total} cells failed; diffstab results list status=failed", err=True)


def told(job: "Job", row: dict[str, Any]) -> str:
    """How a job ended, in a line."""
    if row["status"] != "done":
        return f"failed  {job}: {row['error']['type']}: {' '.join(row['error']['message'].split()):.200}"
    if "R" in row:
        return f"done    {job}: R_f {row['R']['value']:.3g} ({row['R']['low']:.3g} to {row['R']['high']:.3g})"
    return f"done    {job}: test error {row['test_error']['value']:.2%}"


@contextmanager
def listening() -> "Iterator[Listener]":
    """Shows a live table on a terminal and one line per job elsewhere, both on stderr."""
    from rich.console import Console
    from rich.live import Live

    from ..sweep.run import Listener

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None

    class Shown(Listener):
        def changed(self, progress: "Progress") -> None:
            if live is not None:
                live.update(live_table(progress), refresh=True)

        def ended(self, job: "Job", row: dict[str, Any], seconds: float) -> None:
            console.print(f"{told(job, row)}  [{seconds:.1f} s]", markup=False)

    if live is None:
        yield Shown()
        return
    with live:
        yield Shown()


def live_table(progress: "Progress") -> Any:
    """Counts, time left, and the jobs under way."""
    from rich.table import Table

    left = progress.seconds_left
    table = Table(box=None, pad_edge=False, show_header=False)
    counts = f"{progress.done} done, {len(progress.running)} running, {len(progress.failed)} failed"
    skipped = f", {progress.skipped} were in the store" if progress.skipped else ""
    table.add_row(
        f"[bold]{counts}{skipped}, {progress.left} of {progress.total} left"
        + (f", about {duration(left)}" if left else "")
    )
    for job, began in list(progress.running.values())[:20]:
        table.add_row(f"  {time.monotonic() - began:5.0f} s  {job}")
    return table


def duration(seconds: float) -> str:
    """`42 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
