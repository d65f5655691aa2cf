"""Maps made of two deformations: one field after another, and back along the inverse."""

import torch
from torch import Tensor

from .deformation import deform
from .field import DisplacementField
from .points import pixel_positions


def compose(first: DisplacementField, second: DisplacementField) -> Tensor:
    """The displacement of deforming along one field and then along another.

    [second first x](q) = x(p - d_1(p)) with p = q - d_2(q) clamped to the frame; d_1 is the series at p itself.

    Args:
        first: Of batch shape `[...]`.
        second: For the same size, of a batch shape that broadcasts.

    Returns:
        `[..., 2, H, W]` in pixels, x first, for `deform`; exact, while deforming twice interpolates twice.

    Raises:
        ValueError: If sizes or batch shapes don't match.

    >>> from diffstab import MaxEntropyEnsemble
    >>> first, second = (MaxEntropyEnsemble((17, 11), cutoff=3, delta=1.0).sample(5) for _ in range(2))
    >>> compose(first, second).shape
    torch.Size([5, 2, 17, 11])
    """
    if first.size != second.size:
        raise ValueError(f"fields are for {first.size} and {second.size}; they must be for images of one size")
    pixels = pixel_positions(first.size, torch.float64, second.coefficients.device).view(-1, 2)
    between = second.source_of(pixels.expand(*second.shape, -1, -1))
    moved = pixels - between + first.displacement_at(between)
    found: Tensor = moved.unflatten(-2, first.size).movedim(-1, -3).to(first.coefficients.dtype)
    return found


def inverse_error(images: Tensor, field: DisplacementField) -> Tensor:
    """||x - tau^-1 tau x|| / ||x||: what is lost by deforming and going back, each time interpolating bilinearly.

    Args:
        images: `[..., C, H, W]`, floating point.
        field: Of batch shape `[...]`.

    Returns:
        `[...]`, dimensionless. Raises what `deform` raises.

    >>> from diffstab import MaxEntropyEnsemble
    >>> images, ensemble = torch.ones(2, 3, 17, 11), MaxEntropyEnsemble((17, 11), cutoff=3, delta=1.0)
    >>> bool((inverse_error(images, ensemble.sample(2)) < 1e-6).all())  # constant images lose nothing
    True
    """
    back = deform(deform(images, field), field.inverse())
    share: Tensor = (back - images).flatten(-3).norm(dim=-1) / images.flatten(-3).norm(dim=-1)
    return share
