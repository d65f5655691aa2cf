"""Labels deformed along displacement fields: each pixel takes the label nearest to its source, so none is made up."""

import torch
from torch import Tensor

from .field import DisplacementField

SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
"""The same bits for dtypes that old releases of torch can't gather."""


def deform_labels(labels: Tensor, field: DisplacementField) -> Tensor:
    """The labels deformed along the field: pixel (k, l) of the result is the label nearest to (k - dx, l - dy).

    Args:
        labels: `[..., H, W]`, of any dtype.
        field: For `(H, W)`, of batch shape `[...]`, or one whose leading dimensions broadcast to it.

    Returns:
        `[..., H, W]`, of the labels' dtype.

    Raises:
        ValueError: If sizes or leading dimensions don't match.

    >>> import torch
    >>> from diffstab import MaxEntropyEnsemble
    >>> fields = MaxEntropyEnsemble((17, 11), cutoff=5, delta=1.0).sample(2)
    >>> deform_labels(torch.randint(0, 5, (2, 17, 11)), fields).shape
    torch.Size([2, 17, 11])
    """
    if tuple(labels.shape[-2:]) != field.size:
        raise ValueError(f"labels are {tuple(labels.shape)}; the field is for [..., {field.size[0]}, {field.size[1]}]")
    height, width = field.size
    x, y = field.to(device=labels.device).source_positions()
    column = (x + 0.5).floor_().clamp_(0, width - 1).long()
    place = (y + 0.5).floor_().clamp_(0, height - 1).long().mul_(width).add_(column)
    try:
        places = place.expand(labels.shape)
    except RuntimeError:
        came = f"labels lead with {tuple(labels.shape[:-2])} and fields with {tuple(field.shape)}"
        raise ValueError(f"{came}; the fields must broadcast to the labels") from None
    signed = labels.view(SIGNED.get(labels.dtype, labels.dtype))
    return signed.flatten(-2).gather(-1, places.flatten(-2)).view(labels.shape).view(labels.dtype)
