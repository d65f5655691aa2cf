"""A network that is trained in place of the named one."""

import pytest
import torch
from torch import nn

from diffstab.models.resolve import LoadedModel


@pytest.fixture
def dropout_net(monkeypatch):
    """In place of the named model: batch norm, whose buffers are trained too, and dropout."""

    def resolve(spec, shape, *, dataset, weights, seed):
        torch.manual_seed(seed)
        hidden = (nn.Conv2d(1, 4, 5, stride=3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Flatten())
        return LoadedModel(nn.Sequential(*hidden, nn.Linear(256, 10)).eval(), spec, "test", weights)

    monkeypatch.setattr("diffstab.training.loop.resolve_model", resolve)
