"""Changes that you give: pairs of images, such as corruptions, the next frame of a video, or registrations."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..options import INTERPOLATIONS, PAIRS, PER_IMAGE
from ..precision import sent
from ..streams import StreamKeys


class GivenPairs:
    """The change from each image to another one of its own, in place of a random transformation.

    D_f is <||f(x') - f(x)||^2> / <||f(x) - f(z)||^2> for the image x' that belongs to x. By default, noise has the norm
    of each pair's own change, ||x' - x||. Draws differ in their noise alone.

    Args:
        changed: Changed images in the network's input space, `[N, C, H, W]`, or a sequence of images `[C, H, W]` or
            `(image, label)`; number k belongs to the image of index k.

    Attributes:
        name: `pairs`, the name in results.
        size: Size `(H, W)` of the images in pixels.
        delta: None: no displacement is known.
        noise_radius: `per-image`, the rule for the noise unless another one is given.

    Raises:
        TypeError, ValueError: If there is no image, or they are not floats `[C, H, W]`.

    >>> pairs = GivenPairs(torch.rand(5, 3, 17, 11))
    >>> changed = pairs.sample(StreamKeys(0, torch.tensor([4, 2])), dtype=torch.float32, device="cpu")
    >>> torch.equal(pairs.apply(torch.zeros(2, 3, 17, 11), changed), pairs.changed[[4, 2]])
    True
    """

    name, delta, noise_radius = PAIRS, None, PER_IMAGE

    def __init__(self, changed: Tensor | Sequence[Any]) -> None:
        if not len(changed):
            raise ValueError("changed has no image; one for each image that is measured is needed")
        self.changed = changed
        first = self._image(0)
        self.size = (first.shape[-2], first.shape[-1])

    def __repr__(self) -> str:
        return f"GivenPairs({len(self.changed)} images, size={self.size})"

    def sample(self, keys: StreamKeys, /, *, dtype: torch.dtype, device: torch.device | str | None = None) -> Tensor:
        """Returns the changed images of the keys, `[B, C, H, W]`. Raises ValueError if an image has none."""
        most = int(keys.images.max())
        if most >= len(self.changed):
            raise ValueError(f"image {most} has no changed one among {len(self.changed)}; give one for each image")
        return sent(torch.stack([self._image(key) for key in keys.images.tolist()]).to(dtype), device)

    def apply(self, images: Tensor, sample: Tensor, interpolation: str = "bilinear") -> Tensor:
        """Returns the changed images. Raises ValueError for other shapes, or an interpolation that smooths images."""
        if interpolation != INTERPOLATIONS[0]:
            raise ValueError(f"interpolation is {interpolation!r} and the pairs are given; take {INTERPOLATIONS[0]!r}")
        if sample.shape != images.shape:
            came = f"changed images are {tuple(sample.shape[1:])} and the images {tuple(images.shape[1:])}"
            raise ValueError(f"{came}; give both in the network's input space")
        return sample

    def _image(self, index: int) -> Tensor:
        item = self.changed[index]
        image = item[0] if isinstance(item, (tuple, list)) else item
        if not isinstance(image, Tensor) or image.ndim != 3 or not image.is_floating_point():
            came = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
            raise TypeError(
                f"changed image {index} is {came}; floats [C, H, W] in the network's input space are needed"
            )
        return image
