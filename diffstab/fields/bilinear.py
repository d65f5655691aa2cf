"""Bilinear interpolation (Eq. 15) along a field: by the compiled kernel, or grid_sample on a grid from one product.

The kernel takes what needs no gradient on the CPU; `native.deform.takes` says exactly what. For everything else the
product writes the sampling grid in the layout that grid_sample reads. It includes the identity grid, as two more rows
beside the modes. For few modes the identity grid is one more coefficient.
"""

from functools import lru_cache, partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from ..native.deform import deform, takes, whole_chunks
from .displacement import sources_of
from .field import DisplacementField
from .modes import basis

# Per field. With at most this many, and small images, one product with the modes' grids is faster than two with sines.
FEW_COEFFICIENTS = 8
FEW_PIXELS = 64 * 64
APART_FROM = 128 * 128  # pixels from which a single image is divided among threads


def interpolated_natively(images: Tensor, field: DisplacementField | Tensor) -> Tensor | None:
    """Samples images `[B, C, H, W]`, also of bytes, each along one field; None if the compiled kernel can't."""
    if not isinstance(field, DisplacementField) or not takes(images, field.coefficients):
        return None
    i, j = field.coefficients.shape[-2:]
    return deform(images, field.coefficients, *_sines(field.size, (i, j)))


def interpolate_bilinear(images: Tensor, field: DisplacementField | Tensor) -> Tensor:
    """Samples images `[B, C, H, W]`, each along one field."""
    grid = _grid_of_series(field) if isinstance(field, DisplacementField) else grid_of(*sources_of(field))
    return sample_grid(images, grid)


def sample_grid(images: Tensor, grid: Tensor) -> Tensor:
    """Calls grid_sample. On the CPU its threads divide a batch, not an image, so a single large image is cut first."""
    sample = partial(grid_sample, mode="bilinear", padding_mode="border", align_corners=True)
    count, channels, height, width = images.shape
    parts = torch.get_num_threads() if count == 1 and height * width >= APART_FROM and images.is_cpu else 1
    if parts > 1 and channels % parts == 0 and channels >= 4 * parts:  # many images on one grid
        return sample(images.reshape(parts, -1, height, width), grid.expand(parts, -1, -1, -1)).view(images.shape)
    if parts > 1 and height % parts == 0:
        rows = grid.reshape(parts, height // parts, width, 2)
        return sample(images.expand(parts, -1, -1, -1), rows).transpose(0, 1).reshape(images.shape)
    return sample(images, grid)


def grid_of(x: Tensor, y: Tensor) -> Tensor:
    """Converts positions in pixels to grid_sample's coordinates in [-1, 1], x first, `[..., H, W, 2]`."""
    height, width = x.shape[-2:]
    return torch.stack([x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1], dim=-1)


def _grid_of_series(field: DisplacementField) -> Tensor:
    """The sampling grid `[B, H, W, 2]` of fields given by sine coefficients."""
    coefficients = field.coefficients
    modes_x, modes_y = coefficients.shape[-2:]
    height, width = field.size
    where = (field.size, (modes_x, modes_y), coefficients.dtype, coefficients.device)
    if 2 * modes_x * modes_y <= FEW_COEFFICIENTS and height * width <= FEW_PIXELS:
        one = coefficients.new_ones(len(coefficients), 1)
        rows = torch.cat([coefficients.flatten(1), one], dim=1)
        # A single row would be a matrix-vector product, which rounds differently: results would depend on the batch.
        rows = rows.expand(2, -1) if len(rows) == 1 else rows
        grids = (rows @ _flat_basis(*where)).view(-1, height, width, 2)
        return grids[:1] if len(coefficients) == 1 else grids
    bases = _grid_bases(*where)
    # One row per mode along y, with x and y of each pixel interleaved as in the grid; then the rows "1" and "y".
    rows = coefficients.permute(0, 3, 2, 1).reshape(-1, 2 * modes_x) @ bases.along_x
    rows = rows.view(-1, modes_y, 2 * width)
    rows = torch.cat([rows, bases.identity.expand(len(rows), 2, 2 * width)], dim=1)
    return (bases.along_y @ rows).view(-1, height, width, 2)


@lru_cache(maxsize=64)
def _sines(size: tuple[int, int], modes: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Sines along x `[I, W]`, padded to whole chunks, and along y `[H, J]`, float64 on the CPU."""
    exact, (height, width) = (torch.float64, torch.device("cpu")), size
    along_x = basis("sin", width, modes[0], *exact).mT
    return pad(along_x, (0, whole_chunks(width) - width)).contiguous(), basis("sin", height, modes[1], *exact)


@lru_cache(maxsize=64)
def _flat_basis(size: tuple[int, int], modes: tuple[int, int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The grid of each single coefficient, then the identity grid, `[2 I J + 1, 2 H W]`. Used for few modes."""
    bases = _grid_bases(size, modes, torch.float64, torch.device("cpu"))
    with torch.inference_mode(False), torch.no_grad():
        along_x = bases.along_x.view(modes[0], 2, 2 * size[1])
        along_y = bases.along_y[:, : modes[1]]
        single = torch.einsum("hj,icw->cijhw", along_y, along_x).flatten(3).flatten(0, 2)
        still = (bases.along_y[:, modes[1] :] @ bases.identity).view(1, -1)
        return torch.cat([single, still]).to(device, dtype)


class _GridBases(NamedTuple):
    """Matrices that turn coefficients into a sampling grid; columns alternate between x and y of each pixel.

    Attributes:
        along_x: Sines times -2 n / (n - 1), which converts tau to grid_sample's coordinates, `[2 I, 2 W]`.
        identity: The rows "1" and "y", `[2, 2 W]`: x of the identity grid, and 1 in the columns of y.
        along_y: Sines, then the weights of the rows "1" and "y": 1, and y of the identity grid, `[H, J + 2]`.
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
