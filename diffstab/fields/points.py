"""Sources and destinations of points under a deformation, from the sine series at any position.

The deformed image at position q is the original at source(q) = q - d(q), with the displacement d in pixels. d is 0 on
the frame and outside it. The destination of a point p of the original is the q with source(q) = p. Points of the frame
don't move, so every p inside has a destination; where the field folds, p may have several.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..precision import doubled
from .displacement import pixel_determinant
from .modes import sides

TOLERANCE = 1e-3  # pixels
AIM = 1e-3  # share of the tolerance at which the search ends
FIXED_POINT_STEPS = 12
NEWTON_STEPS = 30
STARTS = 8  # pixels with the nearest sources, from which a failed search starts again
AT_ONCE = 4096  # points per call of Newton's search


class Destinations(NamedTuple):
    """Positions in the deformed image of points of the original.

    Attributes:
        points: Positions `[..., P, 2]` in pixels, x first.
        residual: Distance between source(position) and the given point, in pixels, `[..., P]`.
        folded: True where the field folds or the residual exceeds the tolerance, bool `[..., P]`.
    """

    points: Tensor
    residual: Tensor
    folded: Tensor


class _Series(NamedTuple):
    """The sine series of fields `[B, 2, I, J]` in float64, for images of `(H, W)`."""

    coefficients: Tensor
    size: tuple[int, int]

    def at(self, points: Tensor) -> Tensor:
        """Displacement d in pixels at `[B, P, 2]`, 0 on the frame and outside it."""
        waves = [torch.sin(self._phase(points, axis)) for axis in (0, 1)]
        tau = self._sum(*waves)
        return torch.where(_inside(points, self.size).unsqueeze(-1), tau * sides(self.size, tau.dtype, tau.device), 0.0)

    def gradient(self, points: Tensor) -> Tensor:
        """Gradient of d in pixels per pixel at points `[B, P, 2]`: `[B, P, 2 (component), 2 (direction)]`."""
        height, width = self.size
        phases = [self._phase(points, axis) for axis in (0, 1)]
        sines = [torch.sin(phase) for phase in phases]
        slopes = [
            math.pi / (n - 1) * torch.arange(1, phase.shape[-1] + 1, device=phase.device) * torch.cos(phase)
            for n, phase in zip((width, height), phases, strict=True)
        ]
        moved = torch.stack([self._sum(slopes[0], sines[1]), self._sum(sines[0], slopes[1])], dim=-1)
        moved = moved * sides(self.size, moved.dtype, moved.device).unsqueeze(-1)
        return torch.where(_inside(points, self.size)[..., None, None], moved, 0.0)

    def _phase(self, points: Tensor, axis: int) -> Tensor:
        """Phases i pi u of each mode and point, `[B, P, I]`, for axis 0; j pi v, `[B, P, J]`, for axis 1."""
        modes, n = self.coefficients.shape[-2 + axis], self.size[1 - axis]
        number = torch.arange(1, modes + 1, dtype=points.dtype, device=points.device)
        return points[..., axis, None] * (math.pi / (n - 1)) * number

    def _sum(self, along_x: Tensor, along_y: Tensor) -> Tensor:
        """sum C_ij X_i Y_j of both components at each point, `[B, P, 2]`."""
        modes_x, modes_y = self.coefficients.shape[-2:]
        rows = along_x @ self.coefficients.transpose(-3, -2).reshape(-1, modes_x, 2 * modes_y)
        sums: Tensor = (rows.unflatten(-1, (2, modes_y)) * along_y.unsqueeze(-2)).sum(-1)
        return sums


def displacement_at(coefficients: Tensor, size: tuple[int, int], points: Tensor) -> Tensor:
    """Displacement at points, `[..., P, 2]` pixels; see `DisplacementField.displacement_at`."""
    series, flat, shape = _series(coefficients, size, points)
    return series.at(flat).view(shape).to(points)


def source_of(coefficients: Tensor, size: tuple[int, int], points: Tensor) -> Tensor:
    """Source positions of points, `[..., P, 2]` pixels; see `DisplacementField.source_of`."""
    series, flat, shape = _series(coefficients, size, points)
    moved = torch.where(_inside(flat, size).unsqueeze(-1), _clamped(flat - series.at(flat), size), flat)
    return moved.view(shape).to(points)


def destination_of(
    coefficients: Tensor, size: tuple[int, int], points: Tensor, tolerance: float = TOLERANCE
) -> Destinations:
    """Destinations of points; see `DisplacementField.destination_of`."""
    series, flat, shape = _series(coefficients, size, points)
    found, residual = _fixed_point(series, flat, AIM * tolerance)
    left = (residual > AIM * tolerance).nonzero()
    for part in left.split(AT_ONCE):
        field, place = part.unbind(1)
        own = _Series(series.coefficients[field], size)
        better, distance = _search(own, flat[field, place], found[field, place], AIM * tolerance)
        found[field, place], residual[field, place] = better, distance
    folded = (pixel_determinant(series.gradient(found).flatten(-2).unbind(-1)) <= 0) | (residual > tolerance)
    lead = shape[:-1]
    device = points.device
    return Destinations(found.view(shape).to(points), residual.view(lead).to(points), folded.view(lead).to(device))


def inverse_displacement(coefficients: Tensor, size: tuple[int, int]) -> Tensor:
    """Displacement p - destination(p) at the pixels, `[..., 2, H, W]`; see `DisplacementField.inverse`."""
    lead = coefficients.shape[:-3]
    pixels = pixel_positions(size, torch.float64, torch.device("cpu"))
    maps = []
    for own in doubled(coefficients).flatten(0, -4) if lead else doubled(coefficients)[None]:
        where = pixels.to(own.device).view(-1, 2)
        moved = where - destination_of(own, size, where).points
        maps.append(moved.view(*size, 2).permute(2, 0, 1).to(coefficients))
    shape = (*lead, 2, *size)
    return torch.stack(maps).view(shape) if maps else coefficients.new_zeros(shape)


def _series(coefficients: Tensor, size: tuple[int, int], points: Tensor) -> tuple[_Series, Tensor, torch.Size]:
    """Fields and points `[B, P, 2]` in float64 with one batch dimension, and the shape of the result."""
    if not isinstance(points, Tensor) or not points.is_floating_point():
        came = str(points.dtype) if isinstance(points, Tensor) else type(points).__name__
        raise TypeError(f"points are {came}; a floating-point tensor [..., P, 2] in pixels is needed")
    if points.ndim < 2 or points.shape[-1] != 2:
        raise ValueError(f"points are {tuple(points.shape)}; [..., P, 2] in pixels, x first, is needed")
    fields, lead = coefficients.shape[:-3], points.shape[:-2]
    exact, positions = doubled(coefficients), doubled(points)
    if fields.numel() == 1:
        return _Series(exact.reshape(1, *exact.shape[-3:]), size), positions.reshape(1, -1, 2), points.shape
    try:
        lead = torch.broadcast_shapes(fields, lead)
    except RuntimeError:
        came = f"points have the leading dimensions {tuple(lead)} and fields {tuple(fields)}"
        raise ValueError(f"{came}; they must be equal or broadcast") from None
    count = torch.Size(lead).numel()
    exact = exact.expand(*lead, *exact.shape[-3:]).reshape(count, *exact.shape[-3:])
    shape = torch.Size([*lead, *points.shape[-2:]])
    return _Series(exact, size), positions.expand(shape).reshape(count, *points.shape[-2:]), shape


def _inside(points: Tensor, size: tuple[int, int]) -> Tensor:
    """True for points inside the frame and not on it, bool `[...]`."""
    height, width = size
    x, y = points.unbind(-1)
    return (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)


def _clamped(points: Tensor, size: tuple[int, int]) -> Tensor:
    within: Tensor = torch.minimum(points.clamp_min(0), sides(size, points.dtype, points.device) - 1)
    return within


def _distance(series: _Series, guess: Tensor, points: Tensor) -> Tensor:
    """Vectors from the points to the sources of the guesses, in pixels, `[B, P, 2]`."""
    return guess - series.at(guess) - points


def _fixed_point(series: _Series, points: Tensor, aim: float) -> tuple[Tensor, Tensor]:
    """Iterates q <- p + d(q), which converges where the gradient of d is below 1; returns q and its residual."""
    inside = _inside(points, series.size).unsqueeze(-1)
    guess = points
    for _ in range(FIXED_POINT_STEPS):
        off = torch.where(inside, _distance(series, guess, points), 0.0)
        residual = off.norm(dim=-1)
        if not bool((residual > aim).any()):
            break
        guess = torch.where(inside, _clamped(guess - off, series.size), points)
    else:
        residual = torch.where(inside, _distance(series, guess, points), 0.0).norm(dim=-1)
    return guess, residual


def _search(series: _Series, points: Tensor, guess: Tensor, aim: float) -> tuple[Tensor, Tensor]:
    """Newton's method for points `[M, 2]`, one field each; after a failure from the pixels with the nearest sources."""
    found, residual = _newton(series, points.unsqueeze(1), guess.unsqueeze(1), aim)
    found, residual = found[:, 0], residual[:, 0]
    for place in (residual > aim).nonzero().flatten().tolist():
        one = _Series(series.coefficients[place : place + 1], series.size)
        starts = _nearest_pixels(one, points[place])
        again, distance = _newton(one, points[place].expand_as(starts), starts, aim)
        best = distance[0].argmin()
        if distance[0, best] < residual[place]:
            found[place], residual[place] = again[0, best], distance[0, best]
    return found, residual


def _newton(series: _Series, points: Tensor, guess: Tensor, aim: float) -> tuple[Tensor, Tensor]:
    """Newton's steps, halved while they don't reduce the residual; returns the best `[B, P, 2]` and the residuals."""
    best, off = guess, _distance(series, guess, points)
    residual = off.norm(dim=-1)
    share = torch.ones_like(residual)
    step = _newton_step(series, best, off)
    for _ in range(NEWTON_STEPS):
        if not bool((residual > aim).any()):
            break
        tried = _clamped(best - share.unsqueeze(-1) * step, series.size)
        off_there = _distance(series, tried, points)
        distance = off_there.norm(dim=-1)
        helps = distance < residual
        best, off = (torch.where(helps.unsqueeze(-1), new, old) for new, old in ((tried, best), (off_there, off)))
        residual = torch.where(helps, distance, residual)
        share = torch.where(helps, 1.0, share / 2)
        step = _newton_step(series, best, off)
    return best, residual


def _newton_step(series: _Series, guess: Tensor, off: Tensor) -> Tensor:
    """Newton's step: J^-1 times the distance, by damped least squares, since J may be singular."""
    one = torch.eye(2, dtype=guess.dtype, device=guess.device)
    J = one - series.gradient(guess)  # of the pixel map q - d(q)
    damped = J.mT @ J + 1e-12 * one
    step: Tensor = torch.linalg.solve(damped, (J.mT @ off.unsqueeze(-1))).squeeze(-1)
    return step


def _nearest_pixels(series: _Series, point: Tensor) -> Tensor:
    """The pixels of one field whose sources are nearest to a point, `[1, STARTS, 2]`."""
    pixels = pixel_positions(series.size, point.dtype, point.device).view(1, -1, 2)
    off = _distance(series, pixels, point).norm(dim=-1)
    nearest = off[0].topk(min(STARTS, off.shape[1]), largest=False).indices
    return pixels[:, nearest]


def pixel_positions(size: tuple[int, int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Position (x, y) of every pixel, `[H, W, 2]`."""
    height, width = size
    k = torch.arange(width, dtype=dtype, device=device).expand(height, width)
    line = torch.arange(height, dtype=dtype, device=device)[:, None].expand(height, width)
    return torch.stack([k, line], dim=-1)
