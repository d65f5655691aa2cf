"""Bounding boxes under a deformation: the smallest box around the whole deformed outline, not only its corners.

Box coordinates count from pixel edge to pixel edge, from 0 to W and H. Pixel k has its middle at k + 1/2 in these
coordinates, and at k in those of a field.
"""

import math

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import convert_bounding_box_format

from ..fields import DisplacementField

UPRIGHT = ("XYXY", "XYWH", "CXCYWH")
SAMPLES_PER_MODE = 16  # points per side of a box and mode; between two, the phase changes by at most pi / 16


def deform_boxes(boxes: Tensor, form: str, field: DisplacementField) -> Tensor:
    """Deforms boxes: returns the smallest boxes around the deformed outlines.

    A rotated box keeps its angle. A box in whole numbers becomes the smallest box in whole numbers around the outline.
    Computed on the field's device.

    Args:
        boxes: Boxes in pixels, from edge to edge: `[N, 4]`, or rotated `[N, 5]` or `[N, 8]`.
        form: torchvision's name of the format: `XYXY`, `XYWH`, `CXCYWH`, `XYWHR`, `CXCYWHR` or `XYXYXYXY`.
        field: One field, batch shape `[]`, or one for each box, `[N]`.

    Returns:
        Boxes with the shape, format, dtype and device of the given ones.

    >>> from diffstab import MaxEntropyEnsemble
    >>> field = MaxEntropyEnsemble((17, 11), cutoff=5, delta=1.0).sample(1)[0]
    >>> deform_boxes(torch.tensor([[0.0, 0.0, 11.0, 17.0]]), "XYXY", field)
    tensor([[ 0.,  0., 11., 17.]])
    """
    corners, angle = _corners(boxes.to(field.coefficients.device).double(), form)
    samples = SAMPLES_PER_MODE * max(field.coefficients.shape[-2:])
    outline = field.destination_of(_outline(corners, samples) - 0.5).points + 0.5
    # Coordinates along the box's axes (cos, -sin) and (sin, cos); y points down.
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    x, y = outline.unbind(-1)
    along, across = x * cos - y * sin, x * sin + y * cos
    left, right = along.amin(1), along.amax(1)
    top, bottom = across.amin(1), across.amax(1)
    if form not in UPRIGHT:
        cos, sin = cos[:, 0], sin[:, 0]
        corner = (left * cos + top * sin, top * cos - left * sin)
        rotated = torch.stack([*corner, right - left, bottom - top, angle.rad2deg()], 1)
        return _converted(rotated, "XYWHR", form).to(boxes)
    if not boxes.is_floating_point():
        left, top, right, bottom = left.floor(), top.floor(), right.ceil(), bottom.ceil()
        if form == "CXCYWH":  # the middle must be a whole number
            right, bottom = right + (right - left) % 2, bottom + (bottom - top) % 2
    found = torch.stack([left, top, right, bottom], 1)
    return _converted(found, "XYXY", form).to(boxes)


def _converted(boxes: Tensor, old: str, new: str) -> Tensor:
    found: Tensor = convert_bounding_box_format(boxes, old_format=old, new_format=new)
    return found


def _corners(boxes: Tensor, form: str) -> tuple[Tensor, Tensor]:
    """The corners in order around each box, `[N, 4, 2]`, and the boxes' angles of rotation, `[N]`, radians."""
    if form in UPRIGHT:
        left, top, right, bottom = _converted(boxes, form, "XYXY").unbind(1)
        turn = (left, top, right, top, right, bottom, left, bottom)
        return torch.stack(turn, 1).view(-1, 4, 2), torch.zeros_like(left)
    corners = _converted(boxes, form, "XYXYXYXY").view(-1, 4, 2)
    if form != "XYXYXYXY":
        return corners, boxes[:, 4] * (math.pi / 180)
    side = corners[:, 1] - corners[:, 0]
    return corners, torch.atan2(-side[:, 1], side[:, 0])


def _outline(corners: Tensor, samples: int) -> Tensor:
    """Points on the outline, `samples` on each of the four sides, corners included: `[N, 4 samples, 2]`."""
    share = torch.arange(samples, dtype=corners.dtype, device=corners.device).view(-1, 1) / samples
    start, end = corners.unsqueeze(2), corners.roll(-1, 1).unsqueeze(2)
    return torch.lerp(start, end, share).flatten(1, 2)
