"""Sweeps that are killed, starved and doubled: no row is lost, doubled or torn, and the numbers are those of an
undisturbed run."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest

from diffstab import Store
from diffstab.store.check import check
from diffstab.sweep.executors.base import InlineExecutor
from diffstab.sweep.executors.local import LocalExecutor
from diffstab.sweep.run import Listener, run_sweep
from diffstab.sweep.spec import read_spec

SPEC = "measure: {model: fc_l4, images: 120, weights: [init, pretrained], cutoff: [3, 5, 8], seed: [0, 1, 2, 3]}"
CELLS = 24
LIMIT = 120.0  # seconds; for any one wait
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The spec's file, its jobs, and a store that was filled in one go."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = folder / "sweep.yaml"
    path.write_text(SPEC)
    jobs = read_spec(path).jobs
    store = Store(folder / "store", create=True)
    assert run_sweep(jobs, store, InlineExecutor()).done == CELLS
    return path, jobs, store


def assert_whole(folder, wanted):
    """Every cell once, whole, and with the values of the undisturbed store."""
    store = Store(folder)
    assert list(check(store)) == []
    lines = [line for path in (folder / "rows").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == len(wanted.rows())
    rows = {row["key"]: row for row in store.rows()}
    assert rows.keys() == {row["key"] for row in wanted.rows()}
    for row in wanted.rows():
        for name in ("D", "G", "R"):
            assert list(rows[row["key"]][name].values()) == pytest.approx(list(row[name].values()), rel=1e-6)


@contextmanager
def started(spec, folder, jobs=1, **options):
    """The command, in a session of its own; what is left of it ends with the test."""
    command = [sys.executable, "-m", "diffstab", "sweep", str(spec), "--store", str(folder), "--jobs", str(jobs)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, start_new_session=True, **pipes, **options)
    try:
        yield process
    finally:
        if alive(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def alive(session):
    """Whether a process of the session is left."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True


def lines(folder):
    return sum(path.read_bytes().count(b"\n") for path in (folder / "rows").glob("*.jsonl"))


def wait_until(true, process=None):
    deadline = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < deadline
        if process is not None and process.poll() is not None:
            return
        time.sleep(0.01)


def assert_goes_on(jobs, folder, wanted):
    """In this process, which needs no start."""
    kept = lines(folder)
    with closing(Store(folder)) as store:
        progress = run_sweep(jobs, store, InlineExecutor())
    assert (progress.done, progress.failed) == (len(jobs) - kept, [])
    assert_whole(folder, wanted)


def test_a_sweep_killed_at_random_moments_goes_on(undisturbed, tmp_path):
    spec, _, wanted = undisturbed
    folder, rng = tmp_path / "store", random.Random(0)
    for _ in range(2):
        with started(spec, folder, jobs=2) as process:
            before = lines(folder)
            enough = before + rng.randint(1, 4)  # by rows, not by time: machines differ
            wait_until(lambda enough=enough: lines(folder) >= enough, process)
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
            process.wait()
            kept = lines(folder)
            wait_until(lambda pid=process.pid: not alive(pid))  # its workers leave with it
            assert before < kept < CELLS
    with started(spec, folder) as process:
        out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, err
    assert f"{CELLS} cells: {CELLS - kept} done, 0 failed, {kept} were in the store" in out
    assert_whole(folder, wanted)


def test_workers_killed_at_random_moments_cost_nothing(undisturbed, tmp_path):
    _, jobs, wanted = undisturbed
    rng, executor = random.Random(1), LocalExecutor(jobs=2)
    killed = set()

    class Killer(Listener):
        def ended(self, job, row, seconds):
            victims = [slot.worker for slot in executor._slots if slot.worker and slot.task and slot.attempt == 1]
            if victims and len(killed) < 3 and rng.random() < 0.3:
                process = rng.choice(victims)._process
                time.sleep(rng.uniform(0, 0.1))
                process.kill()
                killed.add(process.pid)

    store = Store(tmp_path / "store", create=True)
    progress = run_sweep(jobs, store, executor, listener=Killer())
    assert len(killed) == 3
    assert (progress.done, progress.failed) == (CELLS, [])
    assert_whole(store.folder, wanted)


def small_files():
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (35_000, 35_000))


def test_a_full_disk_stops_a_sweep_in_one_line_and_it_goes_on(undisturbed, tmp_path):
    """A limit on the size of files cuts the write of a row short, as a full disk does."""
    spec, jobs, wanted = undisturbed
    folder = tmp_path / "store"
    with started(spec, folder, preexec_fn=small_files) as process:
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 2, err
    assert err.splitlines()[-1].startswith("Error: the store's ")
    assert "can't be written (File too large); the rows before are kept" in err
    assert "Traceback" not in err
    assert 0 < lines(folder) < CELLS
    assert list(check(Store(folder))) == []
    assert_goes_on(jobs, folder, wanted)


def test_a_disk_that_is_really_full(undisturbed, tmp_path):
    """A file system of 200 kB in memory; what is full first is a sidecar or a part file."""
    spec, jobs, wanted = undisturbed
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        folder = disk / "store"
        with started(spec, folder) as process:
            _, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 2, err
        assert "No space left on device" in err.splitlines()[-1]
        assert 0 < lines(folder) < CELLS
        assert list(check(Store(folder))) == []
        assert not [path for path in folder.rglob(".*") if path.name != ".lock"]  # no temporary file is left
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        assert_goes_on(jobs, folder, wanted)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_two_sweeps_at_once_on_one_store(undisturbed, tmp_path):
    spec, _, wanted = undisturbed
    folder = tmp_path / "store"
    with started(spec, folder) as one, started(spec, folder) as other:
        told = [process.communicate(timeout=LIMIT) for process in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], told
    done = [int(re.search(r"cells: (\d+) done", out).group(1)) for out, _ in told]
    assert sum(done) == CELLS  # none was run twice
    assert list((folder / "claims").iterdir()) == []
    assert_whole(folder, wanted)


def test_a_training_killed_in_between_goes_on_to_the_same_weights(tmp_path):
    text = "train: {model: fc_l4, epochs: 12, optimizer: adam, lr: 1e-3}\nmeasure: {weights: train, images: 30}"
    spec, folder, whole = tmp_path / "sweep.yaml", tmp_path / "store", Store(tmp_path / "whole", create=True)
    spec.write_text(text)
    jobs = read_spec(spec).jobs
    run_sweep(jobs, whole, InlineExecutor())
    with started(spec, folder) as process:
        wait_until(lambda: list(folder.glob("training/*/checkpoint.pt")), process)
        process.kill()
        process.wait()
        wait_until(lambda: not alive(process.pid))
    assert lines(folder) == 0
    assert list(folder.glob("training/*/checkpoint.pt"))
    run_sweep(jobs, Store(folder), InlineExecutor())
    for row, wanted in zip(Store(folder).rows(), whole.rows(), strict=True):
        for name in ("key", "checkpoint_sha256", "weights_sha256", "R"):
            assert row.get(name) == wanted.get(name)
