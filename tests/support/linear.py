"""Images and a network on which changes by deformation are linear in the displacement, so that laws are exact."""

import torch
from torch import nn

SIDE = 24  # pixels


def ramps(images, dtype=torch.float64):
    """Images that rise evenly, `[N, 1, H, W]`: bilinear interpolation is exact on them. And their slopes, `[N, 2]`."""
    slopes = torch.randn(images, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    at = torch.arange(SIDE, dtype=torch.float64)
    found = slopes[:, 0, None, None] * at + slopes[:, 1, None, None] * at[:, None]
    return found[:, None].to(dtype), slopes


class Linear(nn.Module):
    """f(x) = A x, with random A of 6 outputs."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.A = nn.Parameter(torch.randn(6, SIDE * SIDE, dtype=torch.float64, generator=generator))

    def forward(self, x):
        return x.flatten(1) @ self.A.T
