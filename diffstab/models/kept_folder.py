"""Reads a folder that `diffstab train` wrote: model.safetensors, and config.json, which describes the network."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ..checks import a_text, positive_integer
from ..data import Preprocessing
from ..options import MOST_OUTPUTS
from .from_timm import folder_config
from .sources import Shape

PREPROCESSING, WEIGHTS_FILE = "preprocessing", "model.safetensors"
MOST_INPUTS = 2**22  # values per image


class KeptNetwork(NamedTuple):
    """The network's name, the shape of its training images, its preprocessing, and the file of its weights."""

    spec: str
    shape: Shape
    preprocessing: Preprocessing
    checkpoint: Path


def kept_network(folder: Path) -> KeptNetwork | None:
    """Reads the network in a folder; returns None if the folder is in the layout of timm's hub.

    Raises:
        ValueError: If its config.json can't be read or is not valid.
    """
    config = folder_config(folder)
    if not isinstance(config.get(PREPROCESSING), dict):
        return None
    try:
        size = config["input_size"]
        if not isinstance(size, list) or len(size) != 3:
            raise ValueError(f"input_size is {size!r}; a list [C, H, W] is needed")
        channels, height, width = (positive_integer("input_size", side) for side in size)
        if channels * height * width > MOST_INPUTS:
            raise ValueError(
                f"input_size is {channels} x {height} x {width}; at most {MOST_INPUTS:,} values are allowed"
            )
        classes = positive_integer("num_classes", config["num_classes"], most=MOST_OUTPUTS)
        shape = Shape(channels, height, width, classes)
        spec = a_text("architecture", config["architecture"])
        return KeptNetwork(spec, shape, Preprocessing.of_json(config[PREPROCESSING]), folder / WEIGHTS_FILE)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{str(folder / 'config.json')!r} can't be understood ({error})") from error


def fitted(preprocessing: Preprocessing, usual: Preprocessing) -> Preprocessing:
    """Adds a resize to the network's preprocessing if the data set's images have another size or are resized.

    Args:
        preprocessing: Preprocessing of the network.
        usual: Preprocessing of the data set.
    """
    if preprocessing.resize is not None or (usual.resize is None and usual.size == preprocessing.size):
        return preprocessing
    return replace(preprocessing, resize=preprocessing.size)
