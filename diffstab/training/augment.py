"""Augmentation (App. E.1, Fig. 12): random translations, mirror images, diffeomorphisms, on the batch's device."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..fields import MaxEntropyEnsemble, deform
from ..options import TrainOptions
from ..precision import sent


@dataclass(frozen=True)
class Augmentation:
    """What is done to every batch of training images.

    The few random numbers are drawn on the CPU, the same for any device; the images stay where they are.

    Attributes:
        reach: Largest shift, pixels.
        flip: Whether half of the images are mirrored, left to right.
        ensemble: Of the diffeomorphisms; None draws none.
        fill: What comes in at the border, `[C]`.
    """

    reach: int
    flip: bool
    ensemble: MaxEntropyEnsemble | None
    fill: Tensor

    @classmethod
    def of(cls, options: TrainOptions, size: tuple[int, int], fill: Tensor) -> "Augmentation":
        """As the options say, for images of `(H, W)` pixels."""
        recipe, ensemble = options.filled, None
        if recipe.diffeo_temperature:
            ensemble = MaxEntropyEnsemble(
                size,
                cutoff=recipe.diffeo_cutoff,
                temperature=recipe.diffeo_temperature,
                cutoff_rule=recipe.diffeo_cutoff_rule,
            )
        return cls(recipe.translate, bool(recipe.flip), ensemble, fill)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images `[B, C, H, W]` anew, with numbers drawn from a generator on the CPU."""
        if self.reach or self.flip:
            images = shift_and_flip(images, self.reach, self.flip, self.fill, generator)
        if self.ensemble is not None:
            images = deform(images, self.ensemble.sample(len(images), generator=generator, device=images.device))
        return images


def shift_and_flip(images: Tensor, reach: int, flip: bool, fill: Tensor, generator: torch.Generator) -> Tensor:
    """Each image shifted by whole pixels, uniform in [-reach, reach]^2, and with `flip` mirrored in half of the cases.

    Args:
        images: `[B, C, H, W]`.
        reach: Largest shift, pixels.
        flip: Left to right; the mirror image is shifted.
        fill: What comes in at the border, `[C]`, on the images' device.
        generator: On the CPU.

    >>> fill, generator = torch.zeros(3), torch.Generator().manual_seed(0)
    >>> shift_and_flip(torch.rand(5, 3, 17, 11), 2, True, fill, generator).shape
    torch.Size([5, 3, 17, 11])
    """
    count, channels, height, width = images.shape
    if flip:
        mirrored = sent(torch.rand(count, generator=generator) < 0.5, images.device)
        images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    if not reach:
        return images
    dy, dx = sent(torch.randint(0, 2 * reach + 1, (2, count), generator=generator), images.device)
    shape = (count, channels, height + 2 * reach, width + 2 * reach)
    padded = fill.to(images.dtype).view(-1, 1, 1).expand(shape).clone()
    padded[:, :, reach : reach + height, reach : reach + width] = images
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # views, by the place of their corner
    return windows[torch.arange(count, device=images.device), :, dy, dx]
