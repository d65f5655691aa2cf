"""Networks of a few layers, in the folders and caches where named ones are looked for."""

import random
import sys

import numpy as np
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save

from diffstab.data.preprocessing import Preprocessing
from diffstab.models.resolve import resolve_model
from diffstab.models.sources import Shape
from diffstab.training.trained import write_network

DIGITS, PHOTOS = Shape(1, 28, 28, 10), Shape(3, 224, 224, 0)
GRAY = Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,), source="mnist5k")


def global_state():
    return (
        torch.random.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        list(sys.path),
        constants.HF_HUB_OFFLINE,
    )


def made(name, seed=3, **arguments):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return timm.create_model(name, **arguments).eval()


def same_weights(network, state):
    own = network.state_dict()
    assert own.keys() == state.keys()
    for name, value in state.items():
        assert torch.equal(own[name], value), name


def kept(folder, model="lenet", shape=DIGITS, preprocessing=GRAY):
    folder.mkdir(exist_ok=True)
    network = resolve_model(model, shape, dataset="mnist5k", weights="init", seed=8).network
    write_network(folder, save(network.state_dict()), model, shape, preprocessing)
    return network.state_dict()
