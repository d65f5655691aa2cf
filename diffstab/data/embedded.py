"""The data sets that come inside the package. Sources and licences: diffstab/data/embedded/README.md."""

from pathlib import Path

import numpy as np
import torch

from .folder import FolderImageSet
from .images import MNIST_STATISTICS, ImageSet, TensorImageSet, normalise

EMBEDDED = Path(__file__).parent / "embedded"
TEST_PER_CLASS = 100  # the last ones of each class


def mnist5k(split: str) -> ImageSet:
    """5,000 MNIST digits, 500 a class: the last 100 of each class are the test split, the rest trains."""
    with np.load(EMBEDDED / "mnist5k.npz") as archive:
        pixels, labels = archive["images"], archive["labels"].astype(np.int64)
    rank = np.empty(len(labels), dtype=np.int64)  # position of each digit within its class
    for digit in range(10):
        members = np.flatnonzero(labels == digit)
        rank[members] = np.arange(len(members))
    per_class = len(labels) // 10
    chosen = (rank >= per_class - TEST_PER_CLASS) == (split == "test")
    images = torch.from_numpy(pixels[chosen]).unsqueeze(1).to(torch.float32) / 255
    return TensorImageSet("mnist5k", split, normalise(images, MNIST_STATISTICS), torch.from_numpy(labels[chosen]), 10)


def photos(split: str) -> ImageSet:
    """13 public-domain and CC0 photographs, 224 x 224, without labels. There is a test split only."""
    if split != "test":
        raise ValueError(f"split is {split!r}; the data set photos has only the split 'test'")
    return FolderImageSet("photos", split, EMBEDDED / "photos")
