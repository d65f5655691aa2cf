"""What a data set is here: items `(image, label)` in the network's input space, and what is known of them."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

UNLABELLED = -1

# Mean and standard deviation per channel, of pixel values in [0, 1]
MNIST_STATISTICS = ((0.1307,), (0.3081,))
IMAGENET_STATISTICS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class ImageSet(Dataset[tuple[Tensor, int]]):
    """A data set whose images are float32 `[C, H, W]`, normalised, all of one shape.

    Attributes:
        name: As it is named on the command line.
        split: `train` or `test`.
        shape: `(C, H, W)` of every image.
        classes: Number of classes, 0 where there are no labels (every label is then -1).
    """

    name: str
    split: str
    shape: tuple[int, int, int]
    classes: int

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        raise NotImplementedError


class TensorImageSet(ImageSet):
    """Images held in memory: float32 `[N, C, H, W]` with integer labels `[N]`."""

    def __init__(self, name: str, split: str, images: Tensor, labels: Tensor, classes: int) -> None:
        self.name, self.split, self.classes = name, split, classes
        self.images, self.labels = images, labels
        channels, height, width = images.shape[1:]
        self.shape = (channels, height, width)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], int(self.labels[index])


def normalise(pixels: Tensor, statistics: tuple[Sequence[float], Sequence[float]]) -> Tensor:
    """(pixels - mean) / std per channel: pixel values in [0, 1], `[..., C, H, W]`, to a network's input space."""
    mean, std = (torch.tensor(values, dtype=pixels.dtype).view(-1, 1, 1) for values in statistics)
    return (pixels - mean) / std
