"""The Slurm executor: on submitit's local processes, and on commands that play Slurm."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from diffstab.options.measure import MeasureOptions
from diffstab.store.entry import Entry
from diffstab.store.store import Store
from diffstab.sweep.executors import slurm
from diffstab.sweep.executors.base import Executor, Task
from diffstab.sweep.executors.slurm import SlurmExecutor
from diffstab.sweep.executors.slurm_parameters import named_parameters
from diffstab.sweep.jobs import Job, measure_job

pytest.importorskip("submitit")
from support import fake_slurm
from support.odd_tasks import DeadlyTask, QuickTask, RaisingTask, SlowQuickTask

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Slurm's commands are on the path; its state is in this folder."""
    folder = tmp_path / "fake"
    folder.mkdir()
    fake_slurm.install(folder)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    monkeypatch.setitem(slurm.POLL, "slurm", 0.1)
    monkeypatch.setitem(slurm.GRACE, "slurm", 0.5)
    return folder


def job(seed: int = 0) -> Job:
    return measure_job(MeasureOptions(model="fc_l4", images=60, cutoff=3, seed=seed))


def run_all(
    executor: Executor, tasks: Sequence[Task], count: int | None = None, seconds: float = 120
) -> dict[str, Entry]:
    """Submits the tasks, and waits for so many rows: of all of them, or of those submitted before."""
    deadline, entries, left = time.monotonic() + seconds, {}, list(tasks)
    count = len(tasks) if count is None else count
    while len(entries) < count:
        while left and executor.has_room():
            executor.submit(left.pop(0))
        assert time.monotonic() < deadline, f"{len(entries)} of {count} ended within {seconds} s"
        for done, rows in executor.wait(0.5):
            assert done.job.id not in entries
            entries[done.job.id] = rows[-1]
    return entries


def begun(marks: Path, seconds: float = 120) -> int:
    deadline = time.monotonic() + seconds
    while not marks.exists() or not marks.read_text().endswith("\n"):
        assert time.monotonic() < deadline, "the task did not begin"
        time.sleep(0.05)
    return int(marks.read_text().split()[-1])


def lines(store: Store) -> list[str]:
    paths = sorted((store.folder / "rows").glob("*.jsonl"))
    return [line for path in paths for line in path.read_text().splitlines()]


def test_rows_are_in_the_store_and_equal(store: Store) -> None:
    tasks = [Task(job(0)), Task(job(1))]
    with SlurmExecutor(store.folder, cluster="local", per_task=2) as executor:
        assert executor.keeps_rows
        entries = run_all(executor, tasks)
    store.refresh()
    assert len(lines(store)) == 2
    for task in tasks:
        row, expected = store.row_of(task.job.id), task.run()[0].row
        assert entries[task.job.id].row == row
        assert row["key"] == expected["key"]
        assert row["R"]["value"] == pytest.approx(expected["R"]["value"], rel=1e-6)
        assert len(store.raw(row).deformation) == 60


def test_an_element_that_dies_fails_what_it_has_not_done(store: Store) -> None:
    tasks = [QuickTask(job(0)), DeadlyTask(job(1)), QuickTask(job(2))]
    for failures in (2, 3):  # the failed rows of the first time are no results of the second
        with SlurmExecutor(store.folder, cluster="local", jobs=1, per_task=3) as executor:
            entries = run_all(executor, tasks)
        error = entries[job(1).id].row["error"]
        assert error["type"] == "ElementDied"
        assert "before this task was done" in error["message"]
        store.refresh()
        assert [store.status(job(seed).id) for seed in (0, 1)] == ["done", "failed"]
        assert len(lines(store)) == 1 + failures + (failures == 3)
        tasks = [QuickTask(job(2)), QuickTask(job(0)), DeadlyTask(job(1))]
    assert store.status(job(2).id) == "done"


def test_a_preempted_element_goes_on_with_what_is_left(store: Store, tmp_path: Path) -> None:
    tasks = [QuickTask(job(0)), SlowQuickTask(job(1), marks=tmp_path / "marks"), QuickTask(job(2))]
    with SlurmExecutor(store.folder, cluster="local", per_task=3) as executor:
        for task in tasks:
            executor.submit(task)
        executor.wait(0)
        begun(tasks[1].marks)
        os.kill(begun(tasks[1].marks), signal.SIGUSR2)  # as Slurm does before it preempts
        entries = run_all(executor, [], count=3)
    first, slow, last = (entries[task.job.id].row["pid"] for task in tasks)
    assert first != slow == last
    assert tasks[1].marks.read_text().count("\n") == 2
    assert len(lines(store)) == 3


def test_what_is_done_is_left_out(store: Store) -> None:
    store.add(QuickTask(job(0)).run()[0])
    slurm.Element(store.folder, [RaisingTask(job(0)), QuickTask(job(1))], 1)()
    with SlurmExecutor(store.folder, cluster="local") as executor:
        assert run_all(executor, [RaisingTask(job(0))])[job(0).id].row["status"] == "done"
    assert len(lines(store)) == 2


@pytest.mark.parametrize("at_hand", [signal.default_int_handler, signal.SIG_IGN], ids=["heard", "ignored"])
def test_closing_ends_processes_on_this_machine(store: Store, tmp_path: Path, at_hand: Any) -> None:
    """Also where interrupts are ignored, as in the background of a script."""
    before = signal.signal(signal.SIGINT, at_hand)
    try:
        _close_while_running(store, tmp_path)
        assert signal.getsignal(signal.SIGINT) is at_hand
    finally:
        signal.signal(signal.SIGINT, before)


def _close_while_running(store: Store, tmp_path: Path) -> None:
    task = SlowQuickTask(job(0), marks=tmp_path / "marks")
    with SlurmExecutor(store.folder, cluster="local", jobs=1) as executor:
        executor.submit(task)
        assert not executor.has_room()
        executor.wait(0)
        process = begun(task.marks)
        start = time.monotonic()
    assert time.monotonic() - start < 5
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_an_array_on_slurm(store: Store, queue: Path) -> None:
    tasks: list[Task] = [QuickTask(job(0)), DeadlyTask(job(1)), QuickTask(job(2))]
    limits: dict[str, Any] = {"cpus": 3, "gpus": 1, "jobs": 2}
    with SlurmExecutor(store.folder, parameters={"partition": "gpu", "timeout_min": "240"}, **limits) as executor:
        entries = run_all(executor, tasks)
    script = (queue / "1000.sh").read_text()
    for line in ("--array=0-2%2", "--partition=gpu", "--time=240", "--cpus-per-task=3", "--gpus-per-node=1"):
        assert f"#SBATCH {line}\n" in script
    store.refresh()
    assert [store.status(task.job.id) for task in tasks] == ["done", "failed", "done"]
    message = entries[job(1).id].row["error"]["message"]
    assert message == (
        "job 1000_1 ended as OUT_OF_MEMORY before this task was done; its last line: "
        "slurmstepd: error: Detected 1 oom_kill event; see slurm/1000_1_0_log.err"
    )
    assert (store.folder / "slurm" / "1000_1_0_log.err").is_file()
    assert len(lines(store)) == 3


def test_slurm_goes_on_without_this_process_and_requeues(store: Store, queue: Path, tmp_path: Path) -> None:
    tasks = [QuickTask(job(0)), SlowQuickTask(job(1), marks=tmp_path / "marks"), QuickTask(job(2))]
    with SlurmExecutor(store.folder, per_task=3) as executor:
        for task in tasks:
            executor.submit(task)
        executor.wait(0)
    os.kill(begun(tasks[1].marks), signal.SIGUSR2)
    deadline = time.monotonic() + 20
    while len(store) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        store.refresh()
    assert len(lines(store)) == 3


def test_large_sweeps_share_elements(store: Store, queue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "LARGEST_ARRAY", 2)
    with SlurmExecutor(store.folder) as executor:
        for seed in range(5):
            executor.submit(QuickTask(job(seed)))
        executor.wait(0)
        assert [len(flight.tasks) for flight in executor._flights] == [3, 2]
        assert len(run_all(executor, [], count=5)) == 5
    assert "--array=0-1%" in (queue / "1000.sh").read_text()


def test_more_elements_than_an_array_takes(store: Store, queue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "LARGEST_ARRAY", 2)
    with SlurmExecutor(store.folder, per_task=1) as executor:
        assert len(run_all(executor, [QuickTask(job(seed)) for seed in range(3)])) == 3
    assert len(list(queue.glob("*.sh"))) == 2


def test_an_array_that_slurm_refuses(store: Store, queue: Path) -> None:
    with SlurmExecutor(store.folder, parameters={"partition": "closed"}) as executor:
        executor.submit(QuickTask(job(0)))
        with pytest.raises(ValueError, match=r"Slurm refuses the array job .sbatch: error: invalid partition"):
            executor.wait(0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cluster": "pbs"}, "cluster is 'pbs'; it must be one of slurm, local"),
        ({"jobs": 0}, "jobs is 0; it must be at least 1"),
        ({"cpus": 0}, "cpus is 0; it must be at least 1"),
        ({"gpus": -1}, "gpus is -1; it must be at least 0"),
        ({"per_task": 0}, "per_task is 0; it must be at least 1"),
        ({"parameters": {"partitoin": "gpu"}}, "partitoin is not a Slurm option; did you mean partition?"),
        ({"parameters": {"xyz": "gpu"}}, "xyz is not a Slurm option; known: account, "),
        ({"parameters": {"slurm_cpus_per_task": 4}}, "can't be given as a Slurm option: --cpus-per-job"),
        ({"parameters": {"time": "4:00:00"}}, "time is '4:00:00'; a number is needed"),
        ({"parameters": {"timeout_min": 0}}, "timeout_min is 0; it must be above 0"),
        ({"cluster": "slurm"}, "sbatch is not found; run on a Slurm login node"),
    ],
)
def test_arguments_that_are_refused(
    store: Store, arguments: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(store.folder))  # without Slurm
    with pytest.raises(ValueError, match=words):
        SlurmExecutor(store.folder, **{"cluster": "local", **arguments})


def test_parameters_by_all_their_names() -> None:
    given = {"partition": "a", "slurm_account": 12, "mem-gb": 16, "time": "90", "setup": "module load x", "qos": "q"}
    assert named_parameters({**given, "exclusive": "true"}) == {
        "slurm_partition": "a",
        "slurm_account": "12",
        "mem_gb": 16.0,
        "timeout_min": 90,
        "slurm_setup": ["module load x"],
        "slurm_qos": "q",
        "slurm_exclusive": True,
    }


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a store of results"):
        SlurmExecutor(tmp_path, cluster="local")


def test_a_store_whose_folder_of_logs_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = Store(tmp_path / "store", create=True).folder
    (folder / "slurm").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="slurm' is a link; nothing is written through it"):
        SlurmExecutor(folder, cluster="local")


def test_without_submitit_the_package_to_install_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ValueError, match=r"needs the package submitit: pip install 'diffstab\[slurm\]'"):
        SlurmExecutor(store.folder, cluster="local")


def test_a_row_that_the_store_does_not_take_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals, add = [ValueError("locked"), ValueError("locked")], Store.add
    naps: list[float] = []

    def reluctant(self: Store, entry: Entry, **options: Any) -> bool:
        if refusals:
            raise refusals.pop()
        return add(self, entry, **options)

    monkeypatch.setattr(Store, "add", reluctant)
    monkeypatch.setattr(time, "sleep", naps.append)
    slurm._add(store, QuickTask(job(0)).run()[0], None)
    assert store.status(job(0).id) == "done"
    assert naps == [1, 5]


def test_importing_the_module_imports_neither_submitit_nor_torch() -> None:
    code = "import sys, diffstab.sweep.executors.slurm as _; sys.exit(len({'submitit', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
