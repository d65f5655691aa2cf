"""The interface of a transformation that `measure` accepts, with an example that you can copy.

A transformation is any object with the attributes and methods of `Transformation`. This one changes the contrast at
random and displaces no pixel:

>>> import torch
>>> from diffstab.streams import StreamKeys, uniforms
>>> class Contrast:
...     name, delta = "contrast", None
...     def __init__(self, size):
...         self.size = size
...     def sample(self, keys, *, dtype, device):
...         return (0.5 + uniforms(keys, 1)).to(dtype).to(device)  # one factor per image
...     def apply(self, images, factors, interpolation):
...         mean = images.mean((-3, -2, -1), keepdim=True)
...         return mean + (images - mean) * factors.view(-1, 1, 1, 1)
>>> contrast = Contrast((17, 11))
>>> factors = contrast.sample(StreamKeys(0, torch.arange(5)), dtype=torch.float32, device="cpu")
>>> contrast.apply(torch.rand(5, 3, 17, 11), factors, "bilinear").shape
torch.Size([5, 3, 17, 11])

For displacements linear in the position, subclass `affine.AffineTransformation`; its docstring has a shear as example.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from ..streams import StreamKeys


class Transformation(Protocol):
    """Attributes and methods that the measuring loop uses of a transformation. `MaxEntropyEnsemble` has them.

    Methods:
        sample: Draws one sample per image: any object, with tensors of the given dtype on the given device. All
            randomness must come from the keys (`streams.uniforms`), so that it depends on neither batch nor order.
        apply: Transforms image k of `[B, C, H, W]` by sample k; returns a new tensor of the same shape and dtype.
            Use `bilinear` for a transformation that doesn't call `deform`: with `gaussian`, the loop compares with
            images smoothed by `deform` at zero displacement.
    """

    @property
    def name(self) -> str:
        """Name of the transformation in results."""

    @property
    def size(self) -> tuple[int, int]:
        """Size `(H, W)` of the images in pixels."""

    @property
    def delta(self) -> float | Tensor | None:
        """Root-mean-square displacement over the picture in pixels; None if no pixel is displaced."""

    def sample(self, keys: StreamKeys, /, *, dtype: torch.dtype, device: torch.device | str | None) -> Any:
        """Draws one sample per image of the keys."""

    def apply(self, images: Tensor, sample: Any, interpolation: str, /) -> Tensor:
        """Transforms images `[B, C, H, W]`, image k by sample k."""
