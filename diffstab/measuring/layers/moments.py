"""Reduces a layer's output to squared distances in float64; the output itself is never kept."""

from typing import NamedTuple

import torch
from torch import Tensor

from ...precision import doubled, sent

PAIRS = 10  # pairs of an image with images behind it, and as many with images before it
AT_ONCE = {"cpu": 2**20, "cuda": 2**24}  # float64 values per block: more for GPUs, which run more threads


class Moments(NamedTuple):
    """Moments of the outputs h of one layer for B images x and G - 1 changes of each, all float64.

    Attributes:
        squares: Squared changes ||h(changed x) - h(x)||^2, `[B, G - 1]`.
        pairs: Squared distances ||h(x) - h(z)||^2 of the pairs of images in `neighbours`, `[P]`.
        total: The sum of h(x) over the images, `[features]`.
        spread: The sum of ||h(x) - mean||^2 over the images, `[]`.
    """

    squares: Tensor
    pairs: Tensor
    total: Tensor
    spread: Tensor


def moments(values: Tensor, groups: int) -> Moments:
    """Computes the moments of a layer's output.

    Args:
        values: Output `[groups * B, ...]`: of the images first, then of each change of all images.
        groups: Number G of groups: the images, and their G - 1 changes.

    >>> found = moments(torch.tensor([[0.0], [2.0], [1.0], [2.0]]), groups=2)
    >>> found.squares.tolist(), found.pairs.tolist(), found.total.tolist()
    ([[1.0], [0.0]], [4.0], [2.0])
    """
    rows = _rows(values)
    images = len(rows) // groups
    width = max(1, AT_ONCE.get(values.device.type, 2**20) // len(rows))
    squares, products, totals = [], [], []
    for columns in rows.split(width, dim=1):
        block = doubled(columns).view(groups, images, -1)
        first = block[0]
        squares.append(block[1:].sub_(first).square_().sum(-1))
        totals.append(first.sum(0))
        first -= totals[-1] / images  # without this, rounding of the products would hide the differences
        products.append(first @ first.T)
    product = torch.stack(products).sum(0)
    sizes = product.diagonal()
    one, other = sent(neighbours(images), product.device)
    pairs = (sizes[one] + sizes[other] - 2 * product[one, other]).clamp_min(0)
    return Moments(torch.stack(squares).sum(0).T, pairs, torch.cat(totals), sizes.sum())


def neighbours(images: int) -> Tensor:
    """Returns pairs of different images, int64 `[2, P]`: each image with the ten that follow it in a circle.

    If images come in random order, these are a random choice among all pairs.

    >>> neighbours(3).tolist()
    [[0, 1, 2], [1, 2, 0]]
    """
    first = torch.arange(images)
    steps = range(1, min(PAIRS, images // 2) + 1)
    whole = [
        torch.stack([first, (first + step) % images])[:, : images // 2 if 2 * step == images else None]
        for step in steps
    ]
    return torch.cat(whole, dim=1) if whole else torch.empty(2, 0, dtype=torch.int64)


def _rows(values: Tensor) -> Tensor:
    """Returns `[B, features]`, with features in memory order, which saves a copy and doesn't change distances."""
    inner = sorted(range(1, values.ndim), key=values.stride, reverse=True)
    return values.permute(0, *inner).reshape(len(values), -1)
