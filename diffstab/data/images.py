"""Data sets of items `(image, label)` in the network's input space, with name, shape, classes and preprocessing."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.utils.data import Dataset

from .preprocessing import Preprocessing, normalise
from .raw import UNLABELLED, ArrayImages, RawImages

LOOKED_AT = 1000  # files whose EXIF orientation is read, at most
IMAGENET_STATISTICS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class ImageSet(Dataset[tuple[Tensor, int]]):
    """A data set whose images are float32 `[C, H, W]`, normalised, all of one shape.

    Attributes:
        name: Name of the data set on the command line.
        split: `train`, `val`, `test` or `extra`; None if the data set has no splits.
        shape: Shape `(C, H, W)` of every image.
        classes: Number of classes; 0 if there are no labels (every label is then -1).
        class_names: Names of the classes; empty if the data set has none.
        preprocessing: Preprocessing that made the images; None if they came as tensors.
        contents: One line about image files: folder, number of images, images per class. Empty for other data.
        notes: Sentences for the user about how files were read, such as files left out.
    """

    name: str
    split: str | None
    shape: tuple[int, int, int]
    classes: int
    class_names: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    contents: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        raise NotImplementedError

    def orientation_note(self, indices: Sequence[int]) -> str | None:
        """A note if some of these images are files with an EXIF orientation that isn't applied; None otherwise."""
        return None

    def prepared(self, preprocessing: Preprocessing) -> "ImageSet":
        """Returns the same images with another preprocessing. Raises ValueError if they came as tensors."""
        raise ValueError(f"{self.name} came as tensors; give PIL images or arrays, or leave the preprocessing out")


class TensorImageSet(ImageSet):
    """Images held in memory: float32 `[N, C, H, W]` with integer labels `[N]`."""

    images: Tensor

    def __init__(self, name: str, split: str | None, images: Tensor, labels: Tensor, classes: int) -> None:
        self.name, self.split, self.classes = name, split, classes
        self.images, self.labels = images, labels
        channels, height, width = images.shape[1:]
        self.shape = (channels, height, width)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], int(self.labels[index])


class PreparedImageSet(ImageSet):
    """Images that are preprocessed one by one, each when it is read."""

    def __init__(self, raw: RawImages, preprocessing: Preprocessing) -> None:
        self.name, self.split = raw.name, raw.split
        self.classes, self.class_names = raw.classes, tuple(raw.class_names)
        self.contents, self.notes = raw.contents, raw.notes
        self.raw, self.preprocessing, self.shape = raw, preprocessing, preprocessing.shape

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        assert self.preprocessing is not None
        return self.preprocessing(self.raw.open(index), self.raw.title(index)), int(self.raw.labels[index])

    def orientation_note(self, indices: Sequence[int]) -> str | None:
        """A note with the number of files whose EXIF orientation isn't applied, among at most 1,000 of `indices`."""
        assert self.preprocessing is not None
        looked_at = indices[:: max(1, -(-len(indices) // LOOKED_AT))]
        count = 0 if self.preprocessing.exif_orientation else sum(self.raw.turned(index) for index in looked_at)
        if not count:
            return None
        return (
            f"{count} of {len(looked_at)} images looked at have an EXIF orientation, which is not applied (as in "
            "torchvision and timm); --exif-orientation turns them"
        )

    def prepared(self, preprocessing: Preprocessing) -> ImageSet:
        """Returns the same images with another preprocessing."""
        return image_set(self.raw, preprocessing)


class PixelImageSet(PreparedImageSet, TensorImageSet):
    """Images held in memory as bytes, already with the size and channels of the network's input."""

    def __init__(self, raw: ArrayImages, preprocessing: Preprocessing) -> None:
        super().__init__(raw, preprocessing)
        pixels = torch.from_numpy(raw.pixels)
        self._pixels = pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
        self.labels = torch.from_numpy(raw.labels)
        self._statistics = (preprocessing.mean, preprocessing.std)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return normalise(self._pixels[index].to(torch.float32) / 255, self._statistics), int(self.labels[index])

    @cached_property
    def images(self) -> Tensor:  # type: ignore[override]
        """All images, normalised, float32 `[N, C, H, W]`."""
        return normalise(self._pixels.to(torch.float32) / 255, self._statistics)


def image_set(raw: RawImages, preprocessing: Preprocessing | None = None) -> ImageSet:
    """Converts images to a network's input space; by default that of networks trained on this data set."""
    chosen = preprocessing or raw.usual
    if isinstance(raw, ArrayImages) and chosen.resize is None:
        channels = 1 if raw.pixels.ndim == 3 else 3
        if chosen.shape == (channels, *raw.pixels.shape[1:3]):
            return PixelImageSet(raw, chosen)
    return PreparedImageSet(raw, chosen)


__all__ = ["IMAGENET_STATISTICS", "UNLABELLED", "ImageSet", "PixelImageSet", "TensorImageSet", "image_set", "normalise"]
