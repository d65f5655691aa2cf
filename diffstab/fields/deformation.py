"""Deforms images along displacement fields: [tau x](s) = x(s - tau(s)), interpolated bilinearly or with a Gaussian.

The functions are pure, batched, differentiable in images and fields, and run on any device. Labels are not
interpolated: each pixel takes the label nearest to its source, so no new label values appear.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ..checks import one_of
from ..options import INTERPOLATIONS
from ..precision import ieee_float32, sent
from .bilinear import interpolate_bilinear, interpolated_natively
from .field import DisplacementField
from .gaussian import interpolate_gaussian

WHOLE = (torch.uint8, torch.int8, torch.uint16, torch.int16, torch.int32)  # integer dtypes of images
AT_ONCE = 2**21  # whole numbers that are converted to floats at a time
SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
"""Signed dtypes with the same bits, for unsigned dtypes that torch 2.11 can't gather."""
Interpolate = Callable[[Tensor, DisplacementField | Tensor], Tensor]


def deform(images: Tensor, field: DisplacementField | Tensor, interpolation: str = "bilinear") -> Tensor:
    """Deforms images along a field: pixel (k, l) of the result is the image at (k - dx, l - dy).

    Source positions outside the frame are clamped to it. Leading dimensions of images and field broadcast: one field
    per image, one field for all images, or many fields for one image.

    Args:
        images: Images `[..., C, H, W]`, floating point or whole numbers up to 32 bits. Half precision is computed in
            float32 and cast back. Whole numbers are computed as floats (32 bits in float64), a few images at a time,
            and rounded.
        field: A `DisplacementField` for `(H, W)`, or a displacement `[..., 2, H, W]` in pixels, x first.
        interpolation: `bilinear` (Eq. 15), or `gaussian` (Eq. 16), which smooths the image even at zero displacement.

    Returns:
        Deformed images `[..., C, H, W]`, in the images' dtype.

    Raises:
        TypeError: If the images have another dtype.
        ValueError: If sizes or leading dimensions don't match, or the interpolation is unknown.

    >>> from diffstab import MaxEntropyEnsemble
    >>> fields = MaxEntropyEnsemble((17, 11), cutoff=5, delta=1.0).sample(2)
    >>> deform(torch.rand(2, 3, 17, 11), fields).shape
    torch.Size([2, 3, 17, 11])
    """
    one_of("interpolation", interpolation, INTERPOLATIONS)
    size, field_shape = _sizes(field)
    _check_images(images, size)
    lead = _common_lead(images.shape[:-3], field_shape)
    dtype = torch.float64 if images.dtype in (torch.float64, torch.int32) else torch.float32
    interpolate = interpolate_bilinear if interpolation == "bilinear" else interpolate_gaussian
    one_for_all = field_shape.numel() == 1
    flat = images if images.dtype in WHOLE else images.to(dtype)
    if one_for_all:  # one grid: the images become channels
        flat = flat.reshape(1, -1, *size)
    elif images.shape[:-3] != lead or images.ndim != 4:
        flat = flat.expand(*lead, *images.shape[-3:]).reshape(-1, *images.shape[-3:])
    own = _flat_field(field, field_shape if one_for_all else lead, dtype, images.device)
    deformed = interpolated_natively(flat, own) if interpolation == "bilinear" else None
    if deformed is None:
        interpolate = partial(_in_whole_numbers, interpolate) if images.dtype in WHOLE else interpolate
        with ieee_float32(images.device, matmul_only=True):
            deformed = interpolate(flat, own)
    if deformed.shape != images.shape or deformed.dtype != images.dtype:
        deformed = deformed.view(*lead, *images.shape[-3:]).to(images.dtype)
    return deformed


def identity_field(size: tuple[int, int], *, dtype: torch.dtype, device: torch.device) -> DisplacementField:
    """The field of zero displacement. Deforming along it with `gaussian` smooths the image (App. C)."""
    return DisplacementField(torch.zeros(2, 1, 1, dtype=dtype, device=device), size)


def _sizes(field: DisplacementField | Tensor) -> tuple[tuple[int, int], torch.Size]:
    """Image size (H, W) and leading dimensions of a field or displacement."""
    if isinstance(field, DisplacementField):
        return field.size, field.shape
    if not isinstance(field, Tensor):
        raise TypeError(f"field is a {type(field).__name__}; a DisplacementField or a displacement tensor is needed")
    if field.ndim < 3 or field.shape[-3] != 2 or not field.is_floating_point():
        raise ValueError(f"displacement is {field.dtype} {tuple(field.shape)}; floats [..., 2, H, W] are needed")
    return (field.shape[-2], field.shape[-1]), field.shape[:-3]


def _check_images(images: Tensor, size: tuple[int, int]) -> None:
    if not isinstance(images, Tensor) or not (images.is_floating_point() or images.dtype in WHOLE):
        came = str(images.dtype) if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images are {came}; a tensor of floats, or of whole numbers up to 32 bits, is needed")
    if images.ndim < 3 or tuple(images.shape[-2:]) != size:
        raise ValueError(f"images are {tuple(images.shape)}; the field is for [..., C, {size[0]}, {size[1]}]")
    if min(size) < 2:
        raise ValueError(f"images are {tuple(images.shape)}; each side must have at least 2 pixels")


def _common_lead(images: torch.Size, fields: torch.Size) -> torch.Size:
    """Broadcasts the leading dimensions of images and fields."""
    if images == fields or not fields:
        return images
    try:
        return torch.Size(torch.broadcast_shapes(images, fields))
    except RuntimeError:
        came = f"images have the leading dimensions {tuple(images)} and fields {tuple(fields)}"
        raise ValueError(f"{came}; they must be equal or broadcast") from None


def _flat_field(
    field: DisplacementField | Tensor, lead: torch.Size, dtype: torch.dtype, device: torch.device
) -> DisplacementField | Tensor:
    """Flattens the fields to one batch dimension and converts them to `dtype` on `device`."""
    tensor = field.coefficients if isinstance(field, DisplacementField) else field
    flat = tensor.ndim == 4 and tensor.shape[:-3] == lead
    if flat and tensor.dtype == dtype and tensor.device == device:
        return field
    if not flat:
        tensor = tensor.expand(*lead, *tensor.shape[-3:]).reshape(-1, *tensor.shape[-3:])
    tensor = sent(tensor, device, dtype)
    return DisplacementField(tensor, field.size) if isinstance(field, DisplacementField) else tensor


def _in_whole_numbers(interpolate: Interpolate, images: Tensor, field: DisplacementField | Tensor) -> Tensor:
    """Interpolates whole numbers `[B, C, H, W]` as floats, a few images at a time, and rounds them."""
    dtype = field.coefficients.dtype if isinstance(field, DisplacementField) else field.dtype
    deformed = torch.empty(images.shape, dtype=images.dtype, device=images.device)
    one_field = len(images) == 1  # one field for all images, which `deform` put into the channels
    step = max(1, AT_ONCE // max(1, images.shape[2 if one_field else 1 :].numel()))
    for k in range(0, images.shape[1] if one_field else len(images), step):
        part = (slice(None), slice(k, k + step)) if one_field else slice(k, k + step)
        own = field if one_field else field[k : k + step]
        deformed[part] = interpolate(images[part].to(dtype), own).round_()
    return deformed


def deform_labels(labels: Tensor, field: DisplacementField) -> Tensor:
    """Deforms labels along a field: pixel (k, l) of the result is the label nearest to (k - dx, l - dy).

    Args:
        labels: Labels `[..., H, W]`, any dtype.
        field: A field for `(H, W)` whose batch shape is `[...]` or broadcasts to it.

    Returns:
        Deformed labels `[..., H, W]`, in the labels' dtype.

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
        came = f"labels have the leading dimensions {tuple(labels.shape[:-2])} and fields {tuple(field.shape)}"
        raise ValueError(f"{came}; the fields must broadcast to the labels") from None
    signed = labels.view(SIGNED.get(labels.dtype, labels.dtype))
    return signed.flatten(-2).gather(-1, places.flatten(-2)).view(labels.shape).view(labels.dtype)
