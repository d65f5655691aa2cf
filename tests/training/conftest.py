"""A network that is trained in place of the named one."""

import pytest
import torch
from torch import nn

from diffstab.data.images import TensorImageSet
from diffstab.data.load import load_dataset
from diffstab.models.resolve import LoadedModel


@pytest.fixture
def dropout_net(monkeypatch):
    """In place of the named model: batch norm, whose buffers are trained too, and dropout."""

    def resolve(spec, shape, *, dataset, weights, seed, trust):
        torch.manual_seed(seed)
        hidden = (nn.Conv2d(1, 4, 5, stride=3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Flatten())
        return LoadedModel(nn.Sequential(*hidden, nn.Linear(256, 10)).eval(), spec, "test", weights)

    monkeypatch.setattr("diffstab.training.start.resolve_model", resolve)


@pytest.fixture
def few_digits(monkeypatch):
    """211 training and 53 test images; the last batch of 16 is not full."""
    digits = {split: load_dataset("mnist5k", split=split) for split in ("train", "test")}

    def few(spec, *, split, data_dir=None, download=False):
        if spec != "mnist5k":
            return load_dataset(spec, split=split, data_dir=data_dir, download=download)
        whole = digits[split]
        return TensorImageSet(spec, split, whole.images[::19], whole.labels[::19], 10)

    monkeypatch.setattr("diffstab.training.images.load_dataset", few)
