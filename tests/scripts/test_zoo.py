"""The scripts: a training is kept as it was trained, and each tells its options."""

import hashlib
import json
import re
import subprocess
import sys

import plot_error_vs_rf
import pytest
import torch
import train_sota
import train_zoo
from benchmarking import medians
from maintain import keep_checkpoint, kept_rows
from safetensors.torch import load_file

from diffstab import Store
from diffstab.sweep.executors.base import InlineExecutor
from diffstab.sweep.run import run_sweep
from diffstab.sweep.spec import read_spec

pytestmark = pytest.mark.slow

TINY_ZOO = """
train: {recipe: laptop, epochs: 1, train_size: 500, seed: [0, 1], model: [fc_l2, fc_l4, fc_l6]}
measure:
  weights: train
  images: 80
  include: [{weights: init, seed: [0, 1]}]
"""


def test_what_train_sota_leaves_is_kept(cli, tmp_path, monkeypatch):
    options = "train_sota.py --model fc_l4 --recipe laptop --epochs 1 --device cpu --output"
    monkeypatch.setattr(sys, "argv", [*options.split(), str(tmp_path / "run")])
    with pytest.raises(SystemExit) as end:
        train_sota.main()
    assert end.value.code == 0
    monkeypatch.setattr(keep_checkpoint, "PRETRAINED", tmp_path)
    answer = cli(str(tmp_path / "run" / "checkpoint.pt"), command=keep_checkpoint.main)
    assert answer.exit_code == 0
    (entry,) = json.loads((tmp_path / "manifest.json").read_text())["checkpoints"]
    assert (entry["model"], entry["recipe"]["lr"]) == ("fc_l4", 0.001)
    trained, kept = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "fc_l4-mnist5k"))
    for name, value in trained.items():
        assert torch.equal(kept[name], value.half() if value.ndim > 1 else value)
    configs = [(tmp_path / name / "config.json").read_text() for name in ("run", "fc_l4-mnist5k")]
    assert configs[0] == configs[1]


@pytest.fixture
def tiny_zoo(tmp_path, monkeypatch):
    path = tmp_path / "zoo_tiny.yaml"
    path.write_text(TINY_ZOO)
    monkeypatch.setitem(train_zoo.ZOO, "laptop", path)
    for module in (kept_rows, keep_checkpoint):
        monkeypatch.setattr(module, "PRETRAINED", tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    return path


def run_zoo(cli, store, *more):
    return cli("--store", str(store), "--jobs", "1", *more, command=train_zoo.main)


def relation(cli, results, folder):
    folder.mkdir()
    answer = cli(str(results), "-o", str(folder / "f.png"), "--json", command=plot_error_vs_rf.main)
    assert answer.exit_code == 0, answer.stderr
    told = json.loads(answer.stdout)
    return {name: told[name] for name in told.keys() - {"files"}}, (folder / "f.csv").read_text()


def test_a_zoo_that_was_killed_ends_in_the_same_table(cli, tiny_zoo, tmp_path):
    """Killed after three rows, without a warning; then the script, the figure, and what is kept."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "diffstab", "sweep", str(tiny_zoo), "--store", str(killed), "--jobs", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as sweep:
        done = 0
        while done < 3:  # between them lines of progress, on a busy machine
            line = sweep.stderr.readline()
            assert re.match(r"done |\d+ done, \d+ running, 0 failed", line)
            done += line.startswith("done")
        sweep.kill()
    before = sum(len(path.read_text().splitlines()) for path in killed.glob("rows/*.jsonl"))
    assert 3 <= before < 18
    answer = run_zoo(cli, killed)
    assert answer.exit_code == 0, answer.stderr
    run_sweep(read_spec(tiny_zoo).jobs, Store(whole, create=True), InlineExecutor())
    (first, rows), (second, same) = (
        relation(cli, store, tmp_path / f"figure-{store.name}") for store in (killed, whole)
    )
    assert first == second
    assert rows == same
    assert first["networks"] == 3

    assert run_zoo(cli, killed, "--keep").exit_code == 0
    kept = tmp_path / "kept"
    entries = json.loads((kept / "manifest.json").read_text())["checkpoints"]
    assert [(entry["model"], entry["seed"], entry["recipe"]["epochs"]) for entry in entries] == [
        (name, 0, 1) for name in ("fc_l2", "fc_l4", "fc_l6")
    ]
    for entry in entries:
        content = (kept / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert relation(cli, kept / "zoo-mnist5k.csv", tmp_path / "figure-csv") == (first, rows)


def test_the_zoo_of_fashion_is_whole_seeds_of_the_papers_networks_by_one_rule():
    jobs = read_spec(train_zoo.ZOO["fashion"]).jobs
    trained = [job.options for job in jobs if job.kind == "train"]
    networks = {job.options.model for job in read_spec(train_zoo.ZOO["laptop"]).jobs}
    assert [options.seed for options in trained] == [seed for seed in range(5) for _ in networks]
    for seed in range(5):
        assert {options.model for options in trained if options.seed == seed} == networks
    assert {(options.train_size, options.select, options.holdout) for options in trained} == {(None, "last", 0)}
    assert {(options.schedule, options.batch_size) for options in trained} == {("cosine", 64)}
    measured = [job for job in jobs if job.kind == "measure"]
    assert len(measured) == 2 * len(trained)
    assert {job.options.images for job in measured} == {2000}
    assert len({job.trained_by.id for job in measured if job.trained_by}) == len(trained)


def test_a_zoo_tells_bad_input_in_one_line(cli, tiny_zoo, tmp_path):
    answer = run_zoo(cli, tmp_path / "zoo", "--executor", "abacus")
    assert answer.exit_code == 2
    assert len(answer.stderr.splitlines()) == 1
    assert "'abacus' is not one of" in answer.stderr


def test_medians_time_each_rival_in_turn():
    calls = []
    rivals = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    seconds = medians(rivals, rounds=2, warmup=1)
    rounds = ["".join(sorted(calls[k : k + 2])) for k in (0, 2, 4)]
    assert rounds == ["ab"] * 3  # each once a round, in any order
    assert len(calls) == 6
    assert set(seconds) == {"a", "b"}
    assert min(seconds.values()) >= 0


@pytest.mark.parametrize(
    "name",
    [
        "bench_deform",
        "bench_pages",
        "bench_measure",
        "bench_train",
        "keep_checkpoint",
        "measure_pretrained",
        "train_zoo",
    ],
)
def test_scripts_tell_their_options(cli, name):
    assert cli("--help", command=__import__(name).main).exit_code == 0
