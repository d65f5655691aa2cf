"""Images before any preprocessing: held in memory, or files that are opened when they are asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .files import read_image
from .preprocessing import Preprocessing

UNLABELLED = -1


class RawImages:
    """Images with labels, and what their data set says of them.

    Attributes:
        name: As it is named on the command line.
        split: As the data set calls it.
        labels: int64 `[N]`, -1 throughout where there are none.
        classes: Number of classes, 0 where there are no labels.
        class_names: Of each class, where the data set names them: WordNet's synsets (n01440764) for ImageNet's parts.
        usual: The preprocessing of networks that are trained on this data set.

    Raises:
        ValueError: If a label is outside the classes.
    """

    def __init__(
        self,
        name: str,
        split: str,
        labels: Sequence[int] | NDArray[np.int64],
        classes: int,
        usual: Preprocessing,
        class_names: Sequence[str] = (),
    ) -> None:
        self.name, self.split, self.classes = name, split, classes
        self.labels = np.asarray(labels, dtype=np.int64)
        self.usual, self.class_names = usual, tuple(class_names)
        outside = (self.labels < 0) | (self.labels >= classes) if classes else self.labels != UNLABELLED
        if outside.any():
            index = int(np.flatnonzero(outside)[0])
            allowed = f"0 to {classes - 1}" if classes else f"{UNLABELLED}, for none"
            raise ValueError(
                f"{name}/{split}: image {index} has label {self.labels[index]}; there are {classes} classes, so labels "
                f"are {allowed}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def open(self, index: int) -> Image.Image:
        """The image, as it is stored."""
        raise NotImplementedError

    def title(self, index: int) -> str:
        """How messages call an image."""
        return f"image {index} of {self.name}"


class ArrayImages(RawImages):
    """Images of one size in memory: `pixels` are uint8 `[N, H, W]` (gray) or `[N, H, W, 3]`."""

    def __init__(
        self,
        name: str,
        split: str,
        pixels: NDArray[np.uint8],
        labels: Sequence[int] | NDArray[np.int64],
        classes: int,
        usual: Preprocessing,
        class_names: Sequence[str] = (),
    ) -> None:
        super().__init__(name, split, labels, classes, usual, class_names)
        self.pixels = pixels
        if len(pixels) != len(self.labels):
            raise ValueError(f"{name}/{split} has {len(pixels)} images and {len(self.labels)} labels")

    def open(self, index: int) -> Image.Image:
        """The image, gray or RGB."""
        return Image.fromarray(self.pixels[index])


class FileImages(RawImages):
    """Image files."""

    def __init__(
        self,
        name: str,
        split: str,
        files: Sequence[Path],
        labels: Sequence[int],
        classes: int,
        usual: Preprocessing,
        class_names: Sequence[str] = (),
    ) -> None:
        super().__init__(name, split, labels, classes, usual, class_names)
        self.files = list(files)

    def open(self, index: int) -> Image.Image:
        """The image, as the file has it."""
        return read_image(self.files[index])

    def title(self, index: int) -> str:
        """The file's path."""
        return repr(str(self.files[index]))
