"""Deforms images along displacement fields: [tau x](s) = x(s - tau(s)), interpolated bilinearly or with a Gaussian.

Pure, batched with one field per image, differentiable in images and fields, on any device. Bilinear interpolation
(Eq. 15) is grid_sample's; ONE matrix product writes the sampling grid in the layout that grid_sample reads, the
identity grid included as two more rows beside the modes (as one more coefficient, where there are few modes).

Gaussian interpolation (Eq. 16) is separable and its weights are negligible beyond a window of K x K pixels (error
1.6e-9 for K = 6, 1e-15 for K = 8). Two neighbouring weights along an axis times the two pixel values are their sum
times one linear interpolation, so each 2 x 2 block of the window is one bilinear sample: (K / 2)^2 samples in all.
torch.compile takes the window pixel by pixel, which it fuses.
"""

from collections.abc import Callable
from functools import lru_cache, partial, reduce
from operator import add
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ..checks import one_of
from ..options.choices import INTERPOLATIONS
from ..precision import ieee_float32
from .field import DisplacementField, basis, sources_of
from .gaussian import gather_window, window_of

WHOLE = (torch.uint8, torch.int8, torch.uint16, torch.int16, torch.int32)  # dtypes of images in whole numbers
AT_ONCE = 2**21  # whole numbers that are floats at a time
FEW_COEFFICIENTS = (
    8  # per field; up to here one product with all modes' grids beats two with the sines, if images are small
)
FEW_PIXELS = 64 * 64
APART_FROM = 128 * 128  # pixels of an image that threads share
Interpolate = Callable[[Tensor, DisplacementField | Tensor], Tensor]


def deform(images: Tensor, field: DisplacementField | Tensor, interpolation: str = "bilinear") -> Tensor:
    """The images deformed along the field: pixel (k, l) of the result is the image at (k - dx, l - dy).

    Source positions outside the frame are clamped to it. Leading dimensions of images and field broadcast: one field
    per image, one field for all, or many fields for one image.

    Args:
        images: `[..., C, H, W]`, floating point, or whole numbers up to 32 bits. Half precision is computed in float32
            and cast back; whole numbers are too, a few images at a time, and rounded (32 bits in float64).
        field: A `DisplacementField` for `(H, W)`, or a displacement `[..., 2, H, W]` in pixels, x first.
        interpolation: `bilinear` (Eq. 15) or `gaussian` (Eq. 16, which smooths even where nothing moves).

    Returns:
        `[..., C, H, W]`, of the images' dtype.

    Raises:
        TypeError: If the images are of another dtype.
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
    interpolate = _bilinear if interpolation == "bilinear" else _gaussian
    interpolate = partial(_in_whole_numbers, interpolate) if images.dtype in WHOLE else interpolate
    one_for_all = field_shape.numel() == 1
    flat = images if images.dtype in WHOLE else images.to(dtype)
    if one_for_all:  # one grid: the images become channels
        flat = flat.reshape(1, -1, *size)
    elif images.shape[:-3] != lead or images.ndim != 4:
        flat = flat.expand(*lead, *images.shape[-3:]).reshape(-1, *images.shape[-3:])
    with ieee_float32(images.device, matmul_only=True):
        deformed = interpolate(flat, _flat_field(field, field_shape if one_for_all else lead, dtype, images.device))
    if deformed.shape != images.shape or deformed.dtype != images.dtype:
        deformed = deformed.view(*lead, *images.shape[-3:]).to(images.dtype)
    return deformed


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
    if not isinstance(images, Tensor) or not (images.is_floating_point() or images.dtype in WHOLE):
        came = str(images.dtype) if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images are {came}; a tensor of floats, or of whole numbers up to 32 bits, is needed")
    if images.ndim < 3 or tuple(images.shape[-2:]) != size:
        raise ValueError(f"images are {tuple(images.shape)}; the field is for [..., C, {size[0]}, {size[1]}]")
    if min(size) < 2:
        raise ValueError(f"images are {tuple(images.shape)}; each side must have at least 2 pixels")


def _common_lead(images: torch.Size, fields: torch.Size) -> torch.Size:
    """The leading dimensions of images and fields broadcast against each other."""
    if images == fields or not fields:
        return images
    try:
        return torch.Size(torch.broadcast_shapes(images, fields))
    except RuntimeError:
        came = f"images lead with {tuple(images)} and fields with {tuple(fields)}"
        raise ValueError(f"{came}; they must be equal or broadcast") from None


def _flat_field(
    field: DisplacementField | Tensor, lead: torch.Size, dtype: torch.dtype, device: torch.device
) -> DisplacementField | Tensor:
    """The fields with one batch dimension, in that dtype on that device."""
    tensor = field.coefficients if isinstance(field, DisplacementField) else field
    flat = tensor.ndim == 4 and tensor.shape[:-3] == lead
    if flat and tensor.dtype == dtype and tensor.device == device:
        return field
    if not flat:
        tensor = tensor.expand(*lead, *tensor.shape[-3:]).reshape(-1, *tensor.shape[-3:])
    tensor = tensor.to(device=device, dtype=dtype)
    return DisplacementField(tensor, field.size) if isinstance(field, DisplacementField) else tensor


def _bilinear(images: Tensor, field: DisplacementField | Tensor) -> Tensor:
    """`[B, C, H, W]` sampled along one field each."""
    grid = _grid_of_series(field) if isinstance(field, DisplacementField) else _grid_of(*sources_of(field))
    return _sample(images, grid)


def _in_whole_numbers(interpolate: Interpolate, images: Tensor, field: DisplacementField | Tensor) -> Tensor:
    """`[B, C, H, W]` of whole numbers, interpolated as floats a few at a time and rounded."""
    dtype = field.coefficients.dtype if isinstance(field, DisplacementField) else field.dtype
    deformed = torch.empty(images.shape, dtype=images.dtype, device=images.device)
    one_field = len(images) == 1  # for images that are its channels
    step = max(1, AT_ONCE // max(1, images.shape[2 if one_field else 1 :].numel()))
    for k in range(0, images.shape[1] if one_field else len(images), step):
        part = (slice(None), slice(k, k + step)) if one_field else slice(k, k + step)
        own = field if one_field else field[k : k + step]
        deformed[part] = interpolate(images[part].to(dtype), own).round_()
    return deformed


def _sample(images: Tensor, grid: Tensor) -> Tensor:
    """grid_sample; on the CPU, which shares out images among threads and not pixels, a single one in parts."""
    sample = partial(grid_sample, mode="bilinear", padding_mode="border", align_corners=True)
    count, channels, height, width = images.shape
    parts = torch.get_num_threads() if count == 1 and height * width >= APART_FROM and images.is_cpu else 1
    if parts > 1 and channels % parts == 0 and channels >= 4 * parts:  # many images on one grid
        return sample(images.reshape(parts, -1, height, width), grid.expand(parts, -1, -1, -1)).view(images.shape)
    if parts > 1 and height % parts == 0:
        rows = grid.reshape(parts, height // parts, width, 2)
        return sample(images.expand(parts, -1, -1, -1), rows).transpose(0, 1).reshape(images.shape)
    return sample(images, grid)


def _grid_of(x: Tensor, y: Tensor) -> Tensor:
    """grid_sample's coordinates in [-1, 1], x first, `[..., H, W, 2]`, of positions in pixels."""
    height, width = x.shape[-2:]
    return torch.stack([x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1], dim=-1)


def _grid_of_series(field: DisplacementField) -> Tensor:
    """The sampling grid of sine series, `[B, H, W, 2]`."""
    coefficients = field.coefficients
    modes_x, modes_y = coefficients.shape[-2:]
    height, width = field.size
    where = (field.size, (modes_x, modes_y), coefficients.dtype, coefficients.device)
    if 2 * modes_x * modes_y <= FEW_COEFFICIENTS and height * width <= FEW_PIXELS:
        one = coefficients.new_ones(len(coefficients), 1)
        rows = torch.cat([coefficients.flatten(1), one], dim=1)
        # a single row would be a matrix-vector product, which rounds otherwise: an image must not see its batch
        rows = rows.expand(2, -1) if len(rows) == 1 else rows
        grids = (rows @ _flat_basis(*where)).view(-1, height, width, 2)
        return grids[:1] if len(coefficients) == 1 else grids
    bases = _grid_bases(*where)
    # one row per mode along y, x and y of each pixel interleaved as in the grid; then the rows "1" and "y"
    rows = coefficients.permute(0, 3, 2, 1).reshape(-1, 2 * modes_x) @ bases.along_x
    rows = rows.view(-1, modes_y, 2 * width)
    rows = torch.cat([rows, bases.identity.expand(len(rows), 2, 2 * width)], dim=1)
    return (bases.along_y @ rows).view(-1, height, width, 2)


@lru_cache(maxsize=64)
def _flat_basis(size: tuple[int, int], modes: tuple[int, int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The grids of each coefficient alone, then the identity grid, `[2 I J + 1, 2 H W]`: for few modes."""
    bases = _grid_bases(size, modes, torch.float64, torch.device("cpu"))
    with torch.inference_mode(False), torch.no_grad():
        along_x = bases.along_x.view(modes[0], 2, 2 * size[1])
        along_y = bases.along_y[:, : modes[1]]
        single = torch.einsum("hj,icw->cijhw", along_y, along_x).flatten(3).flatten(0, 2)
        still = (bases.along_y[:, modes[1] :] @ bases.identity).view(1, -1)
        return torch.cat([single, still]).to(device, dtype)


class _GridBases(NamedTuple):
    """What turns coefficients into a sampling grid; x and y of each pixel interleaved along the columns.

    Attributes:
        along_x: Sines with the factor -2 n / (n - 1) from tau to grid_sample's coordinates, `[2 I, 2 W]`.
        identity: The rows "1" and "y", `[2, 2 W]`: x of the identity grid, and 1 in the columns of y.
        along_y: Sines, and the weights of those two rows: 1, and y of the identity grid, `[H, J + 2]`.
    """

    along_x: Tensor
    identity: Tensor
    along_y: Tensor


@lru_cache(maxsize=64)
def _grid_bases(size: tuple[int, int], modes: tuple[int, int], dtype: torch.dtype, device: torch.device) -> _GridBases:
    (height, width), (modes_x, modes_y) = size, modes
    with torch.inference_mode(False), torch.no_grad():
        exact = (torch.float64, torch.device("cpu"))
        sines = basis("sin", width, modes_x, *exact).mT
        along_x = torch.zeros(modes_x, 2, width, 2, dtype=torch.float64)
        along_x[:, 0, :, 0] = sines * (-2 * width / (width - 1))
        along_x[:, 1, :, 1] = sines * (-2 * height / (height - 1))
        identity = torch.zeros(2, width, 2, dtype=torch.float64)
        identity[0, :, 0] = torch.linspace(-1, 1, width, dtype=torch.float64)
        identity[1, :, 1] = 1
        ramp = torch.linspace(-1, 1, height, dtype=torch.float64)
        along_y = torch.cat([basis("sin", height, modes_y, *exact), torch.ones_like(ramp)[:, None], ramp[:, None]], 1)
        parts = (along_x.view(2 * modes_x, -1), identity.flatten(1), along_y)
        return _GridBases(*(part.to(device, dtype) for part in parts))


def _gaussian(images: Tensor, field: DisplacementField | Tensor) -> Tensor:
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
            block = _sample(images, _grid_of(position_x, position_y))
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
