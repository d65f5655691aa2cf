"""What the measuring loop asks of a perturbation, so that it takes your own.

A transformation of your own is any object with the attributes and methods of `Transformation`. One that displaces no
pixel, a random change of contrast:

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

One that displaces pixels linearly, such as a shear, extends `affine.AffineTransformation`, whose example it is.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from ..streams import StreamKeys


class Transformation(Protocol):
    """What the measuring loop asks of a transformation. `MaxEntropyEnsemble` is one.

    Methods:
        sample: One sample per image of the keys, all randomness from them (`streams.uniforms`), so that it depends on
            neither batch nor order. Any object; tensors of the given dtype on the given device.
        apply: The images `[B, C, H, W]`, image k transformed by sample k, as another tensor of the same shape and
            dtype. With the interpolation `gaussian` it is compared with images that this interpolation smoothed
            (`deform` along no displacement), so a transformation that does not use `deform` is for `bilinear`.
    """

    @property
    def name(self) -> str:
        """How results call it."""

    @property
    def size(self) -> tuple[int, int]:
        """`(H, W)` of the images, in pixels."""

    @property
    def delta(self) -> float | Tensor | None:
        """Root-mean-square displacement over the picture in pixels; None where nothing is displaced."""

    def sample(self, keys: StreamKeys, /, *, dtype: torch.dtype, device: torch.device | str | None) -> Any:
        """One sample per image."""

    def apply(self, images: Tensor, sample: Any, interpolation: str, /) -> Tensor:
        """The transformed images."""
