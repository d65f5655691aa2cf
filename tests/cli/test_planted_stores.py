"""Reading, drawing, recomputing and going on in a stranger's store or folder runs nothing that was planted there."""

import os
import re
import shutil

import pytest
import torch
from support.hostile import assert_one_line
from support.measured_stores import measured
from support.planted import RUNS, Pickled, forget, heard, package, ran

from diffstab import Store
from diffstab.results import content_key
from diffstab.store.entry import Entry, measured_entry
from diffstab.sweep.spec import read_spec

READING = [
    "results list --store S", "results show KEY --store S", "results query --store S", "results check --store S",
    "results export --store S --format csv -o rows.csv", "results export --store S --format layers -o layers.csv",
    "results recompute --store S --average mean", "compare S --resamples 100", "report S -o report.html",
    "report S --atlas -o atlas.html", "results export --store S --format timm --for-spreadsheets",
    "results export --store S --format hub", "results query --store S R.value<9 --sort R.value",
    "measure lenet --images 20 --resamples 100 --baseline S --fail-if worse",
    "figure fig05-error --store S -o figures",
]  # fmt: skip
NAMED = [
    {"model": "os:system", "model_options": {"command": "touch PWNED"}, "weights": "own"},
    {"model": "planted.nets:build", "model_source": "python"},
    {"model": "SECRET.py:build", "weights": "SECRET.pt", "asked": {"checkpoint": "SECRET.pt"}},
    {"model": "local-dir:SECRET", "data_dir": "SECRET", "dataset": "folder", "training": {"job": "../../SECRET"}},
]
SPEC = "train: {model: fc_l2, recipe: laptop, epochs: 1, train_size: 100}"
FILES = ("checkpoint.pt", "checkpoint.previous.pt", "checkpoint.new.pt", "model.safetensors", "config.json")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with code and pickles that leave a mark when they run."""
    monkeypatch.chdir(tmp_path)
    package(tmp_path)
    (tmp_path / "SECRET.py").write_text(RUNS)
    torch.save(Pickled(), "SECRET.pt")
    yield tmp_path
    forget()


@pytest.fixture
def store(place):
    """Rows that name such code and files, with the raw values that they should have."""
    store = Store("S", create=True)
    for seed, columns in enumerate(NAMED):
        entry = measured_entry(measured(seed, resamples=100))
        row = {"asked": {}, **entry.row, **columns}
        store.add(Entry({**row, "key": content_key(row)}, entry.sidecars))
    store.close()
    return place / "S"


def everywhere(folder):
    """A pickle under every name that a training, a sweep or an executor may have left."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        torch.save(Pickled(), folder / name)
    (folder / "metrics.jsonl").write_text('{"epoch": 1}\n')


@pytest.mark.parametrize("words", READING)
def test_reading_rows_runs_and_opens_nothing_that_they_name(cli, store, words):
    key = Store(store).rows()[0]["key"]
    with heard() as opened:
        answer = cli(*words.replace("KEY", key).split())
    assert_one_line(answer)
    assert not ran()
    assert not [name for name in opened if re.search("SECRET|planted|touch", name)]


@pytest.mark.slow
def test_a_training_goes_on_from_no_planted_pickle(cli, place):
    everywhere(place / "out")
    words = "train --model fc_l2 --recipe laptop --epochs 1 --train-size 100 --output out"
    for more in ([], ["--resume"]):
        answer = cli(*words.split(), *more)
        assert answer.exit_code == 2
        assert_one_line(answer)
        assert "checkpoint 'out/checkpoint.pt' is truncated, damaged or not of a training" in answer.stderr
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        os.unlink(place / "out" / name)
    assert cli(*words.split()).exit_code == 0  # what else lies there is written over, unread
    assert not ran()


@pytest.mark.slow
def test_a_sweep_in_a_strangers_store_unpickles_nothing_of_it(cli, place, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(os.sys.path))
    (place / "spec.yaml").write_text(SPEC)
    (job,) = read_spec(place / "spec.yaml").jobs
    Store(place / "S", create=True).close()
    everywhere(place / "S" / "training" / job.id[:16])
    everywhere(place / "S" / "claims")
    words = ("sweep", "spec.yaml", "--store", "S", "--jobs", 1)
    assert cli(*words).exit_code == 1
    (row,) = Store("S").rows()
    assert "is truncated, damaged or not of a training" in row["error"]["message"]
    shutil.rmtree(place / "S" / "training")
    assert cli(*words, "--retry-failed").exit_code == 0
    assert not ran()
