"""Several processes, as torchrun starts them, with Gloo: the weights of one process, but for the order of sums."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from diffstab.options.train import TrainOptions
from diffstab.processes import ALONE, Processes
from diffstab.training.epoch import PENALTY, Trainer, stream
from diffstab.training.loop import train

pytestmark = pytest.mark.slow

OPTIONS = {"model": "fc_l2", "recipe": "laptop", "epochs": 2, "train_size": 330, "batch_size": 51}


def torchrun(folder, *more):
    flags = [text for name, value in OPTIONS.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command += ["-m", "diffstab", "train", *flags, "--device", "cpu", "--output", str(folder), "--json", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def test_two_processes_give_the_weights_of_one(tmp_path):
    """297 images in batches of 51, whose parts are unequal and must be weighted. One line, one history.

    Deeper networks are no good here: within two epochs they may turn differences of rounding into others.
    """
    answer = torchrun(tmp_path)
    assert answer.returncode == 0, answer.stderr
    (line,) = answer.stdout.splitlines()
    row = json.loads(line)
    alone = train(TrainOptions(**OPTIONS))
    for name, value in load_file(tmp_path / "model.safetensors").items():
        torch.testing.assert_close(value, alone.network.state_dict()[name], rtol=1e-4, atol=1e-5)
    assert row["train_loss"] == pytest.approx(alone.train_loss, rel=1e-4)
    assert row["test_error"] == pytest.approx(alone.test_error, abs=2e-3)
    history = [json.loads(text) for text in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in history] == list(range(1, alone.epochs + 1))
    again = torchrun(tmp_path)  # a finished run is not trained again, by either
    assert json.loads(again.stdout)["seconds"] == row["seconds"]


def test_a_penalty_is_that_of_each_part_of_a_batch(tmp_path, monkeypatch):
    """As one process has it that sums, weighted, what both would have."""

    def loss_of_parts(self, state, images, labels, step):
        total = 0
        for rank in range(2):
            own, theirs = (Processes(rank, 2).own(one) for one in (images, labels))
            outputs = self.network(own)
            self.generator.manual_seed(stream(self.options.seed, state.epochs_done, step, f"{PENALTY} {rank}"))
            loss = self.loss(outputs, theirs) + self.penalty(self.network, own, outputs, self.generator)
            total += loss * len(theirs) / len(labels)
        return total

    answer = torchrun(tmp_path, "--penalty", "0.5")
    assert answer.returncode == 0, answer.stderr
    plain = train(TrainOptions(**OPTIONS))
    monkeypatch.setattr(Trainer, "_loss", loss_of_parts)
    alone = train(TrainOptions(**OPTIONS, penalty=0.5))
    for name, value in load_file(tmp_path / "model.safetensors").items():
        torch.testing.assert_close(value, alone.network.state_dict()[name], rtol=1e-4, atol=1e-5)
    assert alone.train_loss > plain.train_loss


def test_a_bad_option_ends_both(tmp_path):
    answer = torchrun(tmp_path, "--train-size", "333")
    assert answer.returncode != 0
    assert "train_size is 333, which 10 classes don't divide" in answer.stderr
    assert not answer.stdout


def test_parts_of_a_batch_make_the_whole():
    index = torch.arange(7)
    parts = [Processes(rank, 3).own(index) for rank in range(3)]
    assert sorted(torch.cat(parts).tolist()) == list(range(7))
    assert torch.equal(ALONE.own(index), index)
    assert ALONE.first
    assert not Processes(1, 2).first
