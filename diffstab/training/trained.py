"""A trained network, and how it is kept as files that `load_model` and `diffstab measure` read."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from ..data import Preprocessing
from ..models import PREPROCESSING, WEIGHTS_FILE, Shape
from ..options import TrainOptions
from ..writing import write_atomically

CONFIG = "config.json"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network as an epoch left it: the one that the options choose.

    Attributes:
        network: In evaluation mode, on the device that it was trained on.
        options: What it was trained by.
        shape: Of its images: channels, height and width in pixels, and classes.
        epochs: All that it was trained for, those before a stop included.
        epoch: The one whose weights these are, from 1.
        epoch_loss: Mean over the steps of the epoch whose weights these are.
        train_loss: Mean over the steps of the last epoch.
        test_error: Share of the test images that it classifies wrongly.
        seconds: That the epochs took, those before a stop included.
        preprocessing: From images to its input; None where they came as tensors.
        probed: D, G, R and the watched error after some epochs, with `stability_images`.
    """

    network: nn.Module = field(repr=False, compare=False)
    options: TrainOptions
    shape: Shape
    epochs: int
    epoch: int
    epoch_loss: float
    train_loss: float
    test_error: float
    seconds: float = field(compare=False)
    preprocessing: Preprocessing | None = None
    probed: list[dict[str, Any]] = field(default_factory=list)

    def weights(self) -> bytes:
        """The network's state as a .safetensors file; the same bytes for the same weights."""
        tensors = self.network.state_dict().items()
        # tied weights are written one by one: the format allows no shared memory
        plain = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors}
        return save(plain)

    def write(self, folder: str | Path) -> Path:
        """Writes `model.safetensors` and `config.json` into an existing folder; the path of the former.

        Raises:
            ValueError: If the folder is missing or can't be written.
        """
        return write_network(Path(folder), self.weights(), self.options.model, self.shape, self.preprocessing)


def write_network(
    folder: Path, weights: bytes, model: str, shape: Shape, preprocessing: Preprocessing | None = None
) -> Path:
    """Weights with what they are of beside them; the path of the weights. `local-dir:FOLDER` then names the network.

    Raises:
        ValueError: If the folder is missing or can't be written.
    """
    config: dict[str, Any] = {
        "architecture": model,
        "num_classes": shape.classes,
        "in_chans": shape.channels,
        "input_size": list(shape[:3]),
    }
    if preprocessing is not None:
        config[PREPROCESSING] = preprocessing.to_dict()
    path = folder / WEIGHTS_FILE
    write_atomically(path, weights, within=folder)
    write_atomically(path.with_name(CONFIG), json.dumps(config, indent=2).encode() + b"\n", within=folder)
    return path
