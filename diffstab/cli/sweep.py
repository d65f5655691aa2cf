"""`diffstab sweep`: runs those cells of a YAML grid that the store does not have yet."""

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from .echo import echo, echo_json, echo_lines
from .executors import executor_of, executor_options, listening
from .help import SWEEP_GROUPS, Command
from .options import store_option, trust_option
from .progress import saying
from .stores import tell_notes

if TYPE_CHECKING:
    from ..store import Store
    from ..sweep import Progress, Spec


def print_example(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Prints a small example file, and ends the command."""
    if value and not context.resilient_parsing:
        from ..sweep import EXAMPLE

        echo_lines(EXAMPLE.read_text("utf-8").splitlines())
        context.exit()


@click.command(cls=Command, groups=SWEEP_GROUPS)
@click.argument("spec", metavar="SPEC.yaml", type=click.Path(path_type=Path))
@store_option(help="Folder for the results; it is created if missing.")
@click.option(
    "--example",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_example,
    help="Print a SPEC.yaml to start from, and exit.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print which cells would run, without writing anything or importing code that the sweep names.",
)
@trust_option
@click.option("--yes", is_flag=True, help="Confirm that a grid of more than 1,000 cells should run.")
@click.option("--retry-failed", is_flag=True, help="Run cells again that failed in an earlier run.")
@executor_options
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object at the end.")
def sweep(
    spec: Path,
    store: Path,
    dry_run: bool,
    trust: list[str] | None,
    yes: bool,
    retry_failed: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Run a grid of trainings and measurements from a YAML file.

    The keys of SPEC.yaml are the options of `diffstab measure` and `diffstab train`. Lists multiply: each combination
    of their entries is one cell, which is a training or a measurement. The same command continues a sweep that was
    stopped, since it skips the cells that --store has.

    The exit status is 1 if a cell failed, in this run or an earlier one. The stored row has the error, and
    --retry-failed runs the cell again.

    \b
    Examples:
      diffstab sweep --example > sweep.yaml
      diffstab sweep sweep.yaml --store results --dry-run
      diffstab sweep sweep.yaml --store results --jobs 2
      diffstab sweep sweep.yaml --store results --shard 1/8
    """
    with saying(f"reading {spec}"):
        from ..sweep import CONFIRM_ABOVE, read_spec, share_of

        plan = read_spec(spec, confirm_above=None if yes else CONFIRM_ABOVE)
    for note in plan.notes:
        echo(f"note: {note}", err=True)
    if where["shard"] is not None:
        share = share_of(plan.jobs, where["shard"])
        echo(f"note: shard {where['shard']} has {len(share)} of {len(plan.jobs)} cells", err=True)
        plan = replace(plan, jobs=share)
    if dry_run:
        tell_plan(plan, store, retry_failed, as_json, trust or [])
        return
    if trust:
        raise ValueError("trust is given without dry_run; a sweep that runs takes it from its spec, as in trust: NAME")
    from ..store import Store
    from ..sweep import run_sweep

    target = Store(store, create=True)
    tell_notes(target)
    with listening() as listener:
        progress = run_sweep(plan.jobs, target, executor_of(where), retry_failed=retry_failed, listener=listener)
    tell_notes(target)
    tell_summary(progress, plan, target, as_json)
    click.get_current_context().exit(1 if progress.failed or progress.failed_before else 0)


def tell_plan(plan: "Spec", folder: Path, retry_failed: bool, as_json: bool, trust: list[str]) -> None:
    """Prints the cells and whether the store has each of them; does not create a store.

    The user's code is run, and compared with the store, only if `trust` has its name.
    """
    from ..store import DONE, FAILED, Store
    from ..sweep import built_models, changed_jobs

    store = Store(folder) if (folder / "rows").is_dir() else None
    if store is not None:
        tell_notes(store)
    status = {job.id: kept_status(store, job.id) for job in plan.jobs}
    unseen = [name for name in built_models(plan.jobs, store) if name not in trust] if store else []
    if unseen:
        told, options = ", ".join(map(repr, unseen)), " ".join(f"--trust {quote(name)}" for name in unseen)
        echo(f"note: a dry run does not build {told} to see whether it has changed; {options} does", err=True)
    status |= dict.fromkeys(changed_jobs(plan.jobs, store, unseen) if store else (), "to run")
    if retry_failed:
        status = {job: "to run" if found == FAILED else found for job, found in status.items()}
    counts = {name: list(status.values()).count(name) for name in ("to run", DONE, FAILED)}
    if as_json:
        cells = [{"job": job.id, "cell": str(job), "status": status[job.id]} for job in plan.jobs]
        echo_json({"cells": cells, **counts})
        return
    for job in plan.jobs:
        echo(f"{status[job.id]:<7} {job}")
    echo(f"{len(plan.jobs)} cells: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def kept_status(store: "Store | None", job: str) -> str:
    """Returns `done` if the job's weights and raw values are stored, else `failed` or `to run`."""
    from ..store import DONE, FAILED

    if store is None or store.status(job) is None:
        return "to run"
    return FAILED if store.status(job) == FAILED else DONE if store.is_done(job) else "to run"


def tell_summary(progress: "Progress", plan: "Spec", store: "Store", as_json: bool) -> None:
    """Prints the outcome of the sweep on stdout."""
    skipped = progress.skipped - progress.failed_before
    if as_json:
        counts = {"cells": progress.total, "done": progress.done, "failed": len(progress.failed), "skipped": skipped}
        jobs = [{"job": job.id, "cell": str(job), "status": store.status(job.id)} for job in plan.jobs]
        echo_json({**counts, "failed_before": progress.failed_before, "jobs": jobs})
        return
    before = f", {progress.failed_before} failed before (--retry-failed)" if progress.failed_before else ""
    failed = f"{len(progress.failed)} failed"
    echo(f"{progress.total} cells: {progress.done} done, {failed}, {skipped} were in the store{before}")
    echo(f"diffstab results list --store {store.folder}")
