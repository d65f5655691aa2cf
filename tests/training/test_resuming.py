"""A stopped run goes on bit for bit, and a failed write leaves the last checkpoint."""

import json
import math
import os
import resource
import signal
from dataclasses import replace

import pytest
import torch
from support.stopped_runs import OPTIONS, stop_after, stopped_and_resumed

from diffstab.models.load import load_model
from diffstab.training.epoch import NotFiniteError, Trainer, TrainingStoppedError
from diffstab.training.loop import train

KEPT = {"checkpoint.pt", "checkpoint.previous.pt", "metrics.jsonl"}
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread", "few_digits")]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, optimizer):
    options = replace(OPTIONS, optimizer=optimizer)
    whole = train(options, folder=tmp_path / "whole")
    # two epochs are left: the second needs the schedule's state, not only the optimiser's
    resumed = stopped_and_resumed(options, tmp_path / "deep" / "stopped")
    assert resumed == whole
    assert resumed.weights() == whole.weights() == train(options).weights()
    assert {file.name for file in (tmp_path / "deep" / "stopped").iterdir()} == KEPT


@pytest.mark.parametrize("last", [1, 2])
def test_a_stopped_run_with_dropout_goes_on_to_the_same_weights(tmp_path, dropout_net, last):
    whole = train(OPTIONS)
    torch.rand(last)  # a resumed run starts in another process: nothing may hang on the global generator
    assert stopped_and_resumed(OPTIONS, tmp_path, last).weights() == whole.weights()


def test_a_stopped_run_in_bfloat16_goes_on_to_the_same_weights(tmp_path):
    options = replace(OPTIONS, model="lenet", bfloat16=True, epochs=2)
    assert stopped_and_resumed(options, tmp_path).weights() == train(options).weights()


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = train(OPTIONS, folder=tmp_path)
    again = train(OPTIONS, folder=tmp_path, progress=stop_after(3))
    assert (again, again.weights(), again.seconds) == (first, first.weights(), first.seconds)


def test_a_small_training_set_has_a_look_at_the_error_once_as_many_images_were_trained_on(tmp_path, monkeypatch):
    small = replace(OPTIONS, train_size=20, stability_images=20)
    reports = []
    trained = train(small, folder=tmp_path / "few", progress=reports.append)
    assert trained.epochs == 21  # of 20 images; there are 53 test images
    looks = [3, 6, 8, 11, 14, 16, 19]  # after 60, 120, 160, 220, 280, 320 and 380 images: k times 53, rounded up
    probed = [1, 2, 4]  # and 8 and 16
    assert [report.epoch for report in reports] == sorted({*looks, *probed, trained.epochs})
    assert [report.seconds_left > 0 for report in reports] == [True] * (len(reports) - 1) + [False]
    lines = [json.loads(text) for text in (tmp_path / "few" / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(22))
    told = {line["epoch"]: line["test_error"] for line in lines if "test_error" in line}
    assert told == {report.epoch: report.error for report in reports}
    monkeypatch.setattr("diffstab.training.loop.is_looked_at", lambda *_: True)
    every = []
    whole = train(small, progress=every.append)
    assert (whole.test_error, whole.weights()) == (trained.test_error, trained.weights())
    assert [report.epoch for report in every] == list(range(1, 22))
    assert {report.epoch: report.error for report in every}.items() >= told.items()


def test_a_training_that_was_killed_between_two_looks_goes_on_to_the_same_weights(tmp_path):
    small = replace(OPTIONS, train_size=20)
    steps = iter(range(2 * 9 - 1))  # two steps per epoch: it is killed in epoch 9, and 8 is the last look
    with pytest.raises(StopIteration):
        train(small, folder=tmp_path, stop=lambda: next(steps) < 0)
    reports = []
    trained = train(small, folder=tmp_path, progress=reports.append)
    assert [report.epoch for report in reports] == [11, 14, 16, 19, 21]
    assert trained.weights() == train(small).weights()
    lines = [json.loads(text) for text in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, 22))


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(OPTIONS, folder=tmp_path, progress=stop_after(1))
    kept = (tmp_path / "checkpoint.pt").read_bytes()

    def full(*names):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(ValueError, match=r"can't be written \(No space left"):
            train(OPTIONS, folder=tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"checkpoint.pt", "metrics.jsonl"}
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


def test_a_checkpoint_of_other_options_is_refused_and_kept(tmp_path):
    train(replace(OPTIONS, epochs=1), folder=tmp_path)
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(ValueError, match=r"another training: seed is 0 there and 1 here; take another folder"):
        train(replace(OPTIONS, epochs=1, seed=1), folder=tmp_path)
    with pytest.raises(ValueError, match=r"epochs is 1 there and 2 here, lr is 0.003 there and 0.1 here;"):
        train(replace(OPTIONS, epochs=2, lr=0.1), folder=tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept
    train(replace(OPTIONS, epochs=1, device="cuda"), folder=tmp_path, progress=stop_after(1))


def test_an_option_that_a_checkpoint_lacks_had_its_default(tmp_path):
    options = replace(OPTIONS, epochs=1)
    train(options, folder=tmp_path)
    path = tmp_path / "checkpoint.pt"
    content = torch.load(path)
    del content["recipe"]["momentum"]
    torch.save(content, path)
    train(options, folder=tmp_path, progress=stop_after(1))
    with pytest.raises(ValueError, match=r"momentum is 0.9 there and 0.5 here"):
        train(replace(options, momentum=0.5), folder=tmp_path)
    torch.save({**content, "recipe": {**content["recipe"], "cutmix": 1}}, path)
    with pytest.raises(ValueError, match=r"cutmix is 1 there and None here"):
        train(options, folder=tmp_path)


def test_a_damaged_checkpoint_is_told(tmp_path):
    options = replace(OPTIONS, epochs=1)
    train(options, folder=tmp_path)
    path = tmp_path / "checkpoint.pt"
    whole = path.read_bytes()
    middle = len(whole) // 2  # in the weights, which torch.load itself takes as they are
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    zeros = whole[:middle] + bytes(len(whole) - middle)
    for content in (b"", whole[:100], whole[:middle], whole[:-1], flipped, zeros, b"not a checkpoint"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"checkpoint.pt' is truncated, damaged or not of a training; remove it"):
            train(options, folder=tmp_path)
    torch.save(load_model("fc_l4", weights="init").state_dict(), path)
    with pytest.raises(ValueError, match=r"not of a training"):
        train(options, folder=tmp_path)
    path.write_bytes(whole)
    train(options, folder=tmp_path)


def test_a_checkpoint_runs_no_code(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save({"model": Harm()}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"not of a training"):
        train(OPTIONS, folder=tmp_path)
    assert not (tmp_path / "harm").exists()


def test_a_folder_that_cant_be_written_is_told_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "run_epoch", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"file' can't be made \(File exists\)"):
        train(OPTIONS, folder=tmp_path / "file")
    (tmp_path / "checkpoint.pt").mkdir()
    with pytest.raises(ValueError, match=r"checkpoint.pt' can't be written \(it is a folder\)"):
        train(OPTIONS, folder=tmp_path)


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path, monkeypatch):
    steps, step = [], torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: (steps.append(1), step(self)))
    wild = replace(OPTIONS, optimizer="sgd", lr=1e30)
    with pytest.raises(ValueError, match=r"loss is (nan|inf) in epoch 1, step [23] of 14; lower lr, which is 1e\+30$"):
        train(wild, folder=tmp_path / "new")
    assert len(steps) < 4  # of 14: it ends at once
    assert not list((tmp_path / "new").iterdir())
    with pytest.raises(ValueError, match=r"outputs are no longer finite in epoch 1"):
        train(replace(wild, batch_size=1000))  # the one step is the epoch's last


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(OPTIONS, folder=tmp_path, progress=stop_after(1))
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    take_step = Trainer.take_step

    def broken(self, state, batch, step):
        loss = take_step(self, state, batch, step)
        return loss * math.nan if step == 4 else loss

    monkeypatch.setattr(Trainer, "take_step", broken)
    message = r"the loss is nan in epoch 2, step 5 of 14; lower lr.* another folder \('.*checkpoint.pt' keeps epoch 1\)"
    with pytest.raises(ValueError, match=message):
        train(OPTIONS, folder=tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept
    monkeypatch.setattr("diffstab.training.epoch.LOOK_EVERY", 16)
    monkeypatch.setattr(Trainer, "_account", delayed(Trainer._account))
    with pytest.raises(ValueError, match=r"in epoch 2, step 5 of 14"):  # seen late, named right
        train(OPTIONS, folder=tmp_path)


def test_a_training_that_breaks_after_a_stop_between_two_looks_tells_which_epoch_is_kept(tmp_path, monkeypatch):
    small = replace(OPTIONS, train_size=20)  # looks after epochs 3 and 6
    run_epoch = Trainer.run_epoch

    def until(epoch, failure):
        def run(self, state):
            if state.epochs_done + 1 == epoch:
                raise failure
            run_epoch(self, state)

        return run

    monkeypatch.setattr(Trainer, "run_epoch", until(5, TrainingStoppedError("stopped")))
    with pytest.raises(TrainingStoppedError):
        train(small, folder=tmp_path)
    monkeypatch.setattr(Trainer, "run_epoch", until(6, NotFiniteError("the loss is nan")))
    with pytest.raises(ValueError, match=r"keeps epoch 4\)"):
        train(small, folder=tmp_path)


def delayed(account):
    """Looks at the losses as a device other than the CPU does: every few steps."""

    def later(self, state, losses):
        if len(losses) == 7 or state.step + len(losses) == self.steps:
            account(self, state, losses)

    return later


@pytest.mark.parametrize("step", [1, 7, 20])
def test_a_run_stopped_within_an_epoch_goes_on_to_the_same_weights(tmp_path, dropout_net, step):
    options = replace(OPTIONS, epochs=2, translate=2, flip=True, diffeo_temperature=1e-3, ema=0.5)
    whole = train(options)
    asked = []

    def stop():
        asked.append(1)
        return len(asked) == step

    with pytest.raises(TrainingStoppedError, match=rf"stopped in epoch {1 + step // 14}, after step {step % 14} of 14"):
        train(options, folder=tmp_path, stop=stop)
    resumed = train(options, folder=tmp_path)
    assert resumed.weights() == whole.weights()
    assert resumed.train_loss == whole.train_loss


def test_a_damaged_checkpoint_is_refused_and_the_one_before_used(tmp_path):
    whole = train(OPTIONS, folder=tmp_path)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-100])
    notes = []
    again = train(OPTIONS, folder=tmp_path, note=notes.append)
    assert notes == [f"checkpoint '{path}' is damaged; going on from checkpoint.previous.pt, after epoch 2"]
    assert again.weights() == whole.weights()
    path.unlink()  # as a kill between two renames leaves it; the damaged one took nothing's place
    assert train(OPTIONS, folder=tmp_path).weights() == whole.weights()
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (tmp_path / name).write_bytes(b"PK damaged")
    with pytest.raises(ValueError, match=r"checkpoint.pt' is truncated, damaged or not of a training"):
        train(OPTIONS, folder=tmp_path)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path):
    """A limit on the size of files cuts the second checkpoint short; with room again the run goes on."""
    whole = train(OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        train(OPTIONS, folder=tmp_path, progress=stop_after(1))
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    heed = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(ValueError, match=r"checkpoint.new.pt' can't be written \(File too large\)"):
            train(OPTIONS, folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heed)
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept
    assert {file.name for file in tmp_path.iterdir()} == {"checkpoint.pt", "metrics.jsonl"}
    assert train(OPTIONS, folder=tmp_path).weights() == whole.weights()
