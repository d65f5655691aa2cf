"""Applies a field to each kind of input: images, PIL images, masks, boxes and keypoints."""

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

INDICES = ("1", "P", "PA")  # modes of PIL whose values are palette indices or bits, which can't be interpolated


def apply_field(inpt: Any, field: DisplacementField, moved: Tensor, lead: torch.Size, interpolation: str) -> Any:
    """Deforms one input along its fields. Inputs of zero displacement are returned bit for bit.

    Args:
        inpt: An image or video (tensor, tv_tensor or PIL), a mask, boxes or keypoints.
        field: Fields of batch shape `[prod(lead)]`.
        moved: True for fields with a displacement, bool `[prod(lead)]`, on the CPU.
        lead: Batch shape of the images; `()` if all share one field.
        interpolation: `bilinear` or `gaussian`, for images.

    Raises:
        ValueError: If an input lacks the batch shape of the images.
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
    """True for fields whose displacement isn't 0 everywhere, bool `[B]`, on the CPU."""
    return (field.coefficients != 0).flatten(1).any(1).cpu()


def batch_of(inpt: Any) -> torch.Size | None:
    """Batch shape of an input, where a video counts as one image; None if it is neither an image nor a video."""
    if isinstance(inpt, PIL.Image.Image):
        return torch.Size()
    if isinstance(inpt, tv_tensors.TVTensor) and not isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
        return None
    return torch.Size(inpt.shape[: -4 if isinstance(inpt, tv_tensors.Video) else -3])


def _single(inpt: Any, field: DisplacementField, lead: torch.Size) -> DisplacementField:
    """The field of an input that can't have a batch, such as a PIL image. Raises ValueError if there are several."""
    if len(field) > 1:
        kind = type(inpt).__name__
        raise ValueError(
            f"a {kind} came with a batch {tuple(lead)} of images, each with its own field; give one image and its "
            f"{kind} at a time, or per_image=False"
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
    """Applies `function` to values and their fields; one image's values have `ending` dimensions."""
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
    """Raises ValueError if images have one field each and the values don't begin with the images' batch shape."""
    if len(field) > 1 and (values.shape[: len(lead)] != lead or values.ndim < len(lead) + ending):
        raise ValueError(
            f"an input of shape {tuple(values.shape)} came with a batch {tuple(lead)} of images, each with its own "
            "field; all inputs need that batch, or per_image=False"
        )


def deform_points(points: Tensor, field: DisplacementField) -> Tensor:
    """Moves keypoints `[..., P, 2]` in pixels, where pixel k has its middle at k; computed on the field's device."""
    found = field.destination_of(points.to(field.coefficients.device).double()).points
    return (found if points.is_floating_point() else found.round()).to(points)


def on_pixels(function: Callable[[Tensor], Tensor], pixels: np.ndarray) -> np.ndarray:
    """Applies a function of tensors `[C, H, W]` to an array `[H, W]` or `[H, W, C]`; keeps the array's byte order."""
    numbers = tensor_of(pixels)
    found = function(numbers.permute(2, 0, 1) if numbers.ndim == 3 else numbers[None])
    return found.permute(1, 2, 0).reshape(numbers.shape).numpy().astype(pixels.dtype, copy=False)


def _deform_pil(image: PIL.Image.Image, field: DisplacementField, interpolation: str) -> PIL.Image.Image:
    """Deforms a PIL image of any mode; keeps its palette and metadata."""
    indices = image.mode in INDICES
    array = on_pixels(
        lambda pixels: deform_labels(pixels, field) if indices else deform(pixels, field, interpolation),
        np.array(image),
    )
    if image.mode == "1":  # one bit per pixel
        deformed = PIL.Image.fromarray(array)
    else:
        deformed = PIL.Image.frombytes(image.mode, image.size, array.tobytes())
    if image.mode in ("P", "PA"):
        deformed.putpalette(image.getpalette("RGBA") or [], "RGBA")
    deformed.info = dict(image.info)  # such as the transparent colour and the orientation
    return deformed
