"""A training on a device goes on where it was stopped, and gives what the CPU gives within rounding."""

from dataclasses import replace

import pytest
from support.stopped_runs import OPTIONS, stop_after

from diffstab.data import TensorImageSet, load_dataset
from diffstab.training import train

pytestmark = pytest.mark.slow

SHORT = replace(OPTIONS, epochs=2, diffeo_temperature=1e-3)


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    digits = {split: load_dataset("mnist5k", split=split) for split in ("train", "test")}

    def few(spec, *, split, **_):
        return TensorImageSet(spec, split, digits[split].images[::19], digits[split].labels[::19], 10)

    monkeypatch.setattr("diffstab.training.images.load_dataset", few)


def test_a_training_agrees_with_that_of_the_cpu(device):
    here, there = (train(SHORT, device=where) for where in ("cpu", device))
    assert there.train_loss == pytest.approx(here.train_loss, rel=1e-2)


def test_a_stopped_training_goes_on(device, tmp_path):
    whole = train(SHORT, device=device)
    with pytest.raises(KeyboardInterrupt):
        train(SHORT, folder=tmp_path, device=device, progress=stop_after(1))
    assert train(SHORT, folder=tmp_path, device=device).train_loss == pytest.approx(whole.train_loss, rel=1e-4)


def test_bfloat16_trains(device):
    assert train(replace(SHORT, bfloat16=True), device=device).train_loss < 2.5
