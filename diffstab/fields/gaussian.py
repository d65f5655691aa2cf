"""Gaussian interpolation (Eq. 16) along a field, over a window of K x K pixels around each position.

Weights outside the window are negligible: the error is 1.6e-9 for K = 6 and 1e-15 for K = 8. The interpolation is
separable. Along an axis, two neighbouring pixels times their weights are one linear interpolation times the sum of the
weights. So each 2 x 2 block of the window is one bilinear sample, and (K / 2)^2 samples are enough. With torch.compile
the window is read pixel by pixel, since the compiler fuses these reads.
"""

from functools import reduce
from operator import add

import torch
from torch import Tensor

from ..options import GAUSSIAN_SIGMA
from .bilinear import grid_of, sample_grid
from .displacement import sources_of
from .field import DisplacementField

WINDOW = {torch.float32: 6, torch.float64: 8}  # pixels, even


def window_of(position: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
    """The window's K pixels along one axis and their weights, not normalised: `(pixel, weight)` like `position`.

    Args:
        position: Positions in pixels, from 0 to n - 1.
        n: Number of pixels along the axis. Pixels of the window outside it have weight 0.
    """
    window = WINDOW[position.dtype]
    # The position lies in the middle of the window, except at borders, where the window stays inside the image.
    start = (position.detach().floor() - (window // 2 - 1)).clamp(0, max(n - window, 0))
    pixels = [start + k for k in range(window)]
    weights = [torch.exp(-((position - pixel) ** 2) / (2 * GAUSSIAN_SIGMA**2)) for pixel in pixels]
    if n < window:
        weights = [weight * (pixel < n) for weight, pixel in zip(weights, pixels, strict=True)]
    return list(zip(pixels, weights, strict=True))


def gather_window(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Interpolates images `[B, C, H, W]` at positions `[B, H, W]`, one gather per pixel of the window: K^2 gathers.

    Slow without torch.compile; once compiled, twice as fast as bilinear samples of 2 x 2 blocks.
    """
    height, width = images.shape[-2:]
    # A side shorter than the window: pixels outside it have weight 0.
    across, down = window_of(x, width)[:width], window_of(y, height)[:height]
    norm_x, norm_y = (reduce(add, [weight for _, weight in taps]).unsqueeze(1) for taps in (across, down))
    first = (down[0][0].long() * width + across[0][0].long()).flatten(1).unsqueeze(1).expand(images.flatten(2).shape)
    flat, total = images.flatten(2), torch.zeros((), dtype=images.dtype, device=images.device)
    for line, (_, weight_y) in enumerate(down):
        row = torch.zeros((), dtype=images.dtype, device=images.device)
        for column, (_, weight_x) in enumerate(across):
            values = flat.gather(2, first + (line * width + column))
            row = row + (weight_x.unsqueeze(1) / norm_x).flatten(2) * values
        total = total + (weight_y.unsqueeze(1) / norm_y).flatten(2) * row
    return total.view(images.shape)


def interpolate_gaussian(images: Tensor, field: DisplacementField | Tensor) -> Tensor:
    """Interpolates images `[B, C, H, W]` with a Gaussian, each along one field."""
    displacement = field.displacement() if isinstance(field, DisplacementField) else field
    height, width = displacement.shape[-2:]
    x, y = sources_of(displacement)
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    if torch.compiler.is_compiling():
        return gather_window(images, *(position.expand(len(images), height, width) for position in (x, y)))
    taps_x, taps_y = _paired_taps(x, width), _paired_taps(y, height)
    total = torch.zeros((), dtype=images.dtype, device=images.device)
    for weight_y, position_y in taps_y:
        for weight_x, position_x in taps_x:
            block = sample_grid(images, grid_of(position_x, position_y))
            total = total + (weight_x * weight_y).unsqueeze(1) * block
    return total


def _paired_taps(position: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
    """The window's Gaussian weights along one axis, in pairs of neighbouring pixels.

    Returns:
        One (weight, position) for each pair, both shaped like `position`. The weight is the sum of the pair's two
        weights, normalised over the window. Linear interpolation at the position gives the pair's weighted mean.
    """
    pixels, weights = zip(*window_of(position, n), strict=True)
    both = [weights[k] + weights[k + 1] for k in range(0, len(weights), 2)]
    norm = reduce(add, both)  # term by term, because the rounding of torch.sum would depend on the batch
    pairs = []
    for weight, second, pixel in zip(both, weights[1::2], pixels[::2], strict=True):
        share = second / weight.clamp_min(torch.finfo(weight.dtype).tiny)
        pairs.append((weight / norm, pixel + share))
    return pairs
