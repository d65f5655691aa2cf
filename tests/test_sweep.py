"""Sweeps: the cells that a file means, run once each, whatever the executor; bad files named by place."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from diffstab import Store
from diffstab.cli import main
from diffstab.options.measure import MeasureOptions
from diffstab.options.train import TrainOptions
from diffstab.store.entry import Entry
from diffstab.sweep.executors.base import Executor, Finished, InlineExecutor, Task
from diffstab.sweep.executors.local import LocalExecutor
from diffstab.sweep.jobs import measure_job, run_job, train_job
from diffstab.sweep.run import Listener, run_sweep
from diffstab.sweep.spec import read_spec

NUMBERS = ("D", "G", "R")
HUGE = ("seed", "images", "draws", "cutoff", "delta")


@pytest.fixture
def spec(tmp_path):
    """Writes a spec and reads it."""

    def read(text, **options):
        path = tmp_path / "sweep.yaml"
        path.write_text(text)
        return read_spec(path, **options)

    return read


def cells(spec, *names):
    return [tuple(getattr(job.options, name) for name in names) for job in spec.jobs]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


# the file


def test_lists_multiply(spec):
    text = "measure: {model: [fc_l4, resnet18], dataset: mnist5k, images: 100, cutoff: [3, 5], seed: [0, 1]}"
    found = cells(spec(text), "model", "cutoff", "seed", "images")
    assert found == [(model, c, seed, 100) for model in ("fc_l4", "resnet18") for c in (3, 5) for seed in (0, 1)]


def test_include_adds_and_exclude_drops(spec):
    found = spec("""
measure:
  model: [fc_l4, lenet]
  images: 50
  cutoff: [3, 5]
  include:
    - {model: resnet18, cutoff: [10, 15]}
  exclude:
    - {model: "l*", cutoff: 5}
    - {cutoff: 15.0}
    - {seed: 3}
""")
    assert cells(found, "model", "cutoff", "images") == [
        ("fc_l4", 3, 50),
        ("fc_l4", 5, 50),
        ("lenet", 3, 50),
        ("resnet18", 10, 50),  # keeps the grid's single values
    ]
    assert found.notes == ["measure.exclude[2] drops no cell"]


@pytest.mark.parametrize(
    ("grid", "pattern", "left"),  # jobs
    [
        ("weights: init", "{batch_norm: running}", 1),
        ("weights: init", "{batch-norm: batch}", 0),
        ("temperature: 0.1", "{delta: 1}", 1),
        ("delta: [null, 2]", "{delta: 1}", 1),
        ("convention: reference", "{cutoff_rule: disk}", 1),
        ("until_precision: 1e-3", "{until_precision: 0.001}", 0),
        ("cutoff: '5'", "{cutoff: 5}", 0),
        ("cutoff: 5", "{cutoff: 5e0}", 0),
        ("{delta: [null, 1], temperature: [null, 0.1]}", "{delta: 1, temperature: 0.1}", 2),
    ],
)
def test_exclude_sees_each_option_as_the_job_has_it(spec, grid, pattern, left):
    text = f"measure: {{{grid.strip('{}')}, exclude: [{pattern}]}}"
    if left:
        assert len(spec(text).jobs) == left
    else:
        with pytest.raises(ValueError, match="the grid is empty: exclude drops all of its 1 cells"):
            spec(text)


def test_include_alone_is_a_list_of_cells(spec):
    found = spec("measure: {include: [{model: fc_l4, cutoff: 3}, {model: lenet, cutoff: 5}]}")
    assert cells(found, "model", "cutoff") == [("fc_l4", 3), ("lenet", 5)]


def test_a_cell_that_comes_twice_is_one(spec):
    assert len(spec("measure: {cutoff: [3, 3.0], noise-radius: ensemble, include: [{}]}").jobs) == 1


def test_patterns_of_models_become_their_names(spec):
    timm = cells(spec("measure: {model: 'timm:resnet1?', weights: init}"), "model")
    assert ("timm:resnet18",) in timm
    assert all(name.startswith("timm:resnet1") and len(name) == 13 for (name,) in timm)
    assert cells(spec("measure: {model: 'fc_*'}"), "model") == [("fc_l2",), ("fc_l4",), ("fc_l6",)]
    tagged = cells(spec("measure: {model: 'timm:resnet18.*'}"), "model")
    assert ("timm:resnet18.a1_in1k",) in tagged
    (weighty,) = cells(spec("measure: {model: 'torchvision:resnet18'}"), "model")
    assert weighty == ("torchvision:resnet18",)


def test_a_measurement_takes_its_weights_from_each_training(spec):
    found = spec("""
train: {model: [fc_l4, lenet], epochs: 1, seed: [0, 1]}
measure: {weights: [init, train], cutoff: [3, 5], exclude: [{model: lenet, weights: init}]}
""")
    trainings = [job for job in found.jobs if job.kind == "train"]
    assert len(trainings) == 4
    taken = [job for job in found.jobs if job.trained_by]
    assert len(taken) == 8
    assert {job.trained_by.id for job in taken} == {job.id for job in trainings}
    assert all(job.options.model == job.trained_by.options.model for job in taken)
    assert len({job.id for job in taken}) == 8  # each training's weights are other ones
    fresh = [job for job in found.jobs if job.kind == "measure" and not job.trained_by]
    assert [(job.options.model, job.options.weights) for job in fresh] == [("fc_l4", "init")] * 2
    assert "weights=train" in str(taken[0])
    assert "train.epochs=1" in str(taken[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "measure: {cutof: 3}",
            "sweep.yaml: measure.cutof is not an option of diffstab measure; did you mean 'cutoff'?",
        ),
        ("mesure: {cutoff: 3}", "'mesure' is not a section; did you mean 'measure'?; allowed: train, measure"),
        (
            "measure: {include: [{}, {sed: 1}]}",
            "measure.include[1].sed is not an option of diffstab measure; did you mean",
        ),
        ("measure: {exclude: [{modell: x}]}", "measure.exclude[0].modell is not an option"),
        ("train: {epoch: 3}", "train.epoch is not an option of diffstab train; did you mean 'epochs'?"),
        ("train: {cutoff: 3}", "train.cutoff is not an option of diffstab train"),
        (
            "measure: {interpolation: [bilinear, bilinar]}",
            "measure.interpolation[1]: interpolation is 'bilinar'; allowed:",
        ),
        ("measure: {images: ten}", "measure.images: images is 'ten'; a whole number"),
        ("measure: {cutoff: []}", "measure.cutoff is an empty list, so the grid is empty"),
        ("measure: {cutoff: [[3]]}", "measure.cutoff[0] is [3]; one value is needed"),
        ("measure: {model: null}", "measure.model: model is None; leave it out to have its default, 'resnet18'"),
        ("measure: {images: [100, null]}", "measure.images[1]: images is None; leave it out"),
        ('measure: {model: "\\uD800"}', "holds surrogates"),
        (f"measure: {{cutoff: 1{'0' * 400}}}", "measure.cutoff: cutoff is inf; it must be a finite number"),
        ("measure: {cutoff: .nan}", "measure.cutoff: cutoff is nan"),
        ("measure: {seed: !!int ''}", "sweep.yaml"),
        ("measure: {seed: !!bool maybe}", "sweep.yaml"),
        ("measure: {seed: !!timestamp foo}", "sweep.yaml"),
        ("measure: {seed: 2020-01-01}", "measure.seed: seed is datetime.date(2020, 1, 1); a whole number"),
        ("measure: {cutoff: {a: 3}}", "measure.cutoff is {'a': 3}; one value is needed"),
        (
            "measure: {seed: [0, 1], exclude: [{seed: [0, 1]}]}",
            "measure: the grid is empty: exclude drops all of its 2 cells",
        ),
        (
            "measure: {delta: 1, temperature: 0.001}",
            "measure: delta is 1 and temperature is 0.001; give one of the two",
        ),
        ("measure: {include: {seed: 1}}", "measure.include is {'seed': 1}; a list of mappings"),
        ("measure: {include: [3]}", "measure.include[0] is 3; a mapping"),
        ("measure: 3", "measure is 3; a mapping"),
        ("measure: {weights: train}", "measure.weights is 'train' but there is no train: section"),
        ("train: {model: fc_l4}\nmeasure: {model: lenet, weights: train}", "measure: no training is of model 'lenet'"),
        (
            "train: {model: fc_l4}\nmeasure: {weights: train, checkpoint: x}",
            "weights is 'train' and there is a checkpoint",
        ),
        ("measure: {model: 'timm:zzz*'}", "measure.model is 'timm:zzz*'; no network matches it"),
        ("measure: {model: 'tim:*'}", "measure.model is 'tim:*'; allowed prefixes"),
        ("measure: {model: fc_l4, model: lenet}", "line 1, column 25: 'model' comes twice"),
        ("measure: {noise-radius: ensemble, noise_radius: ensemble}", "measure.noise_radius is given twice"),
        ("measure: {cutoff: [3,", "line 1, column"),
        ("a: &x [1]\nb: *x", "line 2, column 4: aliases"),
        ("measure: {3: 4}", "line 1, column 11: the key 3 is no name"),
        ("- 3", "holds a list; a mapping"),
        ("", "holds nothing; a mapping"),
        ("{}", "nothing to do; allowed: train, measure"),
        ("[" * 5000, "sweep.yaml"),
        (
            f"measure: {{seed: {list(range(40))}, images: {list(range(2, 42))}}}",
            "the grid has 1,600 cells, more than 1,000",
        ),
        (f"measure: {{{', '.join(f'{n}: {[*range(2, 99)]}' for n in HUGE)}}}", "the grid has 8,587,340,257 cells"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(spec, text, message):
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        spec(text)
    assert message in str(refused.value)
    assert "sweep.yaml" in str(refused.value)


def test_a_large_grid_needs_a_yes(spec):
    text = f"measure: {{model: fc_l4, seed: {list(range(1001))}}}"
    with pytest.raises(ValueError, match=r"1,001 cells, more than 1,000; say --yes"):
        spec(text)
    assert len(spec(text, confirm_above=None).jobs) == 1001


def test_a_file_that_can_not_be_read(tmp_path):
    with pytest.raises(ValueError, match="No such file"):
        read_spec(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no UTF-8 text"):
        read_spec(tmp_path / "binary.yaml")


# jobs


def test_stores_of_earlier_versions_still_answer():
    """The ids that jobs had before options were added; a change here makes every kept store run anew."""
    assert measure_job(MeasureOptions(model="lenet")).id.startswith("e01b5830b7bb6b9e93db4473")
    trained = TrainOptions(model="lenet", recipe="laptop")
    assert train_job(trained).id.startswith("21eb47a340d34cf82888c814")
    rule = TrainOptions(model="lenet", recipe="laptop", diffeo_cutoff_rule="half-integer")
    assert train_job(rule).id != train_job(trained).id


def test_a_jobs_id_is_what_is_asked_for_and_not_where_it_runs(tmp_path):
    usual = measure_job(MeasureOptions())
    assert measure_job(MeasureOptions(device="cpu", workers=2)).id == usual.id
    assert measure_job(MeasureOptions(delta=1.0, cutoff=3)).id == usual.id
    for other in ({"seed": 1}, {"cutoff": 5}, {"weights": "init"}, {"until_precision": 0.1}, {"model": "lenet"}):
        assert measure_job(MeasureOptions(**other)).id != usual.id
    assert measure_job(MeasureOptions(), train_job(TrainOptions())).id != usual.id
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "weights.pt").write_text("same")
    one, other = (MeasureOptions(checkpoint=str(tmp_path / name / "weights.pt")) for name in "ab")
    assert measure_job(one).id == measure_job(other).id  # by content
    before = measure_job(one).id
    (tmp_path / "a" / "weights.pt").write_text("else")
    assert measure_job(one).id != before
    folder = MeasureOptions(dataset="folder", data_dir=str(tmp_path))
    before = measure_job(folder).id
    (tmp_path / "a" / "more").write_text("")
    assert measure_job(folder).id != before


def test_files_that_can_not_be_read_are_told_apart(tmp_path):
    ids = {measure_job(MeasureOptions(checkpoint=str(tmp_path / name))).id for name in "ab"}
    assert len(ids) == 2
    ids = {measure_job(MeasureOptions(dataset="folder", data_dir=str(tmp_path / name))).id for name in "ab"}
    assert len(ids) == 2


def test_images_count_by_their_content(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_text("same" if name != "c" else "else")
    ids = [measure_job(MeasureOptions(dataset="folder", data_dir=str(tmp_path / name))).id for name in "abc"]
    assert ids[0] == ids[1] != ids[2]


def test_a_large_folders_files_count_by_name_and_size(tmp_path, monkeypatch):
    """Reading ImageNet to name a job would take an hour."""
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"one")
    options = MeasureOptions(dataset="folder", data_dir=str(folder))
    small = measure_job(options).id
    monkeypatch.setattr("diffstab.sweep.jobs.READ_UP_TO", 2)
    monkeypatch.setattr("diffstab.sweep.jobs._file_sha256", lambda *_: pytest.fail("a file was read"))
    large = measure_job(options).id
    assert large != small
    (folder / "1.png").write_bytes(b"two")
    assert measure_job(options).id == large
    (folder / "1.png").write_bytes(b"three")
    assert measure_job(options).id != large


def test_jobs_of_stores_kept_before_there_were_so_many_options_are_still_found():
    """The names that version 0.1.0 gave them before it knew of other data sets, preprocessing and precision."""
    assert measure_job(MeasureOptions()).id.startswith("918c7a718f1d4e93")
    fresh = MeasureOptions(model="lenet", weights="init", cutoff=5)
    assert measure_job(fresh).id.startswith("69fc2cda917cff3c")
    assert train_job(TrainOptions()).id.startswith("128c092ad291df57")
    for changed in ({"img_size": 40}, {"precision": "float64"}, {"amp": True}, {"num_classes": 3}, {"mean": 0.5}):
        assert measure_job(MeasureOptions(**changed)).id != measure_job(MeasureOptions()).id
    assert measure_job(MeasureOptions(download=True)).id == measure_job(MeasureOptions()).id


def test_a_local_networks_files_are_part_of_a_jobs_id(tmp_path):
    """The same files in another folder are the same network."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    ids = [measure_job(MeasureOptions(model=f"local-dir:{tmp_path / name}")).id for name in ("one", "two")]
    assert ids[0] == ids[1]
    (tmp_path / "two" / "config.json").write_text('{"architecture": "lenet"}')
    assert measure_job(MeasureOptions(model=f"local-dir:{tmp_path / 'two'}")).id != ids[0]


def test_what_changes_no_number_is_no_part_of_a_jobs_id(tmp_path):
    assert measure_job(MeasureOptions(batch_size=7)).id == measure_job(MeasureOptions()).id
    fresh = [measure_job(MeasureOptions(weights="init", batch_size=size)).id for size in (7, 128)]
    assert fresh[0] != fresh[1]  # the batch is part of the network
    (tmp_path / "w").write_text("")
    both = [MeasureOptions(checkpoint=str(tmp_path / "w"), weights=weights) for weights in ("init", "pretrained")]
    assert measure_job(both[0]).id == measure_job(both[1]).id


def test_a_job_that_fails_is_a_row_that_says_why():
    (entry,) = run_job(measure_job(MeasureOptions(model="nonsuch", images=30)))
    assert entry.row["status"] == "failed"
    assert entry.row["error"]["type"] == "ValueError"
    assert "none of paper, timm, torchvision has such a network" in entry.row["error"]["message"]
    assert entry.row["model"] == "nonsuch"


def test_an_unexpected_error_is_kept_with_its_place(monkeypatch):
    def broken(options):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("diffstab.measuring.by_name.measure_cell", broken)
    (entry,) = run_job(measure_job(MeasureOptions()))
    assert entry.row["error"]["type"] == "ZeroDivisionError"
    assert "in broken" in entry.row["error"]["traceback"]


# running


SMALL = "measure: {model: [fc_l4, lenet], images: 40, weights: init, cutoff: [3, 5], seed: [0, 1]}"


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The small sweep, run in this very process: its jobs and its store."""
    folder = tmp_path_factory.mktemp("single")
    (folder / "sweep.yaml").write_text(SMALL)
    jobs = read_spec(folder / "sweep.yaml").jobs
    store = Store(folder / "store", create=True)
    progress = run_sweep(jobs, store, InlineExecutor())
    assert (progress.done, progress.failed) == (8, [])
    return jobs, store


def test_a_job_that_is_in_the_store_is_done(single):
    jobs, store = single
    size = len(list((store.folder / "rows").iterdir()))
    progress = run_sweep(jobs, Store(store.folder), InlineExecutor())
    assert (progress.skipped, progress.done) == (8, 0)
    assert len(list((store.folder / "rows").iterdir())) == size


def test_local_workers_give_the_same_keys_and_numbers(single, tmp_path):
    jobs, store = single
    other = Store(tmp_path / "s", create=True)
    progress = run_sweep(jobs, other, LocalExecutor(jobs=2))
    assert (progress.done, progress.failed) == (8, [])
    assert_equal_stores(other, store)


def assert_equal_stores(one, other):
    """The same keys, and numbers within 1e-6."""
    rows, wanted = ({row["key"]: row for row in store.rows()} for store in (one, other))
    assert rows.keys() == wanted.keys()
    for key, row in rows.items():
        for name in NUMBERS:
            assert list(row[name].values()) == pytest.approx(list(wanted[key][name].values()), rel=1e-6)


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


def test_a_trained_network_is_measured_from_its_checkpoint(spec, tmp_path):
    text = """
train: {model: fc_l4, epochs: 1, optimizer: adam, lr: 1e-3}
measure: {weights: train, images: 30, seed: [0, 1]}
"""
    store = Store(tmp_path / "s", create=True)
    progress = run_sweep(spec(text).jobs, store, InlineExecutor())
    assert (progress.done, progress.failed) == (3, [])
    trained, first, second = store.rows()
    assert trained["kind"] == "train"
    assert first["weights"] == second["weights"] == "train"
    assert first["training"]["job"] == trained["job"]
    assert first["weights_sha256"] == second["weights_sha256"]
    again = run("measure", "--model", "fc_l4", "--images", "30", "--checkpoint", store.weights(trained), "--json")
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


def test_loaders_have_processes_of_their_own_in_a_worker(spec, tmp_path):
    jobs = spec("measure: {model: fc_l4, images: 30, weights: init, workers: 2}").jobs
    progress = run_sweep(jobs, Store(tmp_path / "s", create=True), LocalExecutor(jobs=1))
    assert (progress.done, progress.failed) == (1, [])


def test_what_a_failed_training_was_for_fails_too(spec, tmp_path):
    text = "train: {model: fc_l4, epochs: 1, lr: 1e30, optimizer: adam}\nmeasure: {weights: train, images: 30}"
    store = Store(tmp_path / "s", create=True)
    progress = run_sweep(spec(text).jobs, store, InlineExecutor())
    assert [row["error"]["type"] for row in progress.failed] == ["ValueError", "TrainingFailed"]


class Probe(Task):
    """A task that does something else than measuring."""

    def run(self, threads=1):
        kind, _, argument = self.job.options.model.partition(":")
        if kind == "pid":
            return [Entry({"status": "done", "pid": os.getpid(), "key": self.job.id})]
        if kind == "die":
            with open(argument, "a") as deaths:
                deaths.write("x")
            print("last", "words", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "sleep":
            print("asleep", file=sys.stderr)
            time.sleep(float(argument))
        os._exit(int(argument))


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


def probe(model):
    return Probe(measure_job(MeasureOptions(model=model)))


def test_a_worker_lives_from_job_to_job_and_is_replaced_when_it_dies(tmp_path):
    with LocalExecutor(jobs=1, threads=1) as executor:
        first, second = collected(executor, [probe("pid:1"), probe("pid:2")])
        assert first["pid"] == second["pid"] != os.getpid()
        (killed,) = collected(executor, [probe(f"die:{tmp_path / 'deaths'}")])
        assert (tmp_path / "deaths").read_text() == "xxx"
        assert killed["status"] == "failed"
        assert killed["error"]["type"] == "WorkerDied"
        assert (
            "died 3 times, the last time by SIGKILL (out of memory?); its last words: last words"
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
def test_no_worker_outlives_a_killed_parent():
    """Not even one in the middle of a long job."""
    script = f"""
import sys, time
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_sweep import LocalExecutor, probe
executor = LocalExecutor(jobs=1, threads=1)
executor.submit(probe("sleep:100"))
words = executor._slots[0].worker._words
while "asleep" not in open(words).read():
    time.sleep(0.05)
print("busy", flush=True)
time.sleep(100)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True)
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
    finally:
        parent.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


def test_a_number_of_jobs_is_at_least_one():
    with pytest.raises(ValueError, match="jobs is 0; it must be at least 1"):
        LocalExecutor(jobs=0)


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


# the command


def test_the_command_runs_a_sweep_and_goes_on(tmp_path):
    path, store = tmp_path / "sweep.yaml", tmp_path / "store"
    path.write_text("measure: {model: [fc_l4, nonsuch], images: 30, weights: init}")
    answer = run("sweep", path, "--store", store, "--dry-run")
    assert answer.exit_code == 0, answer.stderr
    assert "2 cells: 2 to run, 0 done, 0 failed" in answer.stdout
    assert not store.exists()
    answer = run("sweep", path, "--store", store)
    assert answer.exit_code == 1
    assert answer.stdout.startswith("2 cells: 1 done, 1 failed, 0 were in the store\n")
    lines = answer.stderr.splitlines()  # one per job
    assert len(lines) == 2
    assert any(line.startswith("done    measure fc_l4 images=30 weights=init: R_f ") for line in lines)
    assert any(
        line.startswith("failed  measure nonsuch images=30 weights=init: ValueError: model is") for line in lines
    )
    assert "1 done, 1 failed" in run("sweep", path, "--store", store, "--dry-run").stdout
    answer = run("sweep", path, "--store", store, "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert (told["cells"], told["skipped"], told["failed_before"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--executor", "rey"], "'rey' is not one of"),
        (["--ray-address", "x:1"], "--ray-address is for --executor ray, and the executor is local"),
        (["--slurm-option", "partition=gpu"], "--slurm-option is for --executor slurm"),
        (["--executor", "slurm", "--slurm-option", "partition"], "--slurm-option is 'partition'; NAME=VALUE is needed"),
        (["--executor", "slurm", "--cpus-per-job", "0.5"], "Slurm gives whole CPUs"),
        (["--jobs", "0"], "0 is not in the range"),
        (["--gpus-per-job", "0.5"], "--gpus-per-job is for --executor ray or slurm, and the executor is local"),
        (["--executor", "slurm", "--cpus-per-job", "inf"], "Slurm gives whole CPUs"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path, arguments, message):
    path = tmp_path / "sweep.yaml"
    path.write_text("measure: {model: fc_l4, images: 30}")
    answer = run("sweep", path, "--store", tmp_path / "store", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_store_that_can_not_be_written_is_refused_before_any_work(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text("measure: {model: fc_l4, images: 30}")
    answer = run("sweep", path, "--store", path / "store")
    assert answer.exit_code == 2
    assert "can't be made" in answer.stderr
