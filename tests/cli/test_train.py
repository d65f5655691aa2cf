"""`diffstab train`: options reach the training, signals stop it, bad input is one line."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from inspect import signature
from types import SimpleNamespace

import pytest
import torch

from diffstab.cli import main
from diffstab.options.train import TrainOptions
from diffstab.training.loop import train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
FAST = "train --recipe laptop --model fc_l4 --epochs 2 --train-size 1000 --batch-size 500 --device cpu".split()
KEPT = {"checkpoint.pt", "checkpoint.previous.pt", "metrics.jsonl", "model.safetensors", "config.json"}


def test_the_command_has_the_options_of_train_options_and_their_defaults():
    given = {option.name: option.default for option in main.commands["train"].params}
    told = {"network", "output", "resume", "tensorboard", "wandb", "as_json"}
    usual = {one.name: one.default for one in signature(TrainOptions).parameters.values()}
    assert given.keys() - told == usual.keys()
    del usual["trust"]  # which can be repeated, so that click has a default of its own
    assert {name: given[name] for name in usual} == usual


def test_a_trained_folder_is_measured(cli, tmp_path):
    answer = cli(*FAST, "--output", tmp_path, "--json")
    assert answer.exit_code == 0
    row = json.loads(answer.stdout)
    assert (row["model"], row["lr"], row["epochs"], row["device"]) == ("fc_l4", 1e-3, 2, "cpu")
    assert row["weights"] == str(tmp_path / "model.safetensors")
    # 900 images in 2 steps an epoch, 16 steps as two epochs over 3,600 images have
    assert [line[:19] for line in answer.stderr.splitlines()] == [f"epoch {k} of 8  loss " for k in range(1, 9)]
    assert all("validation error" in line and "left" in line for line in answer.stderr.splitlines())
    assert {file.name for file in tmp_path.iterdir()} == KEPT
    history = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in history] == list(range(1, 9))
    assert history[-1].keys() == {"epoch", "steps", "lr", "loss", "validation_error", "seconds"}
    assert history[-1]["steps"] == 16
    measured = cli(*"measure --model fc_l4 --images 20 --device cpu --json --checkpoint".split(), row["weights"])
    assert measured.exit_code == 0
    again = cli(*FAST, "--output", tmp_path)
    assert again.stderr == ""
    assert f"test error {row['test_error']:.1%}; {row['weights']}\n" in again.stdout


def test_the_last_line_is_of_the_epoch_that_is_kept(cli, tmp_path, monkeypatch):
    errors = iter([0.4, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.25])  # of eight epochs, then on the test images
    monkeypatch.setattr("diffstab.training.loop.measure_error", lambda *_: next(errors))
    answer = cli(*FAST, "--output", tmp_path)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert f"epoch 2 of 8, seed 0: loss {losses[1]:.4f}, test error 25.0%" in answer.stdout
    monkeypatch.setattr("diffstab.training.loop.measure_error", lambda *_: 0.25)
    row = json.loads(cli(*FAST, "--output", tmp_path, "--json").stdout)
    assert (row["epoch"], row["epoch_loss"], row["train_loss"]) == (2, losses[1], losses[7])


def test_every_option_reaches_the_training(cli, tmp_path):
    given = {"model": "fc_l2", "dataset": "mnist5k", "recipe": "reference", "epochs": 1, "train_size": 200,
             "label_noise": 0.1, "seed": 3, "batch_size": 90, "optimizer": "sgd", "lr": 0.05, "head_lr": 0.01,
             "momentum": 0.5, "weight_decay": 0.01, "schedule": "exponential", "cosine_span": 0.5, "gamma": 0.5,
             "start": "init", "translate": 2, "diffeo_temperature": 1e-3, "diffeo_cutoff": 5.0, "loss": "soft-hinge",
             "diffeo_cutoff_rule": "half-integer", "penalty": 0.01,
             "alpha": 2.0, "select": "test", "holdout": 0.2, "ema": 0.5, "stability_images": 20}  # fmt: skip
    flags = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", value)]
    on = ("decay_vectors", "flip", "bfloat16", "channels_last")
    flags += [f"--{name.replace('_', '-')}" for name in on] + ["--no-compile"]
    answer = cli("train", *flags, "--device", "cpu", "--json", "--output", tmp_path)
    assert answer.exit_code == 0, answer.stderr
    row = json.loads(answer.stdout)
    given |= dict.fromkeys(on, True) | {"compile": False}
    assert given.keys() == {f.name for f in fields(TrainOptions)} - {"data_dir", "download", "device", "trust"}
    assert {name: row[name] for name in given} == given
    assert (tmp_path / "model.safetensors").read_bytes() == train(TrainOptions(**given)).weights()
    history = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in history if "R" in line] == [0, 1, 2, 4, 8, 15]
    assert [line["R"] is None for line in history if "R" in line] == [True] + [False] * 5  # 0 / 0 before the first step


@pytest.mark.parametrize("asked", ["--train-size 4005", "--model fc_l3", "--dataset photos", "--start imagenet"])
def test_what_can_not_be_had_makes_no_folder(cli, tmp_path, asked):
    assert cli(*FAST, *asked.split(), "--output", tmp_path / "run").exit_code == 2
    assert not (tmp_path / "run").exists()


def test_resume_needs_a_checkpoint(cli, tmp_path):
    answer = cli(*FAST, "--output", tmp_path, "--resume")
    assert answer.exit_code == 2
    assert f"nothing to resume: '{tmp_path}' holds no checkpoint.pt" in answer.stderr
    assert not list(tmp_path.iterdir())
    assert cli(*FAST, "--output", tmp_path).exit_code == 0
    assert cli(*FAST, "--output", tmp_path, "--resume").exit_code == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_writes_the_checkpoint_and_exits(cli, tmp_path, number, status):
    """Within an epoch; the same command then gives the weights of a run that was never stopped, bit for bit."""
    command = [*FAST, "--batch-size", "10"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    called = [sys.executable, "-m", "diffstab", *command, "--output", str(tmp_path / "stopped")]
    with subprocess.Popen(called, stderr=subprocess.PIPE, text=True, env=environment) as running:
        first = running.stderr.readline()
        running.send_signal(number)
        told = running.stderr.read()
    assert running.returncode == status, told
    assert first.startswith("epoch 1 of 8")
    assert "stopped in epoch" in told.splitlines()[-1]
    assert "the same command goes on" in told
    state = torch.load(tmp_path / "stopped" / "checkpoint.pt")
    assert 0 < state["step"] < 90
    assert state["epochs_done"] < 8
    for name in ("stopped", "whole"):
        assert cli(*command, "--output", tmp_path / name).exit_code == 0
    stopped, whole = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("stopped", "whole"))
    assert stopped == whole
    histories = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("stopped", "whole")]
    lines = [[{**json.loads(line), "seconds": 0} for line in history] for history in histories]
    assert lines[0] == lines[1]


def test_tensorboard_gets_every_epoch(cli, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert cli(*FAST, "--tensorboard", "--output", tmp_path).exit_code == 0
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    history = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    logged = [(event.step, event.value) for event in events.Scalars("loss")]
    assert logged == [(line["epoch"], pytest.approx(line["loss"], rel=1e-6)) for line in history]


def test_wandb_is_told_every_epoch(cli, tmp_path, monkeypatch):
    """A stand-in for its package, which wants an account; the real one is asked for the same two calls."""
    told = []

    class Run:
        def log(self, line, step):
            told.append((step, line["loss"]))

        def finish(self):
            told.append("finished")

    def init(*, project, dir, config, resume):
        assert (project, config["model"], resume) == ("stability", "fc_l4", "allow")
        return Run()

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    assert cli(*FAST, "--wandb", "stability", "--output", tmp_path).exit_code == 0
    assert [entry[0] for entry in told[:-1]] == list(range(1, 9))
    assert told[-1] == "finished"


@pytest.mark.parametrize("package", ["wandb", "tensorboard"])
def test_a_missing_logger_is_told(cli, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, "wandb" if package == "wandb" else "torch.utils.tensorboard", None)
    asked = ["--wandb", "stability"] if package == "wandb" else ["--tensorboard"]
    answer = cli(*FAST, *asked, "--output", tmp_path)
    assert answer.exit_code == 2
    assert answer.stderr == f"Error: {package} is not installed; pip install 'diffstab[logging]'\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lr", "0"], "lr is 0; it must be above 0"),
        (["--epochs", "0"], "epochs is 0; it must be at least 1"),
        (["--model", "fc_l3"], "model is 'fc_l3'"),
        (["--dataset", "photos"], "dataset is 'photos'; training needs labelled images"),
        (["--dataset", "mnits"], "dataset is 'mnits'; allowed: mnist5k"),
        (["--device", "abacus"], "device is 'abacus'"),
        (["--optimizer", "lbfgs"], "'lbfgs' is not one of 'sgd', 'adam'"),
        (["--lr", "1e30", "--optimizer", "sgd"], "lower lr, which is 1e+30"),
        (["--output", ""], "output is ''"),
        (["--recipe", "papre"], "'papre' is not one of 'paper', 'transfer', 'reference', 'laptop'"),
        (["--train-size", "5000"], "train_size is 5000, and there are 4000 training images; take at most as many"),
        (["--train-size", "1005"], "train_size is 1005, which 10 classes don't divide; take 1000 or 1010"),
        (["--train-size", "10"], "holdout is 0.1, which is no image of 10 with 10 classes"),
        (["--holdout", "0"], "holdout is 0, which leaves no image to select the epoch by; raise it or use select last"),
        (["--holdout", "1"], "holdout is 1; it must be below 1"),
        (["--holdout", "0.999"], "leaves none of 1000 images to train on"),
        (["--label-noise", "1.5"], "label_noise is 1.5; it must be below 1"),
        (["--alpha", "0"], "alpha is 0; it must be above 0"),
        (["--alpha", "10", "--model", "vgg11_bn-w0.1"], "alpha is 10 and the network has BatchNorm2d"),
        (["--diffeo-temperature", "0.01", "--diffeo-cutoff", "1"], "cutoff is 1"),
        (["--start", "imagenet"], "torchvision has no network 'fc_l4', so no published weights"),
        (["--model", "resnet18-w0"], "a factor from 0.001 to 100 is needed after -w"),
        (["--stability-images", "1"], "stability_images is 1"),
    ],
)
def test_bad_input_is_one_line_and_status_2(cli, tmp_path, options, message):
    answer = cli(*FAST, "--output", tmp_path, *options)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("Error: ")
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
