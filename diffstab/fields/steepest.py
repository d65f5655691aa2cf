"""The largest Xi (Eq. 12) of each field over all pixels, from Xi at few of them. Numpy, float64, mostly on one thread.

torch would divide the small arrays among threads, and these wait long for each other where other programs run.

Xi is computed at some pixels of the whole image, then at more of them wherever it may be largest. Let G be the gradient
of a field, N the largest root of the sum of its squares, R^2 the largest i^2 + j^2, and s the distance of pixels. Along
each axis, some computed pixel is at most r pixels from that of the largest Xi. Xi there is lower by at most N d, where
d is (pi R)^2 / 2 times the sum of (r + 1/2)^2 s^2 over the axes. So other places can be left out. The reasons:

- Xi is the largest f = -e G e over unit vectors e. For one e, f is a sum of waves of frequencies up to pi R, nowhere
  above N. So its second derivative along any line is at most (pi R)^2 N (Bernstein's inequality).
- For the e of the largest Xi, no neighbouring pixel has a larger f. So the slope of f along an axis is at most
  (pi R)^2 N s / 2 there, and r pixels away f is lower by at most (pi R)^2 N / 2 times (r^2 + r) s^2. Xi is at least f.
- For a pixel of the frame, a computed one is on the same side of the frame. An axis of which all pixels are computed
  adds nothing.
- N is at most the largest value at the pixels computed first, divided by 1 - d, for the same reasons.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from .modes import basis

Array = NDArray[np.float64]
Places = NDArray[np.int64]
PARTS = 16  # of 1 / R of a side: at first, no pixel is farther than one part from a computed one, along an axis
FINER = 5  # later, this distance is so many times smaller each time
AT_ONCE = 2**15  # pixels at a time: gradients of 1 MB fit in the processor's cache


def slopes(coefficients: Array, size: tuple[int, int], rows: Places, columns: Places) -> tuple[Array, ...]:
    """The derivatives xx, xy, yx and yy of fields `[B, 2, I, J]` at pixels, dimensionless: `[B, h, w]` each.

    Args:
        coefficients: C of the fields, as in `DisplacementField`.
        size: Image size `(H, W)` in pixels.
        rows: Rows of the pixels, `[B, h]`, or `[1, h]` for the same ones of all fields.
        columns: Columns of the pixels, `[B, w]` or `[1, w]`.

    >>> xx, xy, yx, yy = slopes(np.ones((1, 2, 1, 1)), (3, 3), np.array([[1]]), np.array([[0, 1]]))
    >>> xx.round(6), float(abs(xy).max().round(6))
    (array([[[3.141593, 0.      ]]]), 0.0)
    """
    exact = (torch.float64, torch.device("cpu"))
    (height, width), (modes_x, modes_y) = size, coefficients.shape[-2:]
    y, dy = (basis(kind, height, modes_y, *exact).numpy()[rows][:, None] for kind in ("sin", "dsin"))
    x, dx = (basis(kind, width, modes_x, *exact).numpy()[columns][:, None] for kind in ("sin", "dsin"))
    transposed = coefficients.swapaxes(-1, -2)
    along_x, along_y = y @ (transposed @ dx.swapaxes(-1, -2)), dy @ (transposed @ x.swapaxes(-1, -2))
    return along_x[:, 0], along_y[:, 0], along_x[:, 1], along_y[:, 1]


def steepest(coefficients: Array, size: tuple[int, int]) -> Array:
    """The largest Xi over all pixels of each field `[B, 2, I, J]`: `[B]`, as from `DisplacementField.xi`, to rounding.

    >>> steepest(np.array([[[[1.0]], [[0.0]]]]), (17, 11)).round(6)
    array([3.141593])
    """
    i, j = np.nonzero(coefficients.any((0, 1)))
    radius = math.sqrt(max((i + 1) ** 2 + (j + 1) ** 2, default=1))
    reach = [int((side - 1) / (PARTS * radius)) for side in size]
    few = max(1, AT_ONCE // math.prod(side // (2 * r + 1) + 2 for r, side in zip(reach, size, strict=True)))
    parts = [coefficients[k : k + few] for k in range(0, len(coefficients), few)]
    return np.concatenate([np.empty(0), *(_steepest(part, size, radius, reach) for part in parts)])


def _steepest(coefficients: Array, size: tuple[int, int], radius: float, reach: Sequence[int]) -> Array:
    """The largest Xi of few fields. At first, no pixel is farther than `reach` from a computed one, along each axis."""
    rows, columns = (_every(2 * r + 1, side) for r, side in zip(reach, size, strict=True))
    xx, xy, yx, yy = slopes(coefficients, size, rows, columns)
    xi, fields = _xi(xx, xy, yx, yy), np.arange(len(coefficients))
    found: Array = xi.max((1, 2))
    if any(reach):
        norm = np.sqrt((xx**2 + xy**2 + yx**2 + yy**2).max((1, 2))) / (1 - _lag(size, radius, reach))
    while any(reach):
        least = found - norm * _lag(size, radius, reach)
        window, i, j = np.nonzero(xi >= least[fields, None, None])
        rows, columns = (np.broadcast_to(places, (len(fields), places.shape[1])) for places in (rows, columns))
        fields, finer = fields[window], [r // FINER for r in reach]
        rows = _round(rows[window, i], reach[0], finer[0], size[0])
        columns = _round(columns[window, j], reach[1], finer[1], size[1])
        xi, reach = _xi(*slopes(coefficients[fields], size, rows, columns)), finer
        np.maximum.at(found, fields, xi.max((1, 2)))
    return found


def _xi(xx: Array, xy: Array, yx: Array, yy: Array) -> Array:
    return np.asarray((np.sqrt(np.square(xx - yy) + np.square(xy + yx)) - (xx + yy)) / 2)


def _lag(size: tuple[int, int], radius: float, reach: Sequence[int]) -> float:
    """d: if the largest Xi of all is within `reach` of a computed pixel, Xi there is lower by at most N d."""
    squared = sum(((r + 0.5) / (side - 1)) ** 2 for r, side in zip(reach, size, strict=True) if r)
    return (math.pi * radius) ** 2 / 2 * squared


def _every(step: int, side: int) -> Places:
    """Every `step`-th place and the last, `[1, h]`."""
    return np.append(np.arange(0, side - 1, step), side - 1)[None]


def _round(centres: Places, reach: int, finer: int, side: int) -> Places:
    """Places round each centre `[M]`, from one of which none within `reach` is farther than `finer`: `[M, h]`."""
    step = 2 * finer + 1
    most = -(-(reach - finer) // step)
    return np.asarray((centres[:, None] + step * np.arange(-most, most + 1)).clip(0, side - 1))
