"""Training: a stopped run goes on bit for bit, what is kept is what was trained, and bad input is told in one line."""

import json
import math
import os
import random
import resource
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from diffstab.data.images import TensorImageSet
from diffstab.data.load import load_dataset
from diffstab.models.checkpoints import fill, read_checkpoint
from diffstab.models.load import load_model
from diffstab.models.resolve import LoadedModel
from diffstab.options.train import TrainOptions
from diffstab.processes import Processes
from diffstab.training import loop
from diffstab.training.augment import shift_and_flip
from diffstab.training.epoch import Trainer, TrainingStoppedError
from diffstab.training.images import prepare_images
from diffstab.training.loop import train
from diffstab.training.optimisation import soft_hinge

OPTIONS = TrainOptions(
    model="fc_l4", lr=3e-3, schedule="cosine", weight_decay=5e-4, epochs=3, batch_size=16, translate=1, select="last"
)
KEPT = {"checkpoint.pt", "checkpoint.previous.pt", "metrics.jsonl"}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    """211 training and 53 test images; the last batch of 16 is not full."""
    digits = {split: load_dataset("mnist5k", split=split) for split in ("train", "test")}

    def few(spec, *, split, data_dir=None, download=False):
        if spec != "mnist5k":
            return load_dataset(spec, split=split, data_dir=data_dir, download=download)
        whole = digits[split]
        return TensorImageSet(spec, split, whole.images[::19], whole.labels[::19], 10)

    monkeypatch.setattr("diffstab.training.images.load_dataset", few)


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

    def progress(report):
        if report.epoch == last:
            raise KeyboardInterrupt

    return progress


def stopped_and_resumed(options, folder, last=1):
    with pytest.raises(KeyboardInterrupt):
        train(options, folder=folder, progress=stop_after(last))
    reports = []
    trained = train(options, folder=folder, progress=reports.append)
    assert [report.epoch for report in reports] == list(range(last + 1, options.epochs + 1))
    assert {(report.epochs, report.watched) for report in reports} == {(options.epochs, "test")}
    assert (reports[-1].loss, reports[-1].error) == (trained.train_loss, trained.test_error)
    assert reports[-1].seconds_left == 0
    return trained


# What a run gives


def test_training_learns():
    trained = train(replace(OPTIONS, epochs=6, translate=0))
    assert trained.test_error < 0.5  # chance: 0.9
    assert (trained.epochs, trained.shape) == (6, (1, 28, 28, 10))
    assert 0 < trained.train_loss < math.log(10)
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
        moved = shift_and_flip(images, *arguments)
        drawn["order"].append(images.sum(dim=(1, 2, 3)).tolist())
        drawn["shifts"].append((moved[:, :, 0] != moved.min()).sum().item())
        return moved

    def watched_masks(features, share, training, *arguments):
        dropped = dropout(features, share, training, *arguments)
        if training:
            drawn["masks"].append((dropped == 0).flatten().tolist())
        return dropped

    monkeypatch.setattr("diffstab.training.augment.shift_and_flip", watched_shifts)
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


# What is refused


def test_a_folder_that_cant_be_written_is_told_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "run_epoch", None)
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
    monkeypatch.setattr("diffstab.training.images.load_dataset", lambda *_, **__: blank)
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


def delayed(account):
    """Looks at the losses as a device other than the CPU does: every few steps."""

    def later(self, state, losses):
        if len(losses) == 7 or state.step + len(losses) == self.steps:
            account(self, state, losses)

    return later


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


# Which epoch is kept


def errors_in_turn(monkeypatch, errors):
    """Errors after each epoch in place of the measured ones; the last call, of the kept network, gives 0.5."""
    left = iter([*errors, 0.5])
    monkeypatch.setattr(loop, "measure_error", lambda *arguments: next(left))


@pytest.mark.parametrize(
    ("select", "errors", "epoch"),
    [("validation", (0.3, 0.2, 0.4), 2), ("test", (0.2, 0.3, 0.4), 1), ("last", (0.1, 0.2, 0.3), 3),
     ("validation", (0.2, 0.1, 0.1), 3)],
)  # fmt: skip
def test_the_epoch_that_is_kept(tmp_path, monkeypatch, select, errors, epoch):
    """The best on the images that choose, of equals the later; its weights come back exactly, also after a stop."""
    options = replace(OPTIONS, select=select)
    weights = {}

    def remember(report):
        weights[report.epoch] = torch.load(tmp_path / "checkpoint.pt")["model"]

    errors_in_turn(monkeypatch, errors)
    trained = train(options, folder=tmp_path, progress=remember)
    assert (trained.epoch, trained.epochs, trained.test_error) == (epoch, 3, 0.5)
    for name, value in trained.network.state_dict().items():
        assert torch.equal(value, weights[epoch][name])
    errors_in_turn(monkeypatch, ())
    assert train(options, folder=tmp_path).weights() == trained.weights()


def test_the_error_that_chooses_is_of_images_held_out(monkeypatch):
    seen = []
    measure_error = loop.measure_error
    monkeypatch.setattr(loop, "measure_error", lambda *given: (seen.append(given[1].split), measure_error(*given))[1])
    for select, splits in (("validation", ["validation", "test"]), ("test", ["test"] * 2), ("last", ["test"] * 2)):
        seen.clear()
        train(replace(OPTIONS, epochs=1, select=select))
        assert seen == splits


def test_averaged_weights_are_kept_in_place_of_the_network_s(tmp_path, monkeypatch):
    """The average by its definition, from the weights after each step; stopped and resumed, bit for bit."""
    options = replace(OPTIONS, ema=0.9, epochs=2)
    steps, update = [], torch.optim.swa_utils.AveragedModel.update_parameters

    def watched(self, model):
        steps.append({name: value.double() for name, value in model.state_dict().items()})
        update(self, model)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.swa_utils.AveragedModel, "update_parameters", watched)
        trained = train(options)
    assert len(steps) == 28
    expected = steps[0]
    for step in steps[1:]:
        expected = {name: 0.9 * value + 0.1 * step[name] for name, value in expected.items()}
    for name, value in trained.network.state_dict().items():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)
    assert stopped_and_resumed(options, tmp_path).weights() == trained.weights()


# The alpha trick


def test_a_large_alpha_trains_lazily():
    """||w - w_0|| falls as 1/alpha, the outputs of alpha (f - f_0) hardly change, and the loss falls alike (Eq. 7)."""
    options = replace(OPTIONS, loss="soft-hinge", optimizer="sgd", lr=0.5, momentum=0, weight_decay=0, epochs=4)
    found = {alpha: train(replace(options, alpha=alpha)) for alpha in (100.0, 1000.0)}
    moved = {alpha: distance(trained.network.network, trained.network.initial) for alpha, trained in found.items()}
    assert moved[100.0] / moved[1000.0] == pytest.approx(10, rel=0.1)
    images = load_dataset("mnist5k").images[:50]
    lazy, lazier = (trained.network(images).detach() for trained in found.values())
    assert (lazy - lazier).norm() < 0.1 * lazier.norm()
    losses = [trained.train_loss * alpha**2 for alpha, trained in found.items()]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] < 0.9 * soft_hinge(torch.zeros(1, 10), torch.zeros(1, dtype=torch.int64))


def distance(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return math.sqrt(sum(float((p.detach() - q).square().sum()) for p, q in pairs))


def test_what_alpha_trained_is_measured_from_its_file(tmp_path):
    trained = train(replace(OPTIONS, epochs=1, alpha=5.0, loss="soft-hinge"))
    path = trained.write(tmp_path)
    again = load_model("fc_l4", checkpoint=path)
    images = load_dataset("mnist5k").images[:5]
    assert torch.equal(again(images), trained.network(images))
    assert float(again.alpha) == 5


def test_the_soft_hinge_is_the_paper_s_in_each_class():
    outputs, labels = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 3, 3])
    terms = [
        math.log1p(math.exp(20 * (1 - float(outputs[row, k]) * (1 if k == labels[row] else -1)))) / 20
        for row in range(6)
        for k in range(4)
    ]
    assert float(soft_hinge(outputs, labels)) == pytest.approx(sum(terms) / 24, rel=1e-6)


# Stopped within an epoch, and damaged checkpoints


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


def test_a_last_batch_that_is_too_small_joins_the_one_before():
    """Batch norm refuses a batch of one image; a process of several, one of none."""
    images = TensorImageSet("few", "train", torch.zeros(33, 1, 4, 4), torch.zeros(33, dtype=torch.int64), 10)
    sizes_of = {(16, 1): [16, 17], (8, 1): [8, 8, 8, 9], (10, 2): [10, 10, 13], (33, 2): [33], (40, 1): [33]}
    sizes_of |= {(31, 1): [33], (30, 1): [30, 3]}  # less than a tenth of a batch
    for (size, count), sizes in sizes_of.items():
        trainer = Trainer(replace(OPTIONS, batch_size=size), images, None, None, loop.CPU, Processes(0, count))
        batches = trainer._batches(torch.arange(33))
        assert [len(batch) for batch in batches] == sizes
        assert torch.equal(torch.cat(batches), torch.arange(33))
        assert trainer.steps == len(sizes)
    with pytest.raises(ValueError, match="batch_size is 2, fewer images than the 3 processes"):
        Trainer(replace(OPTIONS, batch_size=2), images, None, None, loop.CPU, Processes(0, 3))


def test_networks_with_batch_norm_train_on_any_number_of_images(monkeypatch):
    options = TrainOptions(model="vgg11_bn-w0.05", recipe="laptop", epochs=1, batch_size=30, select="last")
    whole = prepare_images(options)
    few = TensorImageSet("mnist5k", "train", whole.train.images[:61], whole.train.labels[:61], 10)
    monkeypatch.setattr(loop, "prepare_images", lambda options: whole._replace(train=few, full=61))
    assert train(options).epochs == 1


# Layout and compilation


@pytest.mark.parametrize(("name", "model"), [("channels_last", "lenet"), ("compile", "fc_l2")])
def test_layout_and_compilation_change_no_weight_by_more_than_rounding(name, model):
    options = replace(OPTIONS, model=model, epochs=1, optimizer="sgd", lr=0.01)
    plain, other = (train(replace(options, **{name: on})).network.state_dict() for on in (False, True))
    for key, value in plain.items():
        torch.testing.assert_close(other[key], value, rtol=1e-3, atol=1e-5)
