"""A trained network, and the files that keep it for `load_model` and `diffstab measure`."""

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
    """A trained network, with the weights of the epoch that the options choose.

    Attributes:
        network: Network in evaluation mode, on the device of the training.
        options: Options of the training.
        shape: Channels, height and width in pixels of its images, and number of classes.
        epochs: Number of epochs of the training, including those before a stop.
        epoch: Number of the epoch whose weights were kept, from 1.
        epoch_loss: Mean loss over the steps of the kept epoch.
        train_loss: Mean loss over the steps of the last epoch.
        test_error: Share of the test images that the network classifies wrongly.
        test_images: Number of test images.
        seconds: Duration of all epochs, including those before a stop.
        preprocessing: Steps from image to input; None if the images came as tensors.
        probed: D, G, R and the watched error after some epochs, if `stability_images` is set.
    """

    network: nn.Module = field(repr=False, compare=False)
    options: TrainOptions
    shape: Shape
    epochs: int
    epoch: int
    epoch_loss: float
    train_loss: float
    test_error: float
    test_images: int
    seconds: float = field(compare=False)
    preprocessing: Preprocessing | None = None
    probed: list[dict[str, Any]] = field(default_factory=list)

    def weights(self) -> bytes:
        """Returns the network's state as the content of a .safetensors file; equal weights give equal bytes."""
        tensors = self.network.state_dict().items()
        # tied weights are written one by one: the format allows no shared memory
        plain = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors}
        return save(plain)

    def write(self, folder: str | Path) -> Path:
        """Writes `model.safetensors` and `config.json` into an existing folder; returns the path of the weights.

        Raises:
            ValueError: If the folder is missing or can't be written.
        """
        return write_network(Path(folder), self.weights(), self.options.model, self.shape, self.preprocessing)


def write_network(
    folder: Path, weights: bytes, model: str, shape: Shape, preprocessing: Preprocessing | None = None
) -> Path:
    """Writes weights and a config.json that describes the network; returns the path of the weights.

    `local-dir:FOLDER` then names the network.

    Args:
        folder: Existing folder.
        weights: Content of a .safetensors file.
        model: Name of the network.
        shape: Channels, height and width of its images, and classes.
        preprocessing: Steps from image to input.

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
