"""Displacements linear in the position, one per image: the base of translations, rotations and changes of scale.

For a pixel at p = (k, l), q = p - ((W - 1) / 2, (H - 1) / 2) is its position from the centre in pixels, x first. The
root-mean-square of |q| over the pixels is r_rms = sqrt((W^2 + H^2 - 2) / 12). As in `deform`, pixel p of the result is
the image at p minus the displacement. The paper has no equation for these transformations.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ..checks import finite_at_least_zero
from ..fields import clamped_fraction, deform, image_size, operator_norm, pixel_determinant, sides
from ..precision import sent
from ..streams import StreamKeys, uniforms


class AffineTransformation(ABC):
    """Displacements that are a linear map of the position from the centre plus a shift, one map per image.

    Args:
        size: Side of square images in pixels, or `(H, W)`.
        delta: Root-mean-square displacement over the pixels, in pixels. Every sample has exactly this value.

    Attributes:
        name: Name of the transformation in results; each class sets one.
        size: Image size `(H, W)` in pixels.
        delta: Root-mean-square displacement in pixels.
        radius: r_rms, the root-mean-square distance of the pixels from the centre, in pixels.

    Raises:
        TypeError: If the size is not whole numbers or delta is not a number.
        ValueError: If a side is below 2 pixels, or delta is 0, negative or not finite.

    For a transformation of yours, write a subclass with `maps`. This one moves each row sideways, in proportion to its
    distance from the centre:

    >>> class Shear(AffineTransformation):
    ...     name = "shear"
    ...     def maps(self, numbers):
    ...         maps = numbers.new_zeros(len(numbers), 2, 3)
    ...         maps[:, 0, 1] = signs(numbers) * self.delta / ((self.size[0] ** 2 - 1) / 12) ** 0.5
    ...         return maps
    >>> moved = Shear((17, 11), delta=1.0).sample(StreamKeys(0, torch.arange(5)), dtype=torch.float64)
    >>> [round(float(delta), 9) for delta in moved.square().sum(1).mean((1, 2)).sqrt()]
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """

    name: str

    def __init__(self, size: int | tuple[int, int], delta: float) -> None:
        self.size = image_size(size)
        self.delta = finite_at_least_zero("delta", delta)
        if self.delta == 0:
            raise ValueError("delta is 0; a displacement of more than 0 pixels is needed")
        height, width = self.size
        self.radius = math.sqrt((width**2 + height**2 - 2) / 12)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, delta={self.delta:.4g} px)"

    @abstractmethod
    def maps(self, numbers: Tensor) -> Tensor:
        """The displacement's 2 x 2 matrix on q (dimensionless) and, as third column, its shift (pixels); x first.

        Args:
            numbers: Random numbers uniform in (0, 1), one per image, float64 `[B]`.

        Returns:
            Matrices and shifts, float64 `[B, 2, 3]`.
        """

    def sample(
        self, keys: StreamKeys, /, *, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
    ) -> Tensor:
        """Draws one displacement per image, in pixels, x first: `[B, 2, H, W]`.

        Args:
            keys: Random streams (seed, image, draw). The samples depend on these alone.
            dtype: Dtype of the displacements; the maps are computed in float64 and then cast.
            device: Device of the displacements.
        """
        height, width = self.size
        maps = sent(self.maps(uniforms(keys, 1)[:, 0]).to(dtype), device)
        along_x, along_y, shift = maps[..., None, None].unbind(2)
        # Positions from the centre are exact: whole or half numbers. Products are taken term by term, so that the
        # rounding doesn't depend on the batch.
        x = torch.arange(width, dtype=dtype, device=device) - (width - 1) / 2
        y = torch.arange(height, dtype=dtype, device=device)[:, None] - (height - 1) / 2
        return (along_x * x + shift) + along_y * y

    def apply(self, images: Tensor, sample: Tensor, interpolation: str = "bilinear") -> Tensor:
        """Deforms images `[B, C, H, W]` along their displacements. Calls `deform` and raises its errors."""
        return deform(images, sample, interpolation)

    def gradient_norm(self, sample: Tensor) -> Tensor:
        """||grad tau||_inf, the same at all pixels: dimensionless, `[B]`.

        On square images it is (n - 1) / n times: 0 for translations, 2 sin(theta / 2) for a rotation by theta, epsilon
        for a change of scale by 1 +- epsilon. As in `DisplacementField`, tau is the displacement as a share of the side
        and s = k / (n - 1).

        Args:
            sample: Displacements `[B, 2, H, W]` in pixels, as returned by `sample`.

        >>> from diffstab.perturbations.named import Rotation
        >>> rotation = Rotation(16, delta=1.0)
        >>> norm = rotation.gradient_norm(rotation.sample(StreamKeys(0, torch.arange(5))))
        >>> torch.allclose(norm, torch.full((5,), 15 / 16 / rotation.radius))
        True
        """
        n = sides(self.size, sample.dtype, sample.device)
        corner = sample[..., 0, 0]
        along_x, along_y = (sample[..., 0, -1] - corner) / n, (sample[..., -1, 0] - corner) / n
        return operator_norm(torch.stack([along_x, along_y], -1)[..., None, None])[..., 0, 0]

    def folds(self, sample: Tensor) -> Tensor:
        """True where the pixel map p -> p - displacement mirrors the picture or collapses it, bool `[B]`."""
        height, width = self.size
        corner = sample[..., 0, 0]
        xx, yx = ((sample[..., 0, -1] - corner) / (width - 1)).unbind(-1)
        xy, yy = ((sample[..., -1, 0] - corner) / (height - 1)).unbind(-1)
        return pixel_determinant((xx, xy, yx, yy)) <= 0

    def clamped_fraction(self, sample: Tensor) -> Tensor:
        """Share of the pixels whose source lies outside the frame and is clamped to it, `[B]`."""
        return clamped_fraction(sample)


def signs(numbers: Tensor) -> Tensor:
    """Turns numbers uniform in (0, 1) into +1 or -1 with equal probability; same shape and dtype.

    >>> signs(torch.tensor([0.2, 0.7]))
    tensor([ 1., -1.])
    """
    return (numbers < 0.5).to(numbers.dtype) * 2 - 1
