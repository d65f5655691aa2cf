"""Functions of a displacement `[..., 2, H, W]` in pixels or its gradient: sources, clamped pixels, operator norm."""

from collections.abc import Sequence

import torch
from torch import Tensor


def sources_of(displacement: Tensor) -> tuple[Tensor, Tensor]:
    """Source positions (k - dx, l - dy) in pixels of a displacement `[..., 2, H, W]` in pixels, x first."""
    height, width = displacement.shape[-2:]
    k = torch.arange(width, dtype=displacement.dtype, device=displacement.device)
    line = torch.arange(height, dtype=displacement.dtype, device=displacement.device)
    return k - displacement[..., 0, :, :], line[:, None] - displacement[..., 1, :, :]


def clamped_fraction(displacement: Tensor) -> Tensor:
    """Share of the pixels whose source lies outside the frame and is clamped to it, `[...]`.

    Args:
        displacement: Displacement `[..., 2, H, W]` in pixels, x first.

    >>> displacement = torch.zeros(2, 4, 4)
    >>> displacement[0] = 1.0  # pixels of the first column read beyond the frame
    >>> float(clamped_fraction(displacement))
    0.25
    """
    height, width = displacement.shape[-2:]
    x, y = sources_of(displacement)
    outside = (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)
    return outside.to(displacement.dtype).mean((-2, -1))


def pixel_determinant(gradient: Sequence[Tensor], stretch: tuple[float, float] = (1, 1)) -> Tensor:
    """Jacobian determinant of the map (k, l) -> (k - dx, l - dy), dimensionless, `[...]`; <= 0 where the field folds.

    Args:
        gradient: Gradient of (dx, dy) in pixels per pixel, row by row: xx, xy, yx and yy, `[...]` each.
        stretch: Factors of the gradient's x and y components, if it isn't in pixels per pixel.
    """
    (xx, xy, yx, yy), (x, y) = gradient, stretch
    return (1 - x * xx) * (1 - y * yy) - x * y * xy * yx


def operator_norm(gradient: Tensor) -> Tensor:
    """The largest singular value of the 2 x 2 matrix at each pixel, `[..., H, W]`, in the gradient's unit.

    A matrix [[a, b], [c, d]] is a rotation times |(a + d, c - b)| / 2 plus a reflection times |(a - d, b + c)| / 2.
    In one direction both add up, so the norm is the sum of the two factors; it neither cancels nor overflows.

    Args:
        gradient: Matrices `[..., 2, 2, H, W]`.

    >>> operator_norm(torch.tensor([[3.0, 0.0], [0.0, -4.0]]).view(2, 2, 1, 1))
    tensor([[4.]])
    """
    a, b, c, d = gradient.flatten(-4, -3).unbind(-3)
    return (torch.hypot(a + d, c - b) + torch.hypot(a - d, b + c)) / 2
