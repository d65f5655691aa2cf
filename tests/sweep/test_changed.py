"""What is in the store counts while the network is the one that was measured, however it is called."""

import re
from pathlib import Path

import pytest
import torch
from support.measured_rows import row
from torch import nn

from diffstab import Store
from diffstab.options.measure import MeasureOptions
from diffstab.store.check import check
from diffstab.store.entry import Entry
from diffstab.sweep import changed
from diffstab.sweep.executors.base import InlineExecutor
from diffstab.sweep.executors.local import LocalExecutor
from diffstab.sweep.executors.ray import RayExecutor
from diffstab.sweep.jobs import measure_job
from diffstab.sweep.run import Listener, run_sweep
from diffstab.sweep.spec import read_spec

CODE = """
import torch
from torch import nn


def build():
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    net.load_state_dict(torch.load("w.pt"))
    return net
"""
SPEC = "measure: {{model: '{module}:build', images: 20, resamples: 100, seed: [0, 1]}}"
TRAIN = "train: {{model: '{module}:build', recipe: laptop, epochs: 1, train_size: 100}}\nmeasure: {{weights: train}}"


def write_weights(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    torch.save(net.state_dict(), "w.pt")


class Ear(Listener):
    def __init__(self):
        self.told = []

    def notes(self, text):
        self.told.append(text)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Runs a sweep over own code that loads w.pt by itself: (done, skipped, what was told, rows)."""
    monkeypatch.chdir(tmp_path)
    module = f"net_of_{tmp_path.name}"  # modules are imported once in a process
    (tmp_path / f"{module}.py").write_text(CODE)
    write_weights(0)

    def run(text=SPEC, executor=InlineExecutor, **options):
        (tmp_path / "sweep.yaml").write_text(text.format(module=module))
        store, ear = Store(tmp_path / "store", create=True), Ear()
        progress = run_sweep(read_spec(tmp_path / "sweep.yaml").jobs, store, executor(), listener=ear, **options)
        store.close()
        return progress, ear.told, Store(tmp_path / "store").rows()

    return run


def values(rows):
    return [row["R"]["value"] for row in rows]


def test_weights_that_own_code_loads_by_itself_decide_whether_a_cell_is_done(own):
    progress, _, before = own()
    assert (progress.done, progress.skipped) == (2, 0)
    progress, told, _ = own()
    assert (progress.done, progress.skipped, told) == (0, 2, [])
    write_weights(1)
    progress, told, after = own()
    assert (progress.done, progress.skipped) == (2, 0)
    assert all("the network has other weights than in the store; the cell is run again" in line for line in told)
    assert len(told) == len(after) == 2  # the rows before are not listed any more
    assert not {row["key"] for row in before} & {row["key"] for row in after}
    assert not set(values(before)) & set(values(after))
    assert own()[0].skipped == 2
    write_weights(0)
    assert sorted(values(own()[2])) == sorted(values(before))


def test_a_network_that_can_not_be_built_any_more_is_no_done_cell(own, tmp_path):
    own()
    (tmp_path / "w.pt").unlink()
    progress, told, rows = own()
    assert len(progress.failed) == 2
    assert "can't be built now (ValueError: model is" in told[0]
    assert [row["status"] for row in rows] == ["failed"] * 2  # which the old numbers would hide
    assert own()[0].failed_before == 2
    write_weights(0)
    progress, _, rows = own(retry_failed=True)
    assert progress.done == 2
    assert [row["status"] for row in rows] == ["done"] * 2
    assert not list(check(Store(tmp_path / "store")))


def executor_of(kind):
    return RayExecutor(jobs=1) if kind == "ray" else LocalExecutor(1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "ray"])
def test_executors_agree(own, kind, tmp_path, ray_environment, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # as in the processes of both
    own()
    write_weights(1)
    progress, _, rows = own(executor=lambda: executor_of(kind))
    assert not progress.failed, progress.failed[0]["error"]
    assert progress.done == len(rows) == 2
    assert own()[0].skipped == 2
    (tmp_path / "w.pt").unlink()
    progress, _, rows = own(executor=lambda: executor_of(kind))
    assert len(progress.failed) == 2
    assert [row["status"] for row in rows] == ["failed"] * 2


@pytest.mark.slow
def test_a_training_that_begins_from_other_weights_is_run_again_with_what_measures_it(own):
    assert own(TRAIN)[0].done == 2
    progress, told, before = own(TRAIN)
    assert (progress.skipped, told) == (2, [])
    write_weights(1)
    progress, told, after = own(TRAIN)
    assert progress.done == 2
    assert re.search("^note: train .*has other weights", told[0])
    assert "is trained again" in told[1]
    assert len(after) == len(before) == 2
    assert after[0]["checkpoint_sha256"] != before[0]["checkpoint_sha256"]
    assert own(TRAIN)[0].skipped == 2


def test_each_network_is_built_once(own, monkeypatch):
    own(SPEC.replace("[0, 1]", "0, cutoff: [3, 4, 5], draws: [1, 2]"))
    built = []
    monkeypatch.setattr("diffstab.measuring.network_hashes", lambda options: built.append(options) or (None, None))
    own(SPEC.replace("[0, 1]", "0, cutoff: [3, 4, 5], draws: [1, 2]"))
    assert len(built) == 1


def test_a_large_folder_of_weights_is_compared_too(tmp_path, monkeypatch):
    """Its files count by names and sizes, which weights of another training share."""
    (tmp_path / "model.safetensors").write_bytes(b"1234")
    job = measure_job(MeasureOptions(model=f"local-dir:{tmp_path}"))
    assert not changed._can_change(job)
    monkeypatch.setattr("diffstab.sweep.content.READ_UP_TO", 2)
    assert changed._can_change(job)


def test_networks_that_their_names_tell_are_not_built():
    jobs = [measure_job(MeasureOptions(model=model)) for model in ("fc_l4", "timm:resnet18.a1_in1k", "hf-hub:a/b")]
    assert not any(map(changed._can_change, jobs))


def test_weights_that_another_release_chose_are_told(tmp_path):
    """timm's usual tag of a name can be another one in another release."""
    store, jobs = Store(tmp_path, create=True), []
    for model in ("timm:resnet18", "timm:resnet18.a1_in1k"):
        jobs.append(measure_job(MeasureOptions(model=model)))
        more = {"model_source": "timm", "weights_tag": "a1_in1k", "versions": {"timm": "0.1"}}
        more |= {"weights_sha256": "a", "radius_average": "median"}
        one = {**row(model, weights="pretrained", **more), "job": jobs[-1].id}
        store.add(Entry(one))
    (note,) = changed.version_notes(jobs, store)
    assert note.startswith("note: 1 cells in the store have the weights that timm 0.1 chose")


def test_the_command_tells_it_before_and_after(cli, own, tmp_path):
    own()
    write_weights(1)
    name = f"net_of_{tmp_path.name}:build"
    words = ("sweep", tmp_path / "sweep.yaml", "--store", tmp_path / "store", "--dry-run", "--trust", name)
    assert "2 cells: 2 to run, 0 done" in cli(*words).stdout
    options = ("--images", 20, "--resamples", 100, "--seed", 0, "--store", tmp_path / "store")
    answer = cli("measure", "--model", name, *options)
    assert re.search("^kept in .*, in place of .*: the network or the images have changed", answer.stderr, re.M)
    assert "2 cells: 1 to run, 1 done" in cli(*words).stdout


def test_batches_count_for_a_network_that_mixes_their_images(own, tmp_path):
    """Their size is no part of a job's name, since nothing but measuring tells that it matters."""
    mixing = CODE.replace("    return net", "    return nn.Sequential(Mixed(), net)")
    mixing += "\n\nclass Mixed(nn.Module):\n    def forward(self, x):\n        return x - x.mean(0)\n"
    (file,) = tmp_path.glob("net_of_*.py")
    file.write_text(mixing)
    text = SPEC.replace("[0, 1]", "0, batch_size: SIZE")
    _, _, (first,) = own(text.replace("SIZE", "10"))
    assert (first["mixes_images"], first["batch_size"]) == (True, 10)
    assert own(text.replace("SIZE", "10"))[0].skipped == 1
    progress, told, (second,) = own(text.replace("SIZE", "5"))
    assert (progress.done, second["batch_size"]) == (1, 5)
    assert "the network was measured in batches of 10, whose images it mixes; the cell is run again" in told[0]
    assert first["R"] != second["R"]
