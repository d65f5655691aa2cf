"""Images before any preprocessing: held in memory, or files that are opened when they are asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..checks import some
from .files import counted, is_turned, read_image
from .preprocessing import Preprocessing

UNLABELLED = -1
LISTED = 10  # classes of which each is told


class RawImages:
    """Images with labels, and what their data set says of them.

    Attributes:
        name: As it is named on the command line.
        split: As the data set calls it; None where it has no splits.
        labels: int64 `[N]`, -1 throughout where there are none.
        classes: Number of classes, 0 where there are no labels.
        class_names: Of each class, where the data set names them: WordNet's synsets (n01440764) for ImageNet's parts.
        usual: The preprocessing of networks that are trained on this data set.
        contents: Of files: where they lie, how many they are, and of which classes; a line for people.
        notes: What the user should know of how the files were read, such as what was left out.

    Raises:
        ValueError: If a label is outside the classes.
    """

    contents: str = ""
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        split: str | None,
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

    def turned(self, index: int) -> bool:
        """Whether the image is a file that lies otherwise than it should be seen, by its EXIF orientation."""
        return False

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
    """Image files.

    Args:
        place: The folder that they were looked for in.
        notes: What the user should know of how they were found.
    """

    def __init__(
        self,
        name: str,
        split: str | None,
        files: Sequence[Path],
        labels: Sequence[int],
        classes: int,
        usual: Preprocessing,
        class_names: Sequence[str] = (),
        *,
        place: Path | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(name, split, labels, classes, usual, class_names)
        self.files, self.notes = list(files), tuple(notes)
        if place is not None:
            counts = np.bincount(self.labels, minlength=classes).tolist() if classes else []
            self.contents = (
                f"{str(place)!r}: {counted(len(self.files), 'image')}, {_told_classes(self.class_names, counts)}"
            )

    def open(self, index: int) -> Image.Image:
        """The image, as the file has it."""
        return read_image(self.files[index])

    def turned(self, index: int) -> bool:
        """By the file's header."""
        return is_turned(self.files[index])

    def title(self, index: int) -> str:
        """The file's path."""
        return repr(str(self.files[index]))


def _told_classes(names: Sequence[str], counts: Sequence[int]) -> str:
    """The classes with their numbers of images; of many, the first few and the range of the numbers.

    >>> _told_classes(["cat", "dog"], [10, 12])
    '2 classes: cat 10, dog 12'
    """
    if not counts:
        return "no classes"
    title = counted(len(counts), "class", "classes")
    if len(counts) <= LISTED:
        return f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in zip(names, counts, strict=True))
    return f"{title} of {min(counts):,} to {max(counts):,}: {some(names)}"
