"""What is kept of a layer's output: squared distances in float64, never the output itself."""

from typing import NamedTuple

import torch
from torch import Tensor

from ...precision import doubled, sent

PAIRS = 10  # an image takes part in, on either side
AT_ONCE = {"cpu": 2**20, "cuda": 2**24}  # values in float64 at a time: many threads have little to wait for


class Moments(NamedTuple):
    """Of the outputs h of one layer for B images and G - 1 changes of each, all float64.

    Attributes:
        squares: ||h(changed x) - h(x)||^2, `[B, G - 1]`.
        pairs: ||h(x) - h(z)||^2 of the `neighbours` among the images, `[P]`.
        total: The sum of h(x) over the images, `[features]`.
        spread: The sum of ||h(x) - mean||^2 over the images, `[]`.
    """

    squares: Tensor
    pairs: Tensor
    total: Tensor
    spread: Tensor


def moments(values: Tensor, groups: int) -> Moments:
    """The moments of a layer's output.

    Args:
        values: `[groups * B, ...]`: the images first, then each change of all of them.
        groups: G.

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
        first -= totals[-1] / images  # or the products would lose the differences
        products.append(first @ first.T)
    product = torch.stack(products).sum(0)
    sizes = product.diagonal()
    one, other = sent(neighbours(images), product.device)
    pairs = (sizes[one] + sizes[other] - 2 * product[one, other]).clamp_min(0)
    return Moments(torch.stack(squares).sum(0).T, pairs, torch.cat(totals), sizes.sum())


def neighbours(images: int) -> Tensor:
    """Pairs of different images, int64 `[2, P]`: each image with the next ten behind it in a circle, once.

    Images that come in random order make them a random choice among all pairs.

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
    """`[B, features]`, the features in the order of the memory: distances don't care, and no copy is made."""
    inner = sorted(range(1, values.ndim), key=values.stride, reverse=True)
    return values.permute(0, *inner).reshape(len(values), -1)
