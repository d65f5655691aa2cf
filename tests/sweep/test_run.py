"""A sweep runs what is missing, once, and goes on after failures."""

import json

import pytest
from support.swept import assert_equal_stores

from diffstab import Store
from diffstab.statistics import binomial_interval
from diffstab.sweep.executors.base import Executor, Finished, InlineExecutor
from diffstab.sweep.jobs import run_job
from diffstab.sweep.run import Listener, run_sweep

pytestmark = pytest.mark.slow


def test_a_job_that_is_in_the_store_is_done(single):
    jobs, store = single
    size = len(list((store.folder / "rows").iterdir()))
    progress = run_sweep(jobs, Store(store.folder), InlineExecutor())
    assert (progress.skipped, progress.done) == (8, 0)
    assert len(list((store.folder / "rows").iterdir())) == size


def test_failures_stop_nothing_and_are_tried_again_on_request(spec, tmp_path):
    text = "measure: {model: [nonsuch, fc_l4, 'timm:nonsuch'], images: 30, cutoff: 3}"
    store = Store(tmp_path / "s", create=True)
    progress = run_sweep(spec(text).jobs, store, InlineExecutor())
    assert (progress.done, len(progress.failed)) == (1, 2)
    progress = run_sweep(spec(text).jobs, store, InlineExecutor())
    assert (progress.skipped, progress.failed_before, progress.done) == (3, 2, 0)
    progress = run_sweep(spec(text).jobs, store, InlineExecutor(), retry_failed=True)
    assert (progress.skipped, len(progress.failed)) == (1, 2)
    assert sorted(row["status"] for row in Store(store.folder).rows()) == ["done", "failed", "failed"]


def test_rows_are_handed_on_once_they_are_stored(spec, tmp_path):
    """Also those of failed cells; what the user's function raises stops nothing."""
    store, seen, told = Store(tmp_path / "s", create=True), [], []

    class Told(Listener):
        def notes(self, text):
            told.append(text)

    def on_row(row):
        assert Store(store.folder).row_of(row["job"])["key"] == row["key"]
        seen.append((row["model"], row["status"]))
        if row["status"] == "done":
            raise KeyError("run")

    cells = spec("measure: {model: [nonsuch, fc_l4], images: 30, cutoff: 3}").jobs
    progress = run_sweep(cells, store, InlineExecutor(), listener=Told(), on_row=on_row)
    assert (progress.done, len(progress.failed)) == (1, 1)
    assert sorted(seen) == [("fc_l4", "done"), ("nonsuch", "failed")]
    (note,) = [text for text in told if "on_row" in text]
    assert note.startswith("note: on_row fails for row ")
    assert note.endswith("(KeyError: 'run'); the row is stored")
    run_sweep(cells, store, InlineExecutor(), on_row=seen.append)
    assert len(seen) == 2  # nothing was new


def test_a_trained_network_is_measured_from_its_checkpoint(cli, spec, tmp_path):
    text = """
train: {model: fc_l4, epochs: 1, optimizer: adam, lr: 1e-3}
measure: {weights: train, images: 30, seed: [0, 1]}
"""
    store = Store(tmp_path / "s", create=True)
    progress = run_sweep(spec(text).jobs, store, InlineExecutor())
    assert (progress.done, progress.failed) == (3, [])
    trained, first, second = store.rows()
    assert trained["kind"] == "train"
    error = trained["test_error"]
    ends = binomial_interval(1000 * error["value"], 1000)
    assert error == {"value": error["value"], "low": ends.low, "high": ends.high, "images": 1000}  # all test images
    assert first["weights"] == second["weights"] == "train"
    assert first["training"]["job"] == trained["job"]
    assert first["weights_sha256"] == second["weights_sha256"]
    again = cli("measure", "--model", "fc_l4", "--images", "30", "--checkpoint", store.weights(trained), "--json")
    assert json.loads(again.stdout)["key"] == first["key"]
    assert json.loads(again.stdout)["R"] == pytest.approx(
        first["R"], rel=1e-5
    )  # a command takes all threads, a job one
    assert not any((store.folder / "training").iterdir())  # its state is not needed any more


def test_damaged_weights_are_trained_again_and_never_measured(spec, tmp_path):
    text = "train: {model: fc_l4, recipe: laptop, epochs: 1, seed: [0, 1]}\nmeasure: {weights: train, images: 30}"
    store = Store(tmp_path / "s", create=True)
    run_sweep(spec(text).jobs, store, InlineExecutor())
    trained = [row for row in store.rows() if row["kind"] == "train"]
    whole = [store.weights(row).read_bytes() for row in trained]
    store.weights(trained[1]).write_bytes(whole[0])
    again = spec(text.replace("images: 30", "images: 31")).jobs
    progress = run_sweep(again, Store(store.folder), InlineExecutor())
    assert (progress.skipped, progress.done, progress.failed) == (1, 3, [])
    assert [store.weights(row).read_bytes() for row in trained] == whole
    values = {row["R"]["value"] for row in Store(store.folder).rows() if row.get("images") == 31}
    assert len(values) == 2


def test_what_a_failed_training_was_for_fails_too(spec, tmp_path):
    text = "train: {model: fc_l4, epochs: 1, lr: 1e30, optimizer: adam}\nmeasure: {weights: train, images: 30}"
    store = Store(tmp_path / "s", create=True)
    progress = run_sweep(spec(text).jobs, store, InlineExecutor())
    assert [row["error"]["type"] for row in progress.failed] == ["ValueError", "TrainingFailed"]


class Rival(Executor):
    """Runs in this process; before each task, another sweep on the same store finishes the one after it."""

    def __init__(self, jobs, store):
        self.jobs, self.other, self.task, self.ran = jobs, Store(store.folder), None, []

    def has_room(self):
        return self.task is None

    def submit(self, task):
        self.task = task
        self.ran.append(task.job.id)

    def wait(self, seconds):
        task, self.task = self.task, None
        place = self.jobs.index(task.job)
        for job in self.jobs[place + 1 : place + 2]:
            for entry in run_job(job):
                self.other.add(entry)
        return [Finished(task, task.run())]

    def close(self):
        pass


def test_what_another_sweep_has_done_meanwhile_is_not_run(single, tmp_path):
    jobs, store = single
    mine = Store(tmp_path / "s", create=True)
    rival = Rival(jobs, mine)
    progress = run_sweep(jobs, mine, rival)
    assert (progress.done, progress.skipped) == (4, 4)
    assert rival.ran == [job.id for job in jobs[::2]]
    assert_equal_stores(Store(mine.folder), store)
    lines = [line for path in (mine.folder / "rows").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 8


def test_a_listener_hears_of_every_end(single, tmp_path):
    jobs, _ = single
    heard = []

    class Ear(Listener):
        def ended(self, job, row, seconds):
            heard.append((job.id, row["status"], seconds > 0))

    run_sweep(jobs[:2], Store(tmp_path / "s", create=True), InlineExecutor(), listener=Ear())
    assert heard == [(job.id, "done", True) for job in jobs[:2]]
