"""Transformations of images other than smooth random deformations: translations, rotations and changes of scale.

Compare transformations at equal delta, the root-mean-square displacement over the pixels. Every sample has exactly this
delta. q (position from the centre) and r_rms (its root-mean-square) are defined in `affine`. The paper has no equation
for these transformations.
"""

import math
from typing import Any

import torch
from torch import Tensor

from ..checks import one_of
from ..fields import MaxEntropyEnsemble
from ..options import DEFAULT_CUTOFF, DEFAULT_DELTA, DIFFEO, PAIRS, TRANSFORMS
from .affine import AffineTransformation, signs


class Translation(AffineTransformation):
    """Translations by delta pixels in a uniformly random direction. Pixels from outside repeat the frame.

    Args, attributes and errors are those of `AffineTransformation`. delta is at most the smaller side minus 1: beyond
    that nothing of the image is left.

    >>> from diffstab import StreamKeys
    >>> Translation((17, 11), delta=1.0).sample(StreamKeys(0, torch.arange(5))).shape
    torch.Size([5, 2, 17, 11])
    """

    name = "translation"

    def __init__(self, size: int | tuple[int, int], delta: float) -> None:
        super().__init__(size, delta)
        most = min(self.size) - 1
        if self.delta > most:
            came = f"delta is {self.delta:.10g}; translated that far, nothing of images of {self.size} pixels is left"
            raise ValueError(f"{came}; give at most {most}")

    def maps(self, numbers: Tensor) -> Tensor:
        """A shift of length delta in a random direction and no matrix, `[B, 2, 3]`."""
        maps = numbers.new_zeros(len(numbers), 2, 3)
        angle = 2 * math.pi * numbers
        maps[:, 0, 2], maps[:, 1, 2] = self.delta * angle.cos(), self.delta * angle.sin()
        return maps


class WholeTranslation(Translation):
    """Translations by whole pixels along x and y, without interpolation; all shifts of norm delta are equally likely.

    Args, attributes and errors are those of `Translation`, and these:

    Attributes:
        delta: Norm sqrt(dx^2 + dy^2) of the shifts in pixels. Its square is within 1e-9 (relative) of the given one's.
        shifts: All shifts (dx, dy) of that norm in pixels, int64 `[K, 2]`.

    Raises:
        ValueError: If no whole dx and dy have that norm. The message names the nearest possible norms.

    >>> WholeTranslation(32, delta=1).shifts.tolist()
    [[-1, 0], [0, -1], [0, 1], [1, 0]]
    """

    name = "whole-translation"

    def __init__(self, size: int | tuple[int, int], delta: float) -> None:
        super().__init__(size, delta)
        asked = self.delta**2
        squared = round(asked)
        shifts = _whole_vectors(squared) if squared and abs(squared - asked) <= 1e-9 * asked else []
        if not shifts:
            near = " and ".join(f"{math.sqrt(norm):.12g}" for norm in _nearest_squared_norms(asked))
            came = f"delta is {self.delta:.12g}; no translation by whole pixels along x and y is that long"
            raise ValueError(f"{came}; the nearest norms are {near}; give one of them, or use 'translation'")
        self.shifts = torch.tensor(shifts)
        self.delta = math.sqrt(squared)

    def maps(self, numbers: Tensor) -> Tensor:
        """One of the `shifts` and no matrix, `[B, 2, 3]`."""
        maps = numbers.new_zeros(len(numbers), 2, 3)
        maps[:, :, 2] = self.shifts[(numbers * len(self.shifts)).long()].to(numbers.dtype)
        return maps


class Rotation(AffineTransformation):
    """Rotations about the centre by +theta or -theta at random, with 2 sin(theta / 2) r_rms = delta.

    Args, attributes and errors are those of `AffineTransformation`, and the attribute below. delta is at most 2 r_rms,
    half a turn.

    Attributes:
        angle: Angle theta in radians.

    >>> round(Rotation((17, 11), delta=1.0).angle, 4)
    0.1717
    """

    name = "rotation"

    def __init__(self, size: int | tuple[int, int], delta: float) -> None:
        super().__init__(size, delta)
        if self.delta > 2 * self.radius:
            came = f"delta is {self.delta:.10g}; half a turn of images of {self.size} pixels, the furthest rotation"
            raise ValueError(f"{came}, displaces by {_floored(2 * self.radius):.10g}; give at most that")
        self.angle = 2 * math.asin(self.delta / (2 * self.radius))

    def maps(self, numbers: Tensor) -> Tensor:
        """q minus q rotated by -theta: [[1 - cos, -sin], [sin, 1 - cos]] and no shift, `[B, 2, 3]`."""
        maps = numbers.new_zeros(len(numbers), 2, 3)
        half = self.delta / (2 * self.radius)  # sin(theta / 2)
        sine = signs(numbers) * (2 * half * math.sqrt(1 - half**2))
        maps[:, 0, 0], maps[:, 0, 1] = 2 * half**2, -sine
        maps[:, 1, 0], maps[:, 1, 1] = sine, 2 * half**2
        return maps


class Scaling(AffineTransformation):
    """Changes of scale about the centre: displacements +epsilon q (zooms in) or -epsilon q (zooms out) at random.

    Args, attributes and errors are those of `AffineTransformation`, and the attribute below. delta must be below r_rms,
    where the image collapses into a point.

    Attributes:
        epsilon: Relative change of scale delta / r_rms, dimensionless, below 1.

    >>> round(Scaling((17, 11), delta=1.0).epsilon, 4)
    0.1715
    """

    name = "scale"

    def __init__(self, size: int | tuple[int, int], delta: float) -> None:
        super().__init__(size, delta)
        self.epsilon = self.delta / self.radius
        if self.epsilon >= 1:
            came = f"delta is {self.delta:.10g}; at {_floored(self.radius):.10g} a change of scale collapses images"
            raise ValueError(f"{came} of {self.size} pixels into a point; give less than that")

    def maps(self, numbers: Tensor) -> Tensor:
        """+epsilon q or -epsilon q and no shift, `[B, 2, 3]`."""
        maps = numbers.new_zeros(len(numbers), 2, 3)
        maps[:, 0, 0] = maps[:, 1, 1] = signs(numbers) * self.epsilon
        return maps


_CLASSES: dict[str, type[AffineTransformation]] = {
    one.name: one for one in (Translation, WholeTranslation, Rotation, Scaling)
}


def transformation_named(name: str, size: int | tuple[int, int], delta: float) -> AffineTransformation:
    """Builds a transformation by name.

    Args:
        name: `translation`, `whole-translation`, `rotation` or `scale`.
        size: Side of square images in pixels, or `(H, W)`.
        delta: Root-mean-square displacement over the pixels, in pixels.

    Raises:
        ValueError: If the name is none of these, or the class refuses size or delta.

    >>> transformation_named("rotation", 32, delta=1.0)
    Rotation(size=(32, 32), delta=1 px)
    """
    return _CLASSES[one_of("transform", name, _CLASSES)](size, delta)


def perturbation(
    transform: str,
    size: int | tuple[int, int],
    *,
    delta: float | None = None,
    cutoff: float | None = None,
    temperature: float | None = None,
    **rules: Any,
) -> MaxEntropyEnsemble | AffineTransformation:
    """Builds the transformation of images by the names and options of `diffstab measure`.

    Args:
        transform: `diffeo` (smooth random deformations), or a name of `transformation_named`.
        size: Side of square images in pixels, or `(H, W)`.
        delta: Root-mean-square displacement in pixels; 1 if neither `delta` nor `temperature` is given.
        cutoff: Largest spatial frequency c of `diffeo`; 3 if None.
        temperature: Temperature T of `diffeo`, in place of `delta`.
        rules: Convention and rules of `MaxEntropyEnsemble`.

    Raises:
        ValueError: If temperature or cutoff are given with another transformation than `diffeo`, or the class refuses
            an argument.

    >>> perturbation("diffeo", 32)
    MaxEntropyEnsemble(size=(32, 32), cutoff=3, temperature=0.001905, delta=1 px, disk, exact, 4 modes)
    """
    amount = DEFAULT_DELTA if delta is None and temperature is None else delta
    if transform == DIFFEO:
        frequency = DEFAULT_CUTOFF if cutoff is None else cutoff
        return MaxEntropyEnsemble(size, frequency, temperature, amount, **rules)
    if one_of("transform", transform, TRANSFORMS) == PAIRS:
        raise ValueError(
            f"transform is {PAIRS!r} and no changed images are given; give GivenPairs(...) or --changed-dir"
        )
    for option, value in (("temperature", temperature), ("cutoff", cutoff)):
        if value is not None:
            raise ValueError(f"{option} is {value:g}, but transform {transform!r} has none; give delta alone")
    assert amount is not None
    return transformation_named(transform, size, amount)


def _floored(pixels: float) -> float:
    """Rounds down to four decimals, so that the limit shown in a message is itself allowed."""
    return math.floor(pixels * 1e4) / 1e4


def _whole_vectors(squared: int) -> list[tuple[int, int]]:
    """All whole (dx, dy) with dx^2 + dy^2 = `squared`, ascending."""
    reach = math.isqrt(squared)
    rows = ((dx, math.isqrt(squared - dx * dx)) for dx in range(-reach, reach + 1))
    return sorted({(dx, sign * dy) for dx, dy in rows if dx * dx + dy * dy == squared for sign in (-1, 1)})


def _nearest_squared_norms(squared: float) -> list[int]:
    """The nearest squared norms of whole vectors: one below (if at least 1) and one above."""
    below, above = math.floor(squared), math.ceil(squared)
    while below > 0 and not _whole_vectors(below):
        below -= 1
    while not _whole_vectors(above):
        above += 1
    return [norm for norm in (below, above) if norm > 0]
