"""Which modes (i, j) a displacement field has: those of the cutoff's rule (Eq. 2)."""

import math
from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=64)
def mode_numbers(size: tuple[int, int], cutoff: float, rule: str) -> tuple[Tensor, Tensor]:
    """i (along x) and j (along y) of the kept modes, int64 `[modes]` each, in rising order; i <= W and j <= H.

    Args:
        size: `(H, W)`.
        cutoff: c.
        rule: `disk` (i^2 + j^2 <= c^2) or `half-integer` (sqrt(i^2 + j^2) < c + 1/2).

    >>> i, j = mode_numbers((17, 11), 3, "disk")
    >>> list(zip(i.tolist(), j.tolist()))
    [(1, 1), (1, 2), (2, 1), (2, 2)]
    """
    height, width = size
    reach = min(cutoff if rule == "disk" else cutoff + 0.5, 2.0 * (height + width))
    i = torch.arange(1, min(width, math.floor(reach)) + 1)
    j = torch.arange(1, min(height, math.floor(reach)) + 1)
    squared = (i[:, None] ** 2 + j**2).to(torch.float64)
    # c = sqrt(18) keeps (3, 3), though its square in floating point is a little less than 18
    kept = squared <= reach**2 * (1 + 1e-12) if rule == "disk" else squared.sqrt() < reach
    first, second = kept.nonzero(as_tuple=True)
    return first + 1, second + 1
