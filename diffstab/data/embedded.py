"""The data sets that come with the package. Sources and licences: diffstab/data/embedded/README.md."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..checks import near
from ..options import PHOTOS, split_of
from .arrays import preprocessing_of
from .files import LeftOut
from .folder import images_under
from .raw import ArrayImages, RawImages

EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
TEST_PER_CLASS = 100  # the last images of each class


def mnist5k(split: str) -> RawImages:
    """5,000 MNIST digits, 500 per class: the last 100 of each class are the test split, the others the train split."""
    split = split_of("mnist5k", split, ("train", "test"))
    pixels, labels = _digits()
    rank = np.empty(len(labels), dtype=np.int64)  # position of each digit within its class
    for digit in range(10):
        members = np.flatnonzero(labels == digit)
        rank[members] = np.arange(len(members))
    per_class = len(labels) // 10
    chosen = (rank >= per_class - TEST_PER_CLASS) == (split == "test")
    usual = replace(preprocessing_of("mnist"), source="mnist5k")
    return ArrayImages("mnist5k", split, labels[chosen], 10, usual, pixels=pixels[chosen])


@cache
def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns images and labels of all digits, 4 MB, kept since each small cell of a sweep would unpack them again."""
    with np.load(EMBEDDED_FOLDER / "mnist5k.npz") as archive:
        return archive["images"], archive["labels"].astype(np.int64)


def photos(split: str) -> RawImages:
    """13 public-domain and CC0 photographs, without labels. There is a test split only."""
    raw = images_under("photos", split_of("photos", split, ("test",)), EMBEDDED_FOLDER / "photos", LeftOut())
    raw.contents = ""  # the package's folder is of no interest
    return raw


def image_path(name: str | Path) -> Path:
    """Path of an image file, or of an embedded photograph, such as `chelsea`, if there is no such file.

    Raises:
        ValueError: If a name without ending is neither a file nor a photograph.

    >>> image_path("chelsea").name
    'chelsea.jpg'
    """
    path = Path(name)
    if str(path) in PHOTOS and not path.exists():
        return EMBEDDED_FOLDER / "photos" / f"{path}.jpg"
    if path.parent == Path() and not path.suffix and not path.exists():
        known = ", ".join(PHOTOS)
        raise ValueError(
            f"there is no file {str(path)!r}{near(str(path), list(PHOTOS))}; a file or a photograph that "
            f"comes with the package is needed: {known}"
        )
    return path
