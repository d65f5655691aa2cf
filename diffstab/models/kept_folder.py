"""A folder that `diffstab train` wrote: model.safetensors, and config.json that tells what network it is of."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..checks import a_text
from ..data import Preprocessing
from .from_timm import folder_config
from .sources import Shape

PREPROCESSING, WEIGHTS_FILE = "preprocessing", "model.safetensors"


class KeptNetwork(NamedTuple):
    """The network's own spec, the images that it was trained on, its preprocessing, and the file of its weights."""

    spec: str
    shape: Shape
    preprocessing: Preprocessing
    checkpoint: Path


def kept_network(folder: Path) -> KeptNetwork | None:
    """What a folder holds; None if it is in the layout of timm's hub.

    Raises:
        ValueError: If its config.json can't be read or the weights are missing.
    """
    config = folder_config(folder)
    if not isinstance(config.get(PREPROCESSING), dict):
        return None
    try:
        told: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in config[PREPROCESSING].items()}
        channels, height, width = config["input_size"]
        shape = Shape(channels, height, width, config["num_classes"])
        spec = a_text("architecture", config["architecture"])
        return KeptNetwork(spec, shape, Preprocessing(**told), folder / WEIGHTS_FILE)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{str(folder / 'config.json')!r} can't be understood ({error})") from error


def fitted(preprocessing: Preprocessing, usual: Preprocessing) -> Preprocessing:
    """For images of a data set, whose own preprocessing is `usual`: those of another size are resized."""
    if preprocessing.resize is not None or (usual.resize is None and usual.size == preprocessing.size):
        return preprocessing
    return replace(preprocessing, resize=preprocessing.size)
