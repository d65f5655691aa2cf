"""Ray runs jobs to the same numbers, through dead workers, dead nodes and a lost cluster."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.odd_tasks import DeadlyTask, RaisingTask, SlowTask, TellingTask

from diffstab.options.measure import MeasureOptions
from diffstab.options.train import TrainOptions
from diffstab.store.entry import Entry
from diffstab.sweep.executors import ray as cluster_module
from diffstab.sweep.executors.base import Task
from diffstab.sweep.executors.ray import RayExecutor
from diffstab.sweep.jobs import measure_job, train_job

pytest.importorskip("ray")
import ray
from ray.cluster_utils import Cluster

# old releases of Ray leave log files and processes of its own to the garbage collector
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("ray_environment"),
]
QUICK_HEALTH = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    head = {"num_cpus": 2, "num_gpus": 1, "include_dashboard": False, "_system_config": QUICK_HEALTH}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def joined(cluster: Cluster) -> Iterator[RayExecutor]:
    """Joined to the cluster by its address; executors made in the tests find Ray initialised."""
    before = signal.signal(signal.SIGTERM, handler)
    with RayExecutor(address=cluster.address) as executor:
        assert signal.getsignal(signal.SIGTERM) is handler
        yield executor
    signal.signal(signal.SIGTERM, before)
    assert not ray.is_initialized()


def handler(*_: Any) -> None:
    """Of this process: Ray shall leave it in its place."""


def task(seed: int = 0) -> Task:
    return Task(measure_job(MeasureOptions(model="fc_l4", images=60, cutoff=3, seed=seed)))


def run_all(executor: RayExecutor, tasks: list[Task], seconds: float = 240) -> dict[str, Entry]:
    """The rows by job, of tasks that are submitted already."""
    deadline, entries = time.monotonic() + seconds, {}
    while len(entries) < len(tasks):
        assert time.monotonic() < deadline, f"{len(entries)} of {len(tasks)} ended within {seconds} s"
        for done, rows in executor.wait(0.5):
            entries[done.job.id] = rows[-1]
    return entries


def run_one(task: Task, **options: Any) -> dict[str, Any]:
    with RayExecutor(**options) as executor:
        executor.submit(task)
        return run_all(executor, [task])[task.job.id].row


def begun(marks: Path, times: int = 1, seconds: float = 120) -> int:
    """The process of the latest attempt."""
    deadline = time.monotonic() + seconds
    while not marks.exists() or marks.read_text().count("\n") < times:
        assert time.monotonic() < deadline, "the task did not begin"
        time.sleep(0.05)
    return int(marks.read_text().split()[-1])


def assert_equal(row: dict[str, Any], expected: dict[str, Any]) -> None:
    assert row["status"] == expected["status"], row.get("error")
    assert row["key"] == expected["key"]
    for name in ("R", "D", "G"):
        assert row[name]["value"] == pytest.approx(expected[name]["value"], rel=1e-6)


def closed_port() -> int:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        return int(other.getsockname()[1])


def test_ray_on_this_machine_gives_the_numbers_of_this_process() -> None:
    before = signal.getsignal(signal.SIGTERM)
    tasks = [task(seed) for seed in range(2)]
    with RayExecutor(jobs=2) as executor:
        assert ray.is_initialized()
        for each in tasks:
            assert executor.has_room()
            executor.submit(each)
        assert not executor.has_room()
        entries = run_all(executor, tasks)
        assert executor.has_room()
    assert not ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is before
    for each in tasks:
        assert_equal(entries[each.job.id].row, each.run()[0].row)
        assert entries[each.job.id].sidecars["raw"] == each.run()[0].sidecars["raw"]


def test_a_worker_that_is_killed_has_its_task_run_again(joined: RayExecutor, tmp_path: Path) -> None:
    slow = SlowTask(task().job, marks=tmp_path / "marks")
    joined.submit(slow)
    os.kill(begun(slow.marks), signal.SIGKILL)
    assert_equal(run_all(joined, [slow])[slow.job.id].row, task().run()[0].row)
    assert slow.marks.read_text().count("\n") == 2


def test_a_node_that_dies_has_its_tasks_run_elsewhere(cluster: Cluster, joined: RayExecutor, tmp_path: Path) -> None:
    tasks = [SlowTask(task(seed).job, marks=tmp_path / str(seed)) for seed in (0, 1)]
    lost = cluster.add_node(num_cpus=3)
    with RayExecutor(cpus=3) as executor:  # the head node has two
        assert executor._slots == 1
        executor.submit(tasks[0])
        begun(tasks[0].marks)
        spare = cluster.add_node(num_cpus=3)
        cluster.remove_node(lost, allow_graceful=False)
        executor.submit(replace(tasks[1], seconds=0))
        entries = run_all(executor, tasks)
    cluster.remove_node(spare)
    for each in tasks:
        assert_equal(entries[each.job.id].row, Task(each.job).run(threads=3)[0].row)
    assert tasks[0].marks.read_text().count("\n") == 2


def test_what_always_dies_and_what_raises_become_failed_rows(joined: RayExecutor) -> None:
    deadly, raising, usual = DeadlyTask(task(0).job), RaisingTask(task(1).job), task(2)
    for each in (deadly, raising, usual):
        joined.submit(each)
    entries = run_all(joined, [deadly, raising, usual])
    dead, raised = entries[deadly.job.id].row, entries[raising.job.id].row
    assert (dead["status"], raised["status"], entries[usual.job.id].row["status"]) == ("failed", "failed", "done")
    assert dead["error"]["type"] == "WorkerCrashedError"
    assert raised["error"]["type"] == "KeyError"
    assert "no such thing" in raised["error"]["message"]
    assert "odd_tasks.py" in raised["error"]["traceback"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cpus": 64}, "each task asks for 64 CPUs and 0 GPUs on one node; of 1 nodes the largest has 2 CPUs"),
        (
            {"gpus": 2},
            "asks for 1 CPUs and 2 GPUs on one node; of 1 nodes the largest has 2 CPUs and 1 GPUs, all toget",
        ),
        ({"cpus": 0}, "cpus is 0; a task needs more than 0"),
        ({"gpus": 1.5}, "gpus is 1.5; it must be a fraction of one, or a whole number"),
        ({"jobs": 0}, "jobs is 0; it must be at least 1"),
    ],
)
def test_a_request_that_no_node_can_meet_is_refused(joined: RayExecutor, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RayExecutor(**asked)
    assert ray.is_initialized()


def test_a_gpu_is_shared_by_fractions(joined: RayExecutor) -> None:
    with RayExecutor(cpus=0.5, gpus=0.5) as executor:
        assert executor._slots == 2
    assert run_one(TellingTask(task().job), gpus=0.5)["seen"]["gpus"] == "7"
    assert run_one(TellingTask(task().job))["seen"]["gpus"] == ""


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "slots"),
    [
        ([(4, 0), (8, 2)], 1, 0, 12),
        ([(4, 0), (8, 2)], 3, 0, 3),
        ([(4, 0), (8, 2)], 0.1, 0, 120),
        ([(4, 0), (8, 2)], 1, 0.4, 4),  # two on each GPU, none on both
        ([(4, 0), (8, 2)], 1, 0.1, 8),
        ([(4, 0), (8, 2)], 1, 2, 1),
        ([(4, 0), (8, 2)], 9, 0, 0),
        ([], 1, 0, 0),
    ],
)
def test_a_cluster_has_as_many_slots_as_its_nodes_fit(
    nodes: list[tuple[int, int]], cpus: float, gpus: float, slots: int
) -> None:
    alive = [{"Resources": {"CPU": float(c), **({"GPU": float(g)} if g else {})}} for c, g in nodes]
    assert cluster_module._slots(alive, cpus, gpus) == slots


def test_a_task_has_its_threads_folder_and_scratch(joined: RayExecutor, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    telling = TellingTask(task().job, scratch=tmp_path / "store" / "training" / "a")
    seen = run_one(telling, cpus=2)["seen"]
    assert seen == {"scratch": telling.scratch, "threads": 2, "folder": tmp_path, "gpus": ""}
    nowhere = TellingTask(task().job, scratch=tmp_path / "other" / "training" / "a")
    assert run_one(nowhere, cpus=0.5)["seen"] == {**seen, "scratch": None, "threads": 1}


def test_checkpoints_travel(joined: RayExecutor, tmp_path: Path) -> None:
    from diffstab.models.resolve import resolve_model
    from diffstab.models.sources import Shape

    network = resolve_model("fc_l4", Shape(1, 28, 28, 10), dataset="mnist5k", weights="init", seed=3).network
    given, trained, damaged = (tmp_path / name for name in ("given.pt", "trained.pt", "damaged.pt"))
    torch.save(network.state_dict(), given)
    torch.save(network.state_dict(), trained)
    damaged.write_bytes(given.read_bytes()[:1000])
    options = MeasureOptions(model="fc_l4", images=60, cutoff=3)
    training = train_job(TrainOptions(model="fc_l4", epochs=1))
    tasks = [
        Task(measure_job(replace(options, checkpoint=str(given)))),
        Task(measure_job(replace(options, checkpoint=str(damaged)))),
        Task(measure_job(replace(options, checkpoint=str(tmp_path / "none.pt")))),
        Task(measure_job(options, trained_by=training), checkpoint=trained),
    ]
    expected = [each.run()[0].row for each in tasks]
    for each in tasks:
        joined.submit(each)
    for path in (given, trained, damaged):
        path.unlink()
    entries = run_all(joined, tasks)
    rows = [entries[each.job.id].row for each in tasks]
    assert_equal(rows[0], expected[0])
    assert_equal(rows[3], expected[3])
    assert rows[0]["weights"] == str(given)
    assert rows[3]["weights"] == expected[3]["weights"]
    assert (rows[1]["error"], rows[2]["error"]) == (expected[1]["error"], expected[2]["error"])
    assert str(damaged) in rows[1]["error"]["message"]
    assert rows[1]["checkpoint"] == str(damaged)
    assert joined._shipped == {}


def silent_head(executor: RayExecutor, patch: pytest.MonkeyPatch) -> None:
    executor._head = ("127.0.0.1", closed_port())


def dead_home(executor: RayExecutor, patch: pytest.MonkeyPatch) -> None:
    executor._home = "of a node that is gone"


def no_fitting_node(executor: RayExecutor, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cluster_module, "_slots", lambda *_: 0)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (silent_head, r"is lost .Connection refused.; start it again and run the same command"),
        (dead_home, r"is lost .the node that this process belongs to has died.; start it again"),
        (no_fitting_node, r"each task asks for 1 CPUs and 0 GPUs on one node"),
    ],
)
def test_a_lost_cluster_is_told(
    joined: RayExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: Any, words: str
) -> None:
    for name, seconds in {"LOST_AFTER": 0.5, "PATIENCE": 0.5, "LOOK": 0.2}.items():
        monkeypatch.setattr(cluster_module, name, seconds)
    slow = SlowTask(task().job, marks=tmp_path / "marks")
    with RayExecutor() as executor:
        executor.submit(slow)
        process = begun(slow.marks)
        loss(executor, monkeypatch)
        start = time.monotonic()
        with pytest.raises(ValueError, match=words):
            executor.wait(20)
    assert time.monotonic() - start < 5
    with pytest.raises(ProcessLookupError):  # noqa: PT012
        while time.monotonic() < start + 20:  # closing ended the task, though Ray goes on
            os.kill(process, 0)
            time.sleep(0.05)


def test_a_lost_cluster_fails_no_task(joined: RayExecutor) -> None:
    with RayExecutor() as executor:
        executor.submit(DeadlyTask(task().job))
        executor._head = ("127.0.0.1", closed_port())
        with pytest.raises(ValueError, match="is lost"):
            executor.wait(20)
