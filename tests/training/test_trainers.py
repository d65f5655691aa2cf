"""The callbacks for Lightning and transformers, with the real trainers where they are installed and with stand-ins.

The stand-ins call the hooks in the order, and with the arguments, of lightning 2.6 and transformers 5.24.
"""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.watched_trainings import IMAGES, LABELS, RandomImages, make_network
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from diffstab import StabilityProbe
from diffstab.training import lightning, transformers

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore"),  # of the libraries
]
EPOCHS, BATCH = 4, 6
STEPS = EPOCHS * (len(IMAGES) // BATCH)


def seed_all():
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(3)


class Logged:
    def __init__(self):
        self.lines = []

    def log_metrics(self, values, step):
        self.lines.append((step, values))


def fit_stand_in(callbacks):
    """The order of Trainer.fit's hooks; returns the module and the lines of a logger."""
    seed_all()
    module, logger = make_network(), Logged()
    trainer = SimpleNamespace(global_step=0, current_epoch=0, loggers=[logger])
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    for callback in callbacks:
        callback.on_train_start(trainer, module)
    for trainer.current_epoch in range(EPOCHS):
        for index, (images, labels) in enumerate(DataLoader(RandomImages(IMAGES, LABELS), BATCH, shuffle=True)):
            optimizer.zero_grad()
            cross_entropy(module(images), labels).backward()
            optimizer.step()
            trainer.global_step += 1
            for callback in callbacks:
                callback.on_train_batch_end(trainer, module, None, (images, labels), index)
        for callback in callbacks:
            callback.on_train_epoch_end(trainer, module)
    return module.state_dict(), logger.lines


def fit_lightning(callbacks):
    library = pytest.importorskip("lightning.pytorch", reason="lightning is not installed")

    class Module(library.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = make_network()

        def forward(self, images):
            return self.net(images)

        def training_step(self, batch, index):
            return cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

    class Logger(library.loggers.logger.DummyLogger):
        def log_metrics(self, metrics, step=None):
            logged.log_metrics(metrics, step)

    seed_all()
    module, logged = Module(), Logged()
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = library.Trainer(
        max_epochs=EPOCHS, callbacks=list(callbacks), logger=Logger(), accelerator="cpu", devices=1, **quiet
    )
    trainer.fit(module, DataLoader(RandomImages(IMAGES, LABELS), BATCH, shuffle=True))
    return module.state_dict(), [(step, values) for step, values in logged.lines if "stability/R" in values]


class Classifier(torch.nn.Module):
    """In the shape of transformers' models for images."""

    def __init__(self):
        super().__init__()
        self.net = make_network()

    def forward(self, pixel_values, labels=None):
        logits = self.net(pixel_values)
        return {"logits": logits} if labels is None else {"loss": cross_entropy(logits, labels), "logits": logits}


class Dicts(RandomImages):
    def __getitem__(self, place):
        image, label = super().__getitem__(place)
        return {"pixel_values": image, "labels": label}


def train_stand_in(callbacks):
    """The order of Trainer.train's hooks; returns the model and the state's log."""
    seed_all()
    model, control = Classifier(), SimpleNamespace()
    state = SimpleNamespace(global_step=0, epoch=0, log_history=[])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for callback in callbacks:
        callback.on_train_begin(None, state, control, model=model, optimizer=optimizer)
    for epoch in range(EPOCHS):
        for index, batch in enumerate(DataLoader(Dicts(IMAGES, LABELS), BATCH, shuffle=True)):
            model(**batch)["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
            state.global_step += 1
            state.epoch = epoch + (index + 1) * BATCH / len(IMAGES)
            for callback in callbacks:
                callback.on_step_end(None, state, control, model=model, optimizer=optimizer)
        for callback in callbacks:
            callback.on_epoch_end(None, state, control, model=model, optimizer=optimizer)
    return model.state_dict(), [(line["step"], line) for line in state.log_history]


def train_transformers(callbacks):
    library = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    seed_all()
    model = Classifier()
    arguments = library.TrainingArguments(
        num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, learning_rate=0.1, use_cpu=True, report_to="none",
        save_strategy="no", logging_strategy="no", disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = library.Trainer(
        model=model, args=arguments, train_dataset=Dicts(IMAGES, LABELS), callbacks=list(callbacks)
    )
    trainer.train()
    return model.state_dict(), [(line["step"], line) for line in trainer.state.log_history if "stability/R" in line]


TRAININGS = [
    (lightning.StabilityCallback, fit_stand_in),
    (transformers.StabilityCallback, train_stand_in),
    pytest.param(lightning.StabilityCallback, fit_lightning, marks=pytest.mark.slow),
    pytest.param(transformers.StabilityCallback, train_transformers, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("callback", "run"), TRAININGS)
def test_a_trainer_measures_and_ends_with_the_weights_that_it_would_have_had(callback, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # transformers makes a folder of its output
    expected, none = run([])
    assert none == []
    probes = {"epoch": StabilityProbe(IMAGES, "powers", count=9), "step": StabilityProbe(IMAGES, 5, count=9)}
    callbacks = [callback(probe, unit=unit) for unit, probe in probes.items()]
    weights, lines = run(callbacks)
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert [line["step"] for line in probes["epoch"].history] == [0, 1, 2, 4]
    assert [line["step"] for line in probes["step"].history] == list(range(0, STEPS, 5))
    told = [line["R"] for probe in probes.values() for line in probe.history]
    assert all(value > 0 for value in told)
    assert len(set(told)) == len(told) - 1  # before the first step both measure the same
    assert sorted(values["stability/R"] for _, values in lines) == sorted(told)
    assert sorted(step for step, _ in lines) == sorted([0, 4, 8, 16, 0, 5, 10, 15])


@pytest.mark.parametrize(("callback", "run"), TRAININGS[:2])
def test_the_network_to_measure_can_be_named_and_a_failure_ends_no_training(callback, run):
    measured, told = [], []

    def network(module):
        measured.append(module)
        return lambda images: images.flatten(1) * 0

    probe = StabilityProbe(IMAGES, [0], count=9, note=told.append)
    _, lines = run([callback(probe, network=network)])
    assert measured
    assert len(told) == 1
    assert [line["R"] for line in probe.history] == [None]
    assert all(values.get("stability/R") is None for _, values in lines)


@pytest.mark.parametrize("callback", [lightning.StabilityCallback, transformers.StabilityCallback])
def test_a_training_that_goes_on_is_not_measured_before_its_first_step(callback):
    probe = StabilityProbe(IMAGES, 1, count=9)
    state = SimpleNamespace(global_step=7, epoch=2.0, current_epoch=2, loggers=[], log_history=[])
    if callback is lightning.StabilityCallback:
        callback(probe).on_train_start(state, torch.nn.Flatten())
    else:
        callback(probe).on_train_begin(None, state, None, model=torch.nn.Flatten())
    assert probe.history == []
    with pytest.raises(ValueError, match="unit is 'batch'; allowed: epoch, step"):
        callback(probe, unit="batch")


def test_accumulated_gradients_measure_a_step_once():
    probe = StabilityProbe(IMAGES, 1, count=9)
    callback = lightning.StabilityCallback(probe, unit="step")
    trainer = SimpleNamespace(global_step=0, loggers=[])
    for trainer.global_step in (0, 1, 1, 2):
        callback.on_train_batch_end(trainer, torch.nn.Flatten(), None, None, 0)
    assert [line["step"] for line in probe.history] == [1, 2]
