"""Small measurements, and failures, for stores."""

import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.results import SCHEMA
from diffstab.store.entry import Entry


def measured(seed=0, **options):
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU())
    convention = options.pop("convention", "paper")
    return measure(network, images, MaxEntropyEnsemble(8, delta=1.0, convention=convention), seed=seed, **options)


def failed(job, message="it can't"):
    error = {"type": "ValueError", "message": message}
    return Entry(
        {"schema": SCHEMA, "kind": "measure", "status": "failed", "key": job, "job": job, "model": "m", "error": error}
    )
