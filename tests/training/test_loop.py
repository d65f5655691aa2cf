"""Training learns, is drawn from its seed, and refuses what it can't train."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.stopped_runs import OPTIONS
from support.threaded import THREADS, together
from torch import nn

from diffstab.data.images import TensorImageSet
from diffstab.data.load import load_dataset
from diffstab.models.load import load_model
from diffstab.models.resolve import LoadedModel
from diffstab.options.train import TrainOptions
from diffstab.processes import Processes
from diffstab.training import loop
from diffstab.training.augment import shift_and_flip
from diffstab.training.epoch import Trainer
from diffstab.training.images import prepare_images
from diffstab.training.loop import train

pytestmark = pytest.mark.usefixtures("one_thread", "few_digits")


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
    monkeypatch.setattr("diffstab.training.start.resolve_model", lambda *_, **__: wrong)
    with pytest.raises(ValueError, match=r"model wrong fails on images of 1x28x28 \(.*mat1 and mat2"):
        train(replace(OPTIONS, model="wrong"))


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


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), [("channels_last", "lenet"), ("compile", "fc_l2")])
def test_layout_and_compilation_change_no_weight_by_more_than_rounding(name, model):
    options = replace(OPTIONS, model=model, epochs=1, optimizer="sgd", lr=0.01)
    plain, other = (train(replace(options, **{name: on})).network.state_dict() for on in (False, True))
    for key, value in plain.items():
        torch.testing.assert_close(other[key], value, rtol=1e-3, atol=1e-5)


def test_trainings_in_several_threads_give_the_weights_of_one(dropout_net, few_digits, one_thread):
    """Dropout draws from the global generator, which each step seeds."""
    options = [TrainOptions(model="x", recipe="laptop", epochs=1, seed=seed) for seed in range(THREADS)]
    before = torch.get_rng_state()
    wanted = [train(one).network.state_dict() for one in options]
    found = [one.network.state_dict() for one in together(train, options)]
    for own, other in zip(found, wanted, strict=True):
        assert all(torch.equal(own[name], other[name]) for name in other)
    assert torch.equal(torch.get_rng_state(), before)
