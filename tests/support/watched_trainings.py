"""A plain training loop in which a probe could change anything: dropout, batch norm, global generators, an average."""

import random

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

IMAGES = torch.rand(24, 1, 16, 16, generator=torch.Generator().manual_seed(7))
LABELS = torch.arange(24) % 3
STEPS = 5


class RandomImages(Dataset):
    """Images shifted and brightened at random, by numbers from each of the three global generators."""

    def __init__(self, images, labels=None):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, place):
        image = self.images[place].roll(int(np.random.randint(3)), -1) * random.uniform(0.5, 1)  # noqa: NPY002
        image = image + 0.1 * torch.rand(())
        return image if self.labels is None else (image, self.labels[place])


def make_network():
    """Batch norm, dropout, a frozen layer and one in evaluation mode within a network in training mode."""
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.4), nn.Conv2d(4, 4, 5, stride=3),
        nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 8), nn.Dropout(0.4), nn.Linear(8, 3),
    )  # fmt: skip
    network.train()
    network[5].eval()
    network[0].bias.requires_grad_(False)
    network[-1].eval()
    return network


class PlainTraining:
    """One epoch of SGD with momentum, and a moving average of the weights."""

    def __init__(self):
        random.seed(1)
        np.random.seed(2)  # noqa: NPY002
        torch.manual_seed(3)
        self.network = make_network()
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.1, momentum=0.9)
        self.loader = DataLoader(RandomImages(IMAGES, LABELS), 5, shuffle=True)

    def run_epoch(self, probe=lambda step: None):
        """Calls the probe before each step."""
        for step, (images, labels) in enumerate(self.loader):
            probe(step)
            self.optimizer.zero_grad()
            cross_entropy(self.network(images), labels).backward()
            self.optimizer.step()
            self.average.update_parameters(getattr(self.network, "module", self.network))

    def backward(self):
        """Gradients of one more batch."""
        cross_entropy(self.network(IMAGES), LABELS).backward()


def everything(training):
    """All that a training goes on from, as values that can be compared."""
    networks = (training.network, training.average)
    return {
        "parameters": [
            (name, one.tolist(), one.requires_grad, None if one.grad is None else one.grad.tolist())
            for network in networks
            for name, one in network.named_parameters()
        ],
        "buffers": [(name, one.tolist()) for network in networks for name, one in network.named_buffers()],
        "modes": [module.training for network in networks for module in network.modules()],
        "momentum": [state["momentum_buffer"].tolist() for state in training.optimizer.state.values()],
        "random": (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()),  # noqa: NPY002
    }
