"""Gaussian interpolation (Eq. 16) along a field, over a window of K x K pixels around each position.

It is separable and its weights are negligible beyond the window (error 1.6e-9 for K = 6, 1e-15 for K = 8). Two
neighbouring weights along an axis times the two pixel values are their sum times one linear interpolation, so each
2 x 2 block of the window is one bilinear sample: (K / 2)^2 samples in all. torch.compile takes the window pixel by
pixel, which it fuses.
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
    """The window's K pixels along one axis and their weights, not normalised, `(pixel, weight)` like `position`.

    Args:
        position: Within 0 and n - 1, pixels.
        n: Pixels of the axis; those of the window beyond it weigh nothing.
    """
    window = WINDOW[position.dtype]
    # it holds the pixels next to the position in its middle and slides inside the image at the borders
    start = (position.detach().floor() - (window // 2 - 1)).clamp(0, max(n - window, 0))
    pixels = [start + k for k in range(window)]
    weights = [torch.exp(-((position - pixel) ** 2) / (2 * GAUSSIAN_SIGMA**2)) for pixel in pixels]
    if n < window:
        weights = [weight * (pixel < n) for weight, pixel in zip(weights, pixels, strict=True)]
    return list(zip(pixels, weights, strict=True))


def gather_window(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """`[B, C, H, W]` interpolated at positions `[B, H, W]`, pixel by pixel of the window: K^2 gathers.

    Slow as it stands, and twice as fast as bilinear samples of pairs once torch.compile has fused it.
    """
    height, width = images.shape[-2:]
    # taps beyond a side shorter than the window weigh nothing
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
    """`[B, C, H, W]` interpolated with a Gaussian along one field each."""
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
        For each pair (weight, position), both like `position`: the two weights' sum, normalised over the window, and
        where a linear interpolation between the two pixels gives their weighted mean.
    """
    pixels, weights = zip(*window_of(position, n), strict=True)
    both = [weights[k] + weights[k + 1] for k in range(0, len(weights), 2)]
    norm = reduce(add, both)  # term by term: a reduction's rounding would depend on the batch
    pairs = []
    for weight, second, pixel in zip(both, weights[1::2], pixels[::2], strict=True):
        share = second / weight.clamp_min(torch.finfo(weight.dtype).tiny)
        pairs.append((weight / norm, pixel + share))
    return pairs
