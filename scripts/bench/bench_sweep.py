"""Share of the ideal speed that a sweep of small jobs reaches with the executors local and Ray.

python scripts/bench/bench_sweep.py                      # 200 jobs, two at a time
python scripts/bench/bench_sweep.py --executor ray

The ideal is the time of the bare jobs in one process, one thread each, divided by the number of slots. Start-up (from
the call to the first row, less one job) is printed apart because it is paid once. Bare runs and sweeps take turns, and
a sweep is compared with the mean of the bare runs before and after it.
"""

import itertools
import statistics
import tempfile
import time
from pathlib import Path

import click
import torch
from benchmarking import describe_machine

from diffstab import Store
from diffstab.options import MeasureOptions
from diffstab.sweep import Job, Listener, measure_job, run_job, run_sweep
from diffstab.sweep.executors import Executor, LocalExecutor


def small_jobs(count: int, images: int) -> list[Job]:
    grid = itertools.product(range(count), ["lenet"])
    return [measure_job(MeasureOptions(model=m, images=images, weights="init", seed=s)) for s, m in grid]


def bare(jobs: list[Job]) -> float:
    """Runs the jobs without a store, and returns the seconds."""
    run_job(jobs[0])  # imports and first calls
    start = time.perf_counter()
    for job in jobs:
        run_job(job)
    return time.perf_counter() - start


class Clock(Listener):
    """Records the time at which each job ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def ended(self, job: Job, row: dict, seconds: float) -> None:
        """Records the time."""
        self.ends.append(time.perf_counter())


def swept(jobs: list[Job], executor: Executor, slots: int, begun: float) -> tuple[float, float]:
    """Runs a sweep into an empty store; returns the seconds of start-up and the seconds per job afterwards."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        progress = run_sweep(jobs, Store(Path(folder) / "store", create=True), executor, listener=clock)
    assert progress.done == len(jobs), progress.failed
    # the first job of each slot pays for imports; from there on the slots are busy
    steady = clock.ends[2 * slots - 1 :]
    each = (steady[-1] - steady[0]) / (len(steady) - 1)
    return clock.ends[0] - begun - each * slots, each


def executor_named(name: str, slots: int) -> Executor:
    if name == "local":
        return LocalExecutor(jobs=slots)
    from diffstab.sweep.executors import RayExecutor

    return RayExecutor(cpus=1, jobs=None)


@click.command()
@click.option("--executor", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--count", default=200, show_default=True, help="Number of jobs.")
@click.option("--images", default=100, show_default=True, help="Number of images of each job.")
@click.option("--slots", default=2, show_default=True, help="Number of jobs at a time.")
@click.option("--rounds", default=3, show_default=True)
def main(executor: str, count: int, images: int, slots: int, rounds: int) -> None:
    jobs = small_jobs(count, images)
    alone, ratios, starts = [bare(jobs) / count], [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        start, each = swept(jobs, executor_named(executor, slots), slots, begun)
        alone.append(bare(jobs) / count)
        seconds = (alone[-2] + alone[-1]) / 2  # before and after, should the machine's speed drift
        starts.append(start)
        ratios.append(seconds / slots / each)
        click.echo(f"bare {seconds:.3f} s a job, swept {each:.3f} s a job, start-up {start:.1f} s", err=True)
    print(describe_machine(torch.device("cpu")))
    each = f"{statistics.median(alone):.3f} s each"
    print(f"{count} jobs of {images} images, {each}, {slots} at a time, executor {executor}")
    print(f"{statistics.median(ratios):.1%} of the ideal speed ({', '.join(f'{ratio:.1%}' for ratio in ratios)})")
    print(f"start-up {statistics.median(starts):.1f} s")


if __name__ == "__main__":
    main()
