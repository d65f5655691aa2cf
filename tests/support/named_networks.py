"""Networks of a few layers, in the folders and caches where named ones are looked for."""

import hashlib
import random
import sys
from pathlib import Path

import numpy as np
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save
from timm.models import save_for_hf

from diffstab import load_dataset
from diffstab.data.preprocessing import Preprocessing
from diffstab.models.resolve import resolve_model
from diffstab.models.sources import Shape
from diffstab.training.trained import write_network

DIGITS, PHOTOS = Shape(1, 28, 28, 10), Shape(3, 224, 224, 0)
GRAY = Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,), source="mnist5k")
PHOTO = load_dataset("photos").preprocessing
ON_DIGITS = {"shape": DIGITS, "dataset": "mnist5k", "usual": GRAY}
ON_PHOTOS = {"shape": PHOTOS, "dataset": "photos", "usual": PHOTO}
# of no library's usual one: the squashed side is floor(48 / 0.8)
OWN = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "interpolation": "bicubic", "crop_mode": "squash"}
SAVED = {**OWN, "input_size": (3, 48, 48), "crop_pct": 0.8}


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


def saved_by_timm(folder, network, *, safe=True, **config):
    save_for_hf(network, folder, safe_serialization=safe, data_config=SAVED, model_config=config)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def into_hub_cache(repository, files, revision="main"):
    """The hub's layout on disk: blobs by their hash, a snapshot of links to them, and the name of its commit."""
    root = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    commit = hashlib.sha1(f"{repository}{revision}".encode()).hexdigest()
    snapshot = root / "snapshots" / commit
    for folder in (root / "refs", root / "blobs", snapshot):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "refs" / revision).write_text(commit)
    for name, content in files.items():
        blob = hashlib.sha256(content).hexdigest()
        (root / "blobs" / blob).write_bytes(content)
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
