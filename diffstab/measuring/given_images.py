"""Converts images from the forms that users have, and finds their size."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from ..precision import tensor_of
from ..streams import untouched_global_state
from .batches import Images, came, image_and_label

FEW_CHANNELS = (1, 3, 4)


class _Items(Dataset[Any]):
    """Wraps any object with a length and items, such as a data set of the library `datasets`."""

    def __init__(self, items: Any) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Any:
        return self.items[place]

    def __getattr__(self, name: str) -> Any:
        if name == "items":  # not set yet: pickle looks up attributes before __init__
            raise AttributeError(name)
        return getattr(self.items, name)


def as_images(images: Any) -> Images:
    """Converts NumPy arrays, lists of images and other libraries' data sets to images that `as_batches` takes.

    Raises:
        TypeError: If the images are PIL pictures, which are not in the network's input space yet.
        ValueError: If an array has its channels last.
    """
    if isinstance(images, np.ndarray):
        if images.ndim == 4 and images.shape[-1] in FEW_CHANNELS and images.shape[1] not in FEW_CHANNELS:
            raise ValueError(f"images are {images.shape}; channels must come second: images.transpose(0, 3, 1, 2)")
        return tensor_of(images)
    if isinstance(images, (Tensor, Dataset, str)) or not all(hasattr(images, a) for a in ("__len__", "__getitem__")):
        given: Images = images
        return given
    first = _first(images)
    if hasattr(first, "getbands"):
        raise TypeError(
            "images are pictures of PIL; tensors as the network takes them are needed: "
            "torch.stack([transform(picture) for picture in pictures]), with the transform of its training"
        )
    return _Items(images) if isinstance(first, Tensor) and first.ndim == 3 else images


def image_size(images: Images) -> tuple[int, int]:
    """Returns (H, W) of the first image, in pixels, without touching the global random state.

    Raises:
        TypeError, ValueError: If there is no image, or the first one is no tensor.
    """
    first: Any = images if isinstance(images, Tensor) else _first(images)
    if first is None:
        raise ValueError("there are no images; 2 at least are needed")
    if not isinstance(first, Tensor) or first.ndim < 3:
        raise TypeError(f"images are {came(first)}; float tensors [C, H, W], or batches [B, C, H, W], are needed")
    return first.shape[-2], first.shape[-1]


def _first(images: Any) -> Any:
    """Returns the first image or batch, or None if there is none; an object that is no collection comes back itself."""
    if not hasattr(images, "__iter__") and not hasattr(images, "__getitem__"):
        return images
    with untouched_global_state(torch.device("cpu")):
        if (isinstance(images, Iterable) and not hasattr(images, "__getitem__")) or isinstance(images, IterableDataset):
            item = next(iter(images), None)
        else:
            item = images[0] if len(images) else None
    return None if item is None else image_and_label(item)[0]
