"""Images before preprocessing: held in memory, or files that are opened one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..checks import some
from .files import counted, is_turned, read_image
from .preprocessing import Preprocessing

UNLABELLED = -1
LISTED = 10  # largest number of classes listed one by one


@dataclass(eq=False, repr=False)
class RawImages:
    """Images with labels, and information about their data set.

    Attributes:
        name: Name of the data set on the command line.
        split: Name of the split; None if the data set has no splits.
        labels: Labels, int64 `[N]`; all -1 if there are none.
        classes: Number of classes; 0 if there are no labels.
        class_names: Names of the classes; empty if there are none. WordNet's synsets (n01440764) for ImageNet's parts.
        usual: Preprocessing of networks trained on this data set.
        contents: One line about image files: folder, number of images, images per class.
        notes: Sentences for the user about how files were read, such as files left out.

    Raises:
        ValueError: If a label is outside the classes.
    """

    name: str
    split: str | None
    labels: NDArray[np.int64]
    classes: int
    usual: Preprocessing
    class_names: Sequence[str] = ()
    contents: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.labels, self.class_names = np.asarray(self.labels, dtype=np.int64), tuple(self.class_names)
        outside = (self.labels < 0) | (self.labels >= self.classes) if self.classes else self.labels != UNLABELLED
        if outside.any():
            index = int(np.flatnonzero(outside)[0])
            allowed = f"0 to {self.classes - 1}" if self.classes else f"{UNLABELLED}, for none"
            raise ValueError(
                f"{self.name}/{self.split}: image {index} has label {self.labels[index]}; there are {self.classes} "
                f"classes, so labels are {allowed}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def open(self, index: int) -> Image.Image:
        """Reads one image, as stored."""
        raise NotImplementedError

    def turned(self, index: int) -> bool:
        """True if the image is a file that its EXIF orientation says to rotate or mirror."""
        return False

    def title(self, index: int) -> str:
        """Name of an image in messages."""
        return f"image {index} of {self.name}"


@dataclass(eq=False, repr=False)
class ArrayImages(RawImages):
    """Images of one size in memory: `pixels` are uint8 `[N, H, W]` (gray) or `[N, H, W, 3]`."""

    pixels: NDArray[np.uint8] = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.pixels) != len(self.labels):
            raise ValueError(f"{self.name}/{self.split} has {len(self.pixels)} images and {len(self.labels)} labels")

    def open(self, index: int) -> Image.Image:
        """Converts the pixels of one image to a PIL image, gray or RGB."""
        return Image.fromarray(self.pixels[index])


@dataclass(eq=False, repr=False)
class FileImages(RawImages):
    """Images that are read from `files`; `place` is the folder that was searched for them."""

    files: Sequence[Path] = field(kw_only=True)
    place: Path | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.place is not None:
            self.contents = told_contents(str(self.place), self)

    def open(self, index: int) -> Image.Image:
        """Reads the image from its file."""
        return read_image(self.files[index])

    def turned(self, index: int) -> bool:
        """True if the file's EXIF orientation says to rotate or mirror the image."""
        return is_turned(self.files[index])

    def title(self, index: int) -> str:
        """Path of the file."""
        return repr(str(self.files[index]))


def told_contents(place: str, images: RawImages) -> str:
    """Describes images in a place in one line, with their number and classes."""
    counts = np.bincount(images.labels, minlength=images.classes).tolist() if images.classes else []
    return f"{place!r}: {counted(len(images), 'image')}, {_told_classes(images.class_names, counts)}"


def _told_classes(names: Sequence[str], counts: Sequence[int]) -> str:
    """Describes the classes with their numbers of images; many classes by the first few and the range of the numbers.

    >>> _told_classes(["cat", "dog"], [10, 12])
    '2 classes: cat 10, dog 12'
    """
    if not counts:
        return "no classes"
    title = counted(len(counts), "class", "classes")
    names = names or [str(label) for label in range(len(counts))]
    if len(counts) <= LISTED:
        return f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in zip(names, counts, strict=True))
    return f"{title} of {min(counts):,} to {max(counts):,}: {some(names)}"
