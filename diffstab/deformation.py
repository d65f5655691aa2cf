"""Deforms images along displacement fields: [tau x](s) = x(s - tau(s)), interpolated bilinearly or with a Gaussian.

Pure, batched with one field per image, differentiable in images and fields, on any device. Bilinear interpolation
(Eq. 15) is grid_sample's; ONE matrix product writes the sampling grid in the layout that grid_sample reads: the rows
of the y-basis carry two more columns, 1 and y, and the x-basis two more rows, x and 1, which make the identity grid.

Gaussian interpolation (Eq. 16) is separable and its weights are negligible beyond a window of K x K pixels (error
1.6e-9 for K = 6, 1e-15 for K = 8). Two neighbouring weights along an axis times the two pixel values are their sum
times one linear interpolation, so each 2 x 2 block of the window is one bilinear sample: (K / 2)^2 samples in all.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from .field import DisplacementField, basis, sources_of
from .precision import ieee_float32
from .settings import GAUSSIAN_SIGMA, INTERPOLATIONS, one_of

GAUSSIAN_WINDOW = {torch.float32: 6, torch.float64: 8}  # pixels, even


def deform(images: Tensor, field: DisplacementField | Tensor, interpolation: str = "bilinear") -> Tensor:
    """The images deformed along the field: pixel (k, l) of the result is the image at (k - dx, l - dy).

    Source positions outside the frame are clamped to it. Leading dimensions of images and field broadcast: one field
    per image, one field for all, or many fields for one image.

    Args:
        images: `[..., C, H, W]`, floating point. Half precision is computed in float32 and cast back.
        field: A `DisplacementField` for `(H, W)`, or a displacement `[..., 2, H, W]` in pixels, x first.
        interpolation: `bilinear` (Eq. 15) or `gaussian` (Eq. 16, which smooths even where nothing moves).

    Returns:
        `[..., C, H, W]`, of the images' dtype.

    Raises:
        TypeError: If the images are not floating point.
        ValueError: If sizes or leading dimensions don't match, or the interpolation is unknown.

    >>> from diffstab import MaxEntropyEnsemble
    >>> fields = MaxEntropyEnsemble((17, 11), cutoff=5, delta=1.0).sample(2)
    >>> deform(torch.rand(2, 3, 17, 11), fields).shape
    torch.Size([2, 3, 17, 11])
    """
    one_of("interpolation", interpolation, INTERPOLATIONS)
    size, field_shape = _sizes(field)
    _check_images(images, size)
    try:
        lead = torch.broadcast_shapes(images.shape[:-3], field_shape)
    except RuntimeError:
        raise ValueError(
            f"images lead with {tuple(images.shape[:-3])} and fields with {tuple(field_shape)}; "
            "they must be equal or broadcast"
        ) from None
    dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
    interpolate = _bilinear if interpolation == "bilinear" else _gaussian
    with ieee_float32(images.device, matmul_only=True):
        if field_shape.numel() == 1:  # one grid for all: the images become channels
            flat = images.to(dtype).reshape(1, -1, *size)
        else:
            flat = images.to(dtype).expand(*lead, *images.shape[-3:]).reshape(-1, *images.shape[-3:])
            field = _expanded(field, lead)
        deformed = interpolate(flat, _cast(field, dtype, images.device))
    return deformed.view(*lead, *images.shape[-3:]).to(images.dtype)


def identity_field(size: tuple[int, int], *, dtype: torch.dtype, device: torch.device) -> DisplacementField:
    """The field that moves nothing. With `gaussian`, deforming along it smooths (App. C)."""
    return DisplacementField(torch.zeros(2, 1, 1, dtype=dtype, device=device), size)


def _sizes(field: DisplacementField | Tensor) -> tuple[tuple[int, int], torch.Size]:
    """(H, W) and the leading dimensions of a field or displacement."""
    if isinstance(field, DisplacementField):
        return field.size, field.shape
    if not isinstance(field, Tensor):
        raise TypeError(f"field is a {type(field).__name__}; a DisplacementField or a displacement tensor is needed")
    if field.ndim < 3 or field.shape[-3] != 2 or not field.is_floating_point():
        raise ValueError(f"displacement is {field.dtype} {tuple(field.shape)}; floats [..., 2, H, W] are needed")
    return (field.shape[-2], field.shape[-1]), field.shape[:-3]


def _check_images(images: Tensor, size: tuple[int, int]) -> None:
    if not isinstance(images, Tensor) or not images.is_floating_point():
        came = str(images.dtype) if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images are {came}; a floating-point tensor is needed (uint8: images / 255)")
    if images.ndim < 3 or tuple(images.shape[-2:]) != size:
        raise ValueError(f"images are {tuple(images.shape)}; the field is for [..., C, {size[0]}, {size[1]}]")
    if min(size) < 2:
        raise ValueError(f"images are {tuple(images.shape)}; each side must have at least 2 pixels")


def _cast(field: DisplacementField | Tensor, dtype: torch.dtype, device: torch.device) -> DisplacementField | Tensor:
    return field.to(dtype=dtype, device=device)


def _expanded(field: DisplacementField | Tensor, lead: torch.Size) -> DisplacementField | Tensor:
    """One field per image, flattened to `[B]`."""
    tensor = field.coefficients if isinstance(field, DisplacementField) else field
    flat = tensor.expand(*lead, *tensor.shape[-3:]).reshape(-1, *tensor.shape[-3:])
    return DisplacementField(flat, field.size) if isinstance(field, DisplacementField) else flat


def _bilinear(images: Tensor, field: DisplacementField | Tensor) -> Tensor:
    """`[B, C, H, W]` sampled along one field each."""
    grid = _grid_of_series(field) if isinstance(field, DisplacementField) else _grid_of(*sources_of(field))
    return _sample(images, grid)


def _sample(images: Tensor, grid: Tensor) -> Tensor:
    grid = grid.reshape(-1, *grid.shape[-3:])
    return grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=True)


def _grid_of(x: Tensor, y: Tensor) -> Tensor:
    """grid_sample's coordinates in [-1, 1], x first, `[..., H, W, 2]`, of positions in pixels."""
    height, width = x.shape[-2:]
    return torch.stack([x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1], dim=-1)


def _grid_of_series(field: DisplacementField) -> Tensor:
    """The sampling grid of a sine series in one matrix product, `[B, H, W, 2]`."""
    coefficients = field.coefficients.reshape(-1, *field.coefficients.shape[-3:])
    batch, _, modes_x, modes_y = coefficients.shape
    height, width = field.size
    along_x, along_y = _augmented_bases(field.size, (modes_x, modes_y), coefficients.dtype, coefficients.device)
    # rows: the modes along y, then "1" and "y"; columns: the modes along x for x and y in turn, then "x" and "1"
    augmented = coefficients.new_zeros(batch, modes_y + 2, 2 * modes_x + 2)
    augmented[:, :modes_y, : 2 * modes_x].unflatten(2, (modes_x, 2)).copy_(coefficients.permute(0, 3, 2, 1))
    augmented[:, modes_y, 2 * modes_x] = 1
    augmented[:, modes_y + 1, 2 * modes_x + 1] = 1
    rows = augmented.view(-1, 2 * modes_x + 2) @ along_x
    return (along_y @ rows.view(batch, modes_y + 2, 2 * width)).view(batch, height, width, 2)


@lru_cache(maxsize=64)
def _augmented_bases(
    size: tuple[int, int], modes: tuple[int, int], dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The x-basis `[2 I + 2, 2 W]`, x and y interleaved in both dimensions, and the y-basis `[H, J + 2]`.

    The x-basis carries the factor -2 n / (n - 1) from tau to grid_sample's coordinates.
    """
    (height, width), (modes_x, modes_y) = size, modes
    with torch.inference_mode(False), torch.no_grad():
        exact = (torch.float64, torch.device("cpu"))
        sines = basis("sin", width, modes_x, *exact).mT
        along_x = torch.zeros(2 * modes_x + 2, width, 2, dtype=torch.float64)
        along_x[0 : 2 * modes_x : 2, :, 0] = sines * (-2 * width / (width - 1))
        along_x[1 : 2 * modes_x : 2, :, 1] = sines * (-2 * height / (height - 1))
        along_x[-2, :, 0] = torch.linspace(-1, 1, width, dtype=torch.float64)
        along_x[-1, :, 1] = 1
        ramp = torch.linspace(-1, 1, height, dtype=torch.float64)
        sines = basis("sin", height, modes_y, *exact)
        along_y = torch.cat([sines, torch.ones_like(ramp)[:, None], ramp[:, None]], dim=1)
        return along_x.flatten(1).to(device, dtype), along_y.to(device, dtype)


def _gaussian(images: Tensor, field: DisplacementField | Tensor) -> Tensor:
    """`[B, C, H, W]` interpolated with a Gaussian along one field each."""
    displacement = field.displacement() if isinstance(field, DisplacementField) else field
    height, width = displacement.shape[-2:]
    x, y = sources_of(displacement.reshape(-1, 2, height, width))
    taps_x, taps_y = _paired_taps(x.clamp(0, width - 1), width), _paired_taps(y.clamp(0, height - 1), height)
    total = torch.zeros((), dtype=images.dtype, device=images.device)
    for weight_y, position_y in taps_y:
        for weight_x, position_x in taps_x:
            block = _sample(images, _grid_of(position_x, position_y))
            total = total + (weight_x * weight_y).unsqueeze(1) * block
    return total


def _paired_taps(position: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
    """The window's Gaussian weights along one axis, in pairs of neighbouring pixels.

    Returns:
        For each pair (weight, position), both like `position`: the two weights' sum, normalised over the window, and
        where a linear interpolation between the two pixels gives their weighted mean.
    """
    window = GAUSSIAN_WINDOW[position.dtype]
    # the window holds the pixels next to the position in its middle and slides inside the image at the borders
    start = (position.detach().floor() - (window // 2 - 1)).clamp(0, max(n - window, 0))
    pixels = [start + k for k in range(window)]
    weights = [torch.exp(-((position - pixel) ** 2) / (2 * GAUSSIAN_SIGMA**2)) for pixel in pixels]
    if n < window:  # a small image: pixels beyond it weigh nothing
        weights = [weight * (pixel < n) for weight, pixel in zip(weights, pixels, strict=True)]
    norm = torch.stack(weights).sum(0)
    pairs = []
    for k in range(0, window, 2):
        both = weights[k] + weights[k + 1]
        share = weights[k + 1] / both.clamp_min(torch.finfo(both.dtype).tiny)
        pairs.append((both / norm, pixels[k] + share))
    return pairs
