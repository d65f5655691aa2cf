"""Training: a stopped run goes on bit for bit, what is kept is what was trained, and bad input is told in one line."""

import json
import math
import os
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from diffstab.cli import main
from diffstab.data import TensorImageSet, load_dataset
from diffstab.models import LoadedModel, load_model
from diffstab.models.checkpoints import fill, read_checkpoint
from diffstab.recipes import TrainOptions
from diffstab.training import train
from diffstab.training.augment import translate

OPTIONS = TrainOptions(model="fc_l4", optimizer="adam", lr=3e-3, epochs=3, batch_size=16, translate=1)


@pytest.fixture(autouse=True)
def one_thread():
    """Batches are too small for two, which wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    """211 training and 53 test images; the last batch of 16 is not full."""
    digits = {split: load_dataset("mnist5k", split=split) for split in ("train", "test")}

    def few(spec, *, split, data_dir=None):
        if spec != "mnist5k":
            return load_dataset(spec, split=split, data_dir=data_dir)
        whole = digits[split]
        return TensorImageSet(spec, split, whole.images[::19], whole.labels[::19], 10)

    monkeypatch.setattr("diffstab.training.loop.load_dataset", few)


@pytest.fixture
def dropout_net(monkeypatch):
    """In place of the named model: batch norm, whose buffers are trained too, and dropout."""

    def resolve(spec, shape, *, dataset, weights, seed):
        torch.manual_seed(seed)
        hidden = (nn.Conv2d(1, 4, 5, stride=3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Flatten())
        return LoadedModel(nn.Sequential(*hidden, nn.Linear(256, 10)).eval(), spec, "test", weights)

    monkeypatch.setattr("diffstab.training.loop.resolve_model", resolve)


def stop_after(last):
    """Ends a run when that epoch's checkpoint was written."""

    def progress(epoch, epochs, loss, error):
        if epoch == last:
            raise KeyboardInterrupt

    return progress


def stopped_and_resumed(options, folder, last=1):
    with pytest.raises(KeyboardInterrupt):
        train(options, folder=folder, progress=stop_after(last))
    calls = []
    trained = train(options, folder=folder, progress=lambda *call: calls.append(call))
    assert [call[:2] for call in calls] == [(epoch, options.epochs) for epoch in range(last + 1, options.epochs + 1)]
    assert calls[-1][2:] == (trained.loss, trained.test_error)
    return trained


# What a run gives


def test_training_learns():
    trained = train(replace(OPTIONS, epochs=6, translate=0))
    assert trained.test_error < 0.5  # chance: 0.9
    assert (trained.epochs, trained.shape) == (6, (1, 28, 28, 10))
    assert 0 < trained.loss < math.log(10)
    assert trained.seconds > 0
    assert not trained.network.training
    images = load_dataset("mnist5k").images[::19]
    error = (trained.network(images).argmax(1) != load_dataset("mnist5k").labels[::19]).double().mean().item()
    assert trained.test_error == pytest.approx(error, abs=1e-12)


def test_equal_seeds_give_equal_weights_and_every_other_choice_another_network():
    weights = train(OPTIONS).weights()
    assert train(replace(OPTIONS, device="nowhere")).weights() == weights  # no part of what is trained
    others = {"seed": 1, "lr": 1e-3, "translate": 2, "batch_size": 20, "weight_decay": 0, "optimizer": "sgd",
              "epochs": 2, "bfloat16": True, "model": "lenet"}  # fmt: skip
    for name, value in others.items():
        options = replace(OPTIONS, **{name: value}, **({} if name == "epochs" else {"epochs": 1}))
        assert train(options).weights() != train(replace(OPTIONS, epochs=1)).weights(), name
    sgd = replace(OPTIONS, optimizer="sgd", epochs=1, lr=0.1)
    assert train(sgd).weights() != train(replace(sgd, momentum=0)).weights()


def test_the_rate_falls_as_a_cosine_over_all_epochs(monkeypatch):
    rates = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self)))
    train(OPTIONS)
    assert rates[::14] == pytest.approx([3e-3 * (1 + math.cos(math.pi * epoch / 3)) / 2 for epoch in range(3)])


def test_global_random_states_are_not_touched(dropout_net):
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    first = train(OPTIONS).weights()
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
    torch.manual_seed(4)
    assert train(OPTIONS).weights() == first


def test_order_shifts_and_dropout_are_drawn_anew_each_epoch_and_for_each_seed(dropout_net, monkeypatch):
    drawn = {"order": [], "shifts": [], "masks": []}
    dropout = nn.functional.dropout

    def watched_shifts(images, *arguments):
        moved = translate(images, *arguments)
        drawn["order"].append(images.sum(dim=(1, 2, 3)).tolist())
        drawn["shifts"].append((moved[:, :, 0] != moved.min()).sum().item())
        return moved

    def watched_masks(features, share, training, *arguments):
        dropped = dropout(features, share, training, *arguments)
        if training:
            drawn["masks"].append((dropped == 0).flatten().tolist())
        return dropped

    monkeypatch.setattr("diffstab.training.loop.translate", watched_shifts)
    monkeypatch.setattr(nn.functional, "dropout", watched_masks)
    for seed in (0, 1):
        train(replace(OPTIONS, epochs=2, seed=seed))
    for what, batches in drawn.items():
        epochs = [batches[start : start + 14] for start in range(0, 56, 14)]
        assert all(epochs[i] != epochs[j] for i in range(4) for j in range(i)), what
        if what == "order":  # every image comes once an epoch
            assert len({tuple(sorted(image for batch in epoch for image in batch)) for epoch in epochs}) == 1


def test_the_initialisation_is_the_seeds():
    still = replace(OPTIONS, epochs=1, lr=1e-30, weight_decay=0)
    for seed in (0, 1):
        first = load_model("fc_l4", weights="init", seed=seed).state_dict()
        for name, value in train(replace(still, seed=seed)).network.state_dict().items():
            assert torch.equal(value, first[name])


# Stopped runs


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, optimizer):
    options = replace(OPTIONS, optimizer=optimizer)
    whole = train(options, folder=tmp_path / "whole")
    # two epochs are left: the second needs the schedule's state, not only the optimiser's
    resumed = stopped_and_resumed(options, tmp_path / "deep" / "stopped")
    assert resumed == whole
    assert resumed.weights() == whole.weights() == train(options).weights()
    assert [file.name for file in (tmp_path / "deep" / "stopped").iterdir()] == ["checkpoint.pt"]


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


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(OPTIONS, folder=tmp_path, progress=stop_after(1))
    kept = (tmp_path / "checkpoint.pt").read_bytes()

    def full(*names):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(ValueError, match=r"checkpoint.pt' can't be written \(No space left"):
            train(OPTIONS, folder=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
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


# What is refused


def test_a_folder_that_cant_be_written_is_told_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("diffstab.training.loop.run_epoch", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"file' can't be made \(File exists\)"):
        train(OPTIONS, folder=tmp_path / "file")
    (tmp_path / "checkpoint.pt").mkdir()
    with pytest.raises(ValueError, match=r"checkpoint.pt' can't be written \(it is a folder\)"):
        train(OPTIONS, folder=tmp_path)


@pytest.mark.parametrize("name", ["photos", "folder"])
def test_only_labelled_images_in_memory_are_trained_on(name, tmp_path):
    from PIL import Image

    Image.effect_noise((28, 28), 80).save(tmp_path / "0.png")
    data_dir = str(tmp_path) if name == "folder" else None
    with pytest.raises(ValueError, match=rf"dataset is '{name}'; training needs labelled images .* such as mnist5k"):
        train(replace(OPTIONS, dataset=name, data_dir=data_dir))


def test_unlabelled_images_in_memory_are_refused(monkeypatch):
    blank = TensorImageSet("blank", "test", torch.zeros(5, 1, 28, 28), torch.full((5,), -1), 0)
    monkeypatch.setattr("diffstab.training.loop.load_dataset", lambda *_, **__: blank)
    with pytest.raises(ValueError, match=r"training needs labelled images"):
        train(OPTIONS)


def test_a_network_that_fails_on_the_images_is_told(monkeypatch):
    wrong = LoadedModel(nn.Linear(7, 10), "wrong", "test", "init")
    monkeypatch.setattr("diffstab.training.loop.resolve_model", lambda *_, **__: wrong)
    with pytest.raises(ValueError, match=r"model wrong fails on images of 1x28x28 \(.*mat1 and mat2"):
        train(replace(OPTIONS, model="wrong"))


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path, monkeypatch):
    steps, step = [], torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: (steps.append(1), step(self)))
    with pytest.raises(ValueError, match=r"the loss is (nan|inf) in epoch 1; lower lr, which is 1e\+30$"):
        train(replace(OPTIONS, optimizer="sgd", lr=1e30), folder=tmp_path / "new")
    assert len(steps) < 4  # of 14: it ends at once
    assert not list((tmp_path / "new").iterdir())
    with pytest.raises(ValueError, match=r"outputs are no longer finite in epoch 1"):
        train(replace(OPTIONS, optimizer="sgd", lr=1e30, batch_size=1000))  # the one step is the epoch's last
    with pytest.raises(KeyboardInterrupt):
        train(OPTIONS, folder=tmp_path, progress=stop_after(1))
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    monkeypatch.setattr("diffstab.training.loop.train_epoch", lambda *_: math.nan)
    with pytest.raises(ValueError, match=r"in epoch 2; lower lr.* another folder \('.*checkpoint.pt' keeps epoch 1\)"):
        train(OPTIONS, folder=tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


# What is kept


@pytest.mark.parametrize("bfloat16", [False, True])
def test_weights_come_back_exactly(tmp_path, dropout_net, bfloat16):
    trained = train(replace(OPTIONS, epochs=1, bfloat16=bfloat16))
    path = trained.write(tmp_path)
    state = trained.network.state_dict()
    assert int(state["1.num_batches_tracked"]) == 14
    assert read_checkpoint(path).keys() == state.keys()
    other = train(replace(OPTIONS, epochs=1, seed=1)).network
    fill(other, read_checkpoint(path), "test", dataset="mnist5k", classes=10)
    for name, value in other.state_dict().items():
        assert value.dtype == state[name].dtype
        assert torch.equal(value, state[name])
    assert path.read_bytes() == trained.weights() == trained.weights()


def test_config_says_what_the_network_is(tmp_path):
    train(replace(OPTIONS, epochs=1)).write(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config == {"architecture": "fc_l4", "num_classes": 10, "in_chans": 1, "input_size": [1, 28, 28]}


def test_translation_shifts_each_image_by_whole_pixels_within_reach():
    images = torch.rand(40, 2, 7, 5) + 1
    moved = translate(images, 3, torch.Generator().manual_seed(0))
    shifts = []
    for before, after in zip(images.numpy(), moved.numpy(), strict=True):
        padded = np.pad(before, ((0, 0), (3, 3), (3, 3)), constant_values=float(images.min()))
        found = [(dy, dx) for dy in range(7) for dx in range(7) if (padded[:, dy : dy + 7, dx : dx + 5] == after).all()]
        assert found
        shifts.append(found[0])
    assert len(set(shifts)) > 15  # of 49 shifts, each image its own
    assert {dy for dy, _ in shifts} == {dx for _, dx in shifts} == set(range(7))
    assert translate(images, 0, torch.Generator()) is images


# The command


FAST = ["train", "--model", "fc_l4", "--optimizer", "adam", "--lr", "1e-3", "--epochs", "2", "--device", "cpu"]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_has_the_options_of_train_options_and_their_defaults():
    given = {option.name: option.default for option in main.commands["train"].params}
    assert {name: given[name] for name in given.keys() - {"output", "as_json"}} == TrainOptions().to_dict()


def test_a_trained_folder_is_measured(tmp_path):
    answer = run(*FAST, "--output", tmp_path, "--json")
    assert answer.exit_code == 0
    row = json.loads(answer.stdout)
    assert (row["model"], row["lr"], row["epochs"], row["device"]) == ("fc_l4", 1e-3, 2, "cpu")
    assert row["weights"] == str(tmp_path / "model.safetensors")
    assert [line[:13] for line in answer.stderr.splitlines()] == ["epoch 1  loss", "epoch 2  loss"]
    assert {file.name for file in tmp_path.iterdir()} == {"checkpoint.pt", "model.safetensors", "config.json"}
    measured = run(*"measure --model fc_l4 --images 20 --device cpu --json --checkpoint".split(), row["weights"])
    assert measured.exit_code == 0
    again = run(*FAST, "--output", tmp_path)
    assert again.stderr == ""
    assert f"test error {row['test_error']:.1%}; {row['weights']}\n" in again.stdout


def test_every_option_reaches_the_training(tmp_path):
    given = {"model": "lenet", "epochs": 1, "batch_size": 50, "optimizer": "sgd", "lr": 0.05, "momentum": 0.5,
             "weight_decay": 0.01, "translate": 2, "seed": 3}  # fmt: skip
    flags = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", value)]
    row = json.loads(run("train", *flags, "--bfloat16", "--device", "cpu", "--json", "--output", tmp_path).stdout)
    assert {name: row[name] for name in given} == given
    assert (tmp_path / "model.safetensors").read_bytes() == train(TrainOptions(**given, bfloat16=True)).weights()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lr", "0"], "lr is 0; it must be above 0"),
        (["--epochs", "0"], "epochs is 0; it must be at least 1"),
        (["--model", "fc_l3"], "model is 'fc_l3'"),
        (["--dataset", "photos"], "dataset is 'photos'; training needs labelled images"),
        (["--dataset", "mnist"], "dataset is 'mnist'; allowed: mnist5k"),
        (["--device", "abacus"], "device is 'abacus'"),
        (["--optimizer", "lbfgs"], "'lbfgs' is not one of 'sgd', 'adam'"),
        (["--lr", "1e30", "--optimizer", "sgd"], "lower lr, which is 1e+30"),
        (["--output", ""], "output is ''"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, options, message):
    answer = run(*FAST, "--output", tmp_path, *options)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("Error: ")
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
