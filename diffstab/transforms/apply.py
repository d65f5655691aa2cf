"""A field applied to each kind of input: images, PIL images, masks, boxes and keypoints."""

from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors

from ..fields import DisplacementField, deform, deform_labels
from ..precision import sent, tensor_of
from .boxes import deform_boxes

INDICES = ("1", "P", "PA")  # modes of PIL whose numbers are no amounts, so that there is nothing between two


def apply_field(inpt: Any, field: DisplacementField, moved: Tensor, lead: torch.Size, interpolation: str) -> Any:
    """An input deformed along its fields; what is not moved comes back bit for bit.

    Args:
        inpt: An image or video (tensor, tv_tensor or PIL), a mask, boxes or keypoints.
        field: Of batch shape `[prod(lead)]`.
        moved: Which of the fields move anything, bool `[prod(lead)]`, on the CPU.
        lead: The batch of images; `()` where one field is for all.
        interpolation: Of images.

    Raises:
        ValueError: If an input does not have a batch that the images have.
    """
    if not moved.any():
        return inpt
    if isinstance(inpt, PIL.Image.Image):
        return _deform_pil(inpt, _single(inpt, field, lead), interpolation)
    if isinstance(inpt, tv_tensors.BoundingBoxes):
        plain = inpt.as_subclass(Tensor)
        return tv_tensors.wrap(deform_boxes(plain, inpt.format.value, _single(inpt, field, lead)), like=inpt)
    plain = inpt.as_subclass(Tensor)
    if isinstance(inpt, tv_tensors.Mask):
        found = _by_image(deform_labels, plain, 2, field, moved, lead)
    elif isinstance(inpt, tv_tensors.KeyPoints):
        _check_batch(plain, 1, field, lead)
        listed = plain.reshape(*(lead if len(field) > 1 else ()), -1, 2)
        found = _by_image(deform_points, listed, 2, field, moved, lead).view(plain.shape)
    else:
        found = _by_image(lambda images, own: deform(images, own, interpolation), plain, 3, field, moved, lead)
    return tv_tensors.wrap(found, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else found


def moved_by(field: DisplacementField) -> Tensor:
    """Whether each field moves anything, bool `[B]` on the CPU."""
    return (field.coefficients != 0).flatten(1).any(1).cpu()


def batch_of(inpt: Any) -> torch.Size | None:
    """The leading dimensions of an image's batch, a video being one image; None for what is no image or video."""
    if isinstance(inpt, PIL.Image.Image):
        return torch.Size()
    if isinstance(inpt, tv_tensors.TVTensor) and not isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
        return None
    return torch.Size(inpt.shape[: -4 if isinstance(inpt, tv_tensors.Video) else -3])


def _single(inpt: Any, field: DisplacementField, lead: torch.Size) -> DisplacementField:
    """The one field of an input that can't have a batch."""
    if len(field) > 1:
        kind = type(inpt).__name__
        raise ValueError(
            f"a {kind} beside a batch {tuple(lead)} of images, each with its own field; give one image and its {kind} "
            "at a time, or per_image=False"
        )
    return field[0]


def _by_image(
    function: Callable[[Tensor, DisplacementField], Tensor],
    values: Tensor,
    ending: int,
    field: DisplacementField,
    moved: Tensor,
    lead: torch.Size,
) -> Tensor:
    """A function of values with the last `ending` dimensions of one image, and of a field for each."""
    _check_batch(values, ending, field, lead)
    if len(field) == 1:
        return function(values, field[0])
    flat = values.reshape(-1, *values.shape[len(lead) :])
    coefficients = field.coefficients.view(len(field), *[1] * (flat.ndim - 1 - ending), *field.coefficients.shape[1:])
    if moved.all():
        return function(flat, DisplacementField(coefficients, field.size)).view(values.shape)
    places = moved.nonzero().flatten()
    some = DisplacementField(coefficients[sent(places, coefficients.device)], field.size)
    places = sent(places, flat.device)
    return flat.index_copy(0, places, function(flat[places], some)).view(values.shape)


def _check_batch(values: Tensor, ending: int, field: DisplacementField, lead: torch.Size) -> None:
    """That values begin with the batch of images, where each of these has its own field."""
    if len(field) > 1 and (values.shape[: len(lead)] != lead or values.ndim < len(lead) + ending):
        raise ValueError(
            f"an input of shape {tuple(values.shape)} beside a batch {tuple(lead)} of images, each with its own field; "
            "all inputs need that batch, or per_image=False"
        )


def deform_points(points: Tensor, field: DisplacementField) -> Tensor:
    """Keypoints `[..., P, 2]` of pixels, in whose numbers the middle of pixel k is k; on the field's device."""
    found = field.destination_of(points.to(field.coefficients.device).double()).points
    return (found if points.is_floating_point() else found.round()).to(points)


def on_pixels(function: Callable[[Tensor], Tensor], pixels: np.ndarray) -> np.ndarray:
    """A function of a tensor `[C, H, W]` on an array `[H, W]` or `[H, W, C]`; the result has the array's byte order."""
    numbers = tensor_of(pixels)
    found = function(numbers.permute(2, 0, 1) if numbers.ndim == 3 else numbers[None])
    return found.permute(1, 2, 0).reshape(numbers.shape).numpy().astype(pixels.dtype, copy=False)


def _deform_pil(image: PIL.Image.Image, field: DisplacementField, interpolation: str) -> PIL.Image.Image:
    """A PIL image of any mode, with its palette and what else its file told."""
    indices = image.mode in INDICES
    array = on_pixels(
        lambda pixels: deform_labels(pixels, field) if indices else deform(pixels, field, interpolation),
        np.array(image),
    )
    if image.mode == "1":  # whose bytes hold eight pixels each
        deformed = PIL.Image.fromarray(array)
    else:
        deformed = PIL.Image.frombytes(image.mode, image.size, array.tobytes())
    if image.mode in ("P", "PA"):
        deformed.putpalette(image.getpalette("RGBA") or [], "RGBA")
    deformed.info = dict(image.info)  # a transparent colour, the orientation
    return deformed
