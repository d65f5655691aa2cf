"""Data sets by name: items are `(image, label)`, the image float32 `[C, H, W]` in the network's input space."""

from .images import ImageSet, PixelImageSet, TensorImageSet, image_set
from .load import load_dataset
from .preprocessing import Preprocessing, normalise
from .raw import UNLABELLED, RawImages

__all__ = [
    "UNLABELLED",
    "ImageSet",
    "PixelImageSet",
    "Preprocessing",
    "RawImages",
    "TensorImageSet",
    "image_set",
    "load_dataset",
    "normalise",
]
