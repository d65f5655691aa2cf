"""Images, masks, boxes and points in kornia's shapes."""

import torch
from torch import Tensor

from diffstab import DisplacementField
from diffstab.transforms.kornia import RandomDiffeomorphism

SIZE = (17, 11)
KEYS = ["input", "mask", "bbox_xyxy", "keypoints"]
ROUNDING = 1e-5  # of float32, of values and positions up to 17
EDGES = torch.tensor([[0.0, 0.0, 11.0, 17.0], [2.0, 3.0, 8.0, 9.5], [4.5, 6.0, 5.5, 16.0]])
PLUS = torch.tensor([0, 0, 1, 1])  # kornia's boxes end at the middle of their last pixel


def rand(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


def labels(*shape: int) -> Tensor:
    return torch.randint(0, 7, shape, generator=torch.Generator().manual_seed(1))


def boxes(count: int) -> Tensor:
    """`[B, 3, 4]`, the first all of the image."""
    return (EDGES - PLUS).expand(count, -1, -1).clone()


def points(count: int) -> Tensor:
    return torch.tensor([[3.0, 5.5], [0.0, 16.0], [9.2, 1.1], [-4.0, 30.0]]).expand(count, -1, -1).clone()


def inputs(count: int) -> tuple[Tensor, ...]:
    return rand(count, 3, *SIZE), labels(count, 2, *SIZE), boxes(count), points(count)


def field_of(augmentation: RandomDiffeomorphism, size: tuple[int, int] = SIZE) -> DisplacementField:
    return DisplacementField(augmentation._params["coefficients"], size)
