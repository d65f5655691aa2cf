"""Share of the ideal speed of a sweep in shards, one of which is killed on the way and started again.

python scripts/bench/bench_shards.py                     # 1,000 cells of 0.2 s in four processes

Each process is `diffstab sweep SPEC.yaml --store DIR --shard I/4 --jobs 1`. A cell waits most of its 0.2 s, so that the
processes need not share a processor's cores. What is ideal: the number of cells times the seconds of a cell, which is
timed bare in this process, divided by the number of processes. The time counts from the moment at which each process
has written its first row, and start-up is printed apart. At 40 % of the rows one process is killed, with its worker and
without warning, and the same command is started again. Its start-up can't be made up for, since its shard is its own:
the share of the ideal is told with the seconds until it goes on, and without them.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import chdir
from pathlib import Path

import click
import torch
from bench_sweep import bare
from benchmarking import describe_machine

from diffstab import Store
from diffstab.options import MeasureOptions
from diffstab.store.check import check
from diffstab.sweep import measure_job

NETWORK = """
import time
from torch import nn

class Waiting(nn.Module):
    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.out = seconds, nn.Linear(784, 10)

    def forward(self, x):
        time.sleep(self.seconds)
        return self.out(x.flatten(1))
"""
SPEC = """
measure:
  model: waiting.py:Waiting
  model_kwargs: seconds={seconds}
  images: 10
  resamples: 100
  seed: {seeds}
"""
FORWARDS = 6  # passes of a cell
KILLED_AT = 0.4  # share of the rows
PATIENCE = 600.0  # seconds


def seconds_of(cell: float) -> tuple[float, float]:
    """Returns the seconds that a pass has to wait, and those of a bare cell that does."""

    def timed(seconds: float, count: int = 20) -> float:
        told = {"model": "waiting.py:Waiting", "model_kwargs": {"seconds": seconds}, "images": 10, "resamples": 100}
        return bare([measure_job(MeasureOptions(**told, seed=seed)) for seed in range(count)]) / count

    seconds = round((cell - timed(0.0)) / FORWARDS, 4)
    return seconds, timed(seconds)


def started(shard: str) -> subprocess.Popen[str]:
    """Starts the command of a shard in a session of its own."""
    words = f"sweep spec.yaml --store store --jobs 1 --json --shard {shard}".split()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    return subprocess.Popen([sys.executable, "-m", "diffstab", *words], start_new_session=True, **pipes)


def rows() -> dict[str, int]:
    """Returns the number of rows by part file; each process writes one."""
    return {path.name: path.read_bytes().count(b"\n") for path in Path("store").glob("rows/*.jsonl")}


def wait_until(parts: int, count: int = 0) -> float:
    """Waits until so many processes have written a row, and so many rows are there in all; returns the time."""
    deadline = time.perf_counter() + PATIENCE
    while True:
        found = [number for number in rows().values() if number]
        now = time.perf_counter()
        if len(found) >= parts and sum(found) >= count:
            return now
        if now > deadline:
            raise click.ClickException(f"only {sum(found)} rows came in {PATIENCE:g} s")
        time.sleep(0.02)


@click.command()
@click.option("--count", default=1000, show_default=True, help="Number of cells.")
@click.option("--cell", default=0.2, show_default=True, help="Seconds of a cell.")
@click.option("--shards", default=4, show_default=True, help="Number of processes.")
@click.option("--kill/--no-kill", default=True, show_default=True, help="Kill a process and start it again.")
def main(count: int, cell: float, shards: int, kill: bool) -> None:
    """Time a sweep in shards."""
    os.environ["OMP_NUM_THREADS"] = "1"
    print(describe_machine(torch.device("cpu")), f"load {os.getloadavg()[0]:.1f}", sep="; ")
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("waiting.py").write_text(NETWORK)
        seconds, each = seconds_of(cell)
        Path("spec.yaml").write_text(SPEC.format(seconds=seconds, seeds=list(range(count))))
        begun = time.perf_counter()
        processes = {number: started(f"{number}/{shards}") for number in range(1, shards + 1)}
        first = wait_until(shards)
        there = sum(rows().values())
        again = 0.0
        if kill:
            dies = wait_until(shards, int(KILLED_AT * count))
            os.killpg(processes[2].pid, signal.SIGKILL)
            processes[2].communicate()
            processes[2] = started(f"2/{shards}")
            again = wait_until(shards + 1) - dies
        end = wait_until(shards, count)
        told = [json.loads(process.communicate()[0]) for process in processes.values()]
        kept = Store("store")
        lines, problems = sum(rows().values()), list(check(kept))
    assert (lines, problems, [one["failed"] for one in told]) == (count, [], [0] * shards), (lines, problems)
    ideal = (count - there) * each / shards
    print(f"{count} cells of {each:.3f} s in {shards} processes; each row is there once")
    print(f"start-up {first - begun:.1f} s" + (f", {again:.1f} s of the process that was killed" if kill else ""))
    taken = end - first
    print(f"{taken:.1f} s for {count - there} cells: {ideal / taken:.1%} of the ideal speed", end="")
    print(f", {ideal / (taken - again):.1%} without the second start-up" if kill else "")


if __name__ == "__main__":
    main()
