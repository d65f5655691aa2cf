"""Modes (i, j) of a displacement field: those kept (Eq. 2), their sines on a row of pixels, random coefficients."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from ..options import SHELL
from ..precision import sent


@lru_cache(maxsize=64)
def mode_numbers(size: tuple[int, int], cutoff: float, rule: str) -> tuple[Tensor, Tensor]:
    """Numbers i (along x) and j (along y) of the kept modes, int64 `[modes]` each, ascending; i <= W and j <= H.

    Args:
        size: Image size `(H, W)` in pixels.
        cutoff: Largest spatial frequency c.
        rule: `disk` (i^2 + j^2 <= c^2), `half-integer` (sqrt(i^2 + j^2) < c + 1/2) or `shell` (c <= sqrt(i^2 + j^2)
            < c + 1).

    Raises:
        ValueError: If no mode is kept.

    >>> i, j = mode_numbers((17, 11), 3, "disk")
    >>> list(zip(i.tolist(), j.tolist()))
    [(1, 1), (1, 2), (2, 1), (2, 2)]
    """
    height, width = size
    reach = min(cutoff + {"disk": 0, "half-integer": 0.5, SHELL: 1}[rule], 2.0 * (height + width))
    i = torch.arange(1, min(width, math.floor(reach)) + 1)
    j = torch.arange(1, min(height, math.floor(reach)) + 1)
    squared = (i[:, None] ** 2 + j**2).to(torch.float64)
    exact = 1 + 1e-12  # c = sqrt(18) must keep (3, 3), but its square in floating point is slightly below 18
    kept = {
        "disk": squared <= reach**2 * exact,
        "half-integer": squared.sqrt() < reach,
        SHELL: (squared * exact >= cutoff**2) & (squared * exact < reach**2),
    }[rule]
    if not kept.any():  # a shell beyond i = W, j = H
        raise ValueError(f"cutoff is {cutoff:g}; images of {size} pixels have no such mode; lower it")
    first, second = kept.nonzero(as_tuple=True)
    return first + 1, second + 1


@lru_cache(maxsize=128)
def basis(kind: str, n: int, modes: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Sines sin(i pi u), or their derivatives i pi cos(i pi u) for `dsin`, at u = k / (n - 1): `[n, modes]`.

    i runs from 1 to `modes`. The phase i k is reduced modulo 2 (n - 1) in whole numbers, so the sine is exactly 0 on
    the frame.
    """
    # The cache may serve a caller that needs gradients after one in inference mode.
    with torch.inference_mode(False), torch.no_grad():
        i, k = torch.arange(1, modes + 1), torch.arange(n)[:, None]
        phase = (i * k) % (2 * (n - 1))
        angle = phase.to(torch.float64) * (math.pi / (n - 1))
        if kind == "dsin":
            wave = math.pi * i.to(torch.float64) * torch.cos(angle)
        else:
            wave = torch.where(phase % (n - 1) == 0, 0.0, torch.sin(angle))
        return wave.to(device=device, dtype=dtype)


def draw_coefficients(
    count: int, spread: Tensor, generator: torch.Generator | None, device: torch.device | str | None
) -> Tensor:
    """Draws normal numbers in float32 and scales them in float64: coefficients `[count, 2, I, J]`.

    Args:
        count: Number of fields.
        spread: Standard deviations, float64 `[I, J]` or `[count, 1, I, J]`.
        generator: Source of random numbers, on its own device; torch's global one on `device` if None.
        device: Device of the global generator.
    """
    where = generator.device if generator is not None else device
    normals = torch.randn(count, 2, *spread.shape[-2:], generator=generator, device=where, dtype=torch.float32)
    if normals.is_mps:  # which has no float64
        normals = normals.cpu()
    return normals * sent(spread, normals.device)


@lru_cache(maxsize=128)
def sides(size: tuple[int, int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Sides (W, H) in pixels, x first, `[2]`. Cached on the device, because each copy to a GPU would wait for it."""
    with torch.inference_mode(False), torch.no_grad():
        return torch.tensor([size[1], size[0]], dtype=dtype).to(device)
