"""Local workers: the same numbers, replaced when they die, gone with their executor."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.probes import probe
from support.swept import assert_equal_stores

from diffstab import Store
from diffstab.sweep.executors.local import LocalExecutor
from diffstab.sweep.run import run_sweep

pytestmark = pytest.mark.slow


def test_local_workers_give_the_same_keys_and_numbers(single, tmp_path):
    jobs, store = single
    other = Store(tmp_path / "s", create=True)
    progress = run_sweep(jobs, other, LocalExecutor(jobs=2))
    assert (progress.done, progress.failed) == (8, [])
    assert_equal_stores(other, store)


def test_loaders_have_processes_of_their_own_in_a_worker(spec, tmp_path):
    jobs = spec("measure: {model: fc_l4, images: 30, weights: init, workers: 2}").jobs
    progress = run_sweep(jobs, Store(tmp_path / "s", create=True), LocalExecutor(jobs=1))
    assert (progress.done, progress.failed) == (1, [])


def collected(executor, tasks, limit=60.0):
    """Rows of the tasks' ends, in the order of the tasks."""
    waiting, found, deadline = list(tasks), {}, time.monotonic() + limit
    while len(found) < len(tasks):
        assert time.monotonic() < deadline
        while waiting and executor.has_room():
            executor.submit(waiting.pop(0))
        for task, entries in executor.wait(1.0):
            found[task.job.id] = entries[0].row
    return [found[task.job.id] for task in tasks]


def test_a_worker_lives_from_job_to_job_and_is_replaced_when_it_dies(tmp_path):
    with LocalExecutor(jobs=1, threads=1) as executor:
        first, second = collected(executor, [probe("pid:1"), probe("pid:2")])
        assert first["pid"] == second["pid"] != os.getpid()
        (killed,) = collected(executor, [probe(f"die:{tmp_path / 'deaths'}")])
        assert (tmp_path / "deaths").read_text() == "xxx"
        assert killed["status"] == "failed"
        assert killed["error"]["type"] == "WorkerDied"
        assert (
            "died 3 times, the last time by SIGKILL (out of memory?); its last line: last words"
            in killed["error"]["message"]
        )
        (left,) = collected(executor, [probe("exit:3")])
        assert "exit status 3" in left["error"]["message"]
        (third,) = collected(executor, [probe("pid:3")])
        assert third["pid"] not in (first["pid"], os.getpid())


def test_no_worker_outlives_its_executor():
    with LocalExecutor(jobs=1, threads=1) as executor:
        (row,) = collected(executor, [probe("pid:1")])
    with pytest.raises(ProcessLookupError):
        os.kill(row["pid"], 0)


@pytest.mark.skipif(sys.platform == "win32", reason="sessions and signals of POSIX")
def test_no_worker_outlives_a_killed_parent_and_no_file_either(tmp_path):
    """Not even one in the middle of a long job."""
    script = f"""
import os, sys, time
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from support.probes import probe
from diffstab.sweep import LocalExecutor
executor = LocalExecutor(jobs=1, threads=1)
executor.submit(probe("sleep:100"))
words = executor._slots[0].worker._words.fileno()
while b"asleep" not in os.pread(words, 10**6, 0):
    time.sleep(0.05)
print("busy", flush=True)
time.sleep(100)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        assert parent.stdout.readline() == "busy\n"
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 20
        while True:
            try:
                os.killpg(parent.pid, 0)
            except ProcessLookupError:
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert list(tmp_path.iterdir()) == []
    finally:
        parent.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


def test_a_number_of_jobs_is_at_least_one():
    with pytest.raises(ValueError, match="jobs is 0; it must be at least 1"):
        LocalExecutor(jobs=0)
