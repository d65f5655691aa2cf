"""Augmentation on the batch's device (App. E.1, Fig. 12): random translations, mirror images and diffeomorphisms."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..fields import MaxEntropyEnsemble, deform
from ..options import TrainOptions
from ..precision import sent


@dataclass(frozen=True)
class Augmentation:
    """Random changes of every batch of training images.

    The few random numbers are drawn on the CPU, so they are the same for any device; the images stay on theirs.

    Attributes:
        reach: Largest shift, pixels.
        flip: True to mirror a random half of the images, left to right.
        ensemble: Ensemble of the diffeomorphisms; None draws none.
        fill: Value of each channel outside the image, which a shift brings in at the border, `[C]`.
    """

    reach: int
    flip: bool
    ensemble: MaxEntropyEnsemble | None
    fill: Tensor

    @classmethod
    def of(cls, options: TrainOptions, size: tuple[int, int], fill: Tensor) -> "Augmentation":
        """Makes the augmentation of a training's options.

        Args:
            options: Options of the training.
            size: Height and width of the images, pixels.
            fill: Value of each channel outside the image, `[C]`.
        """
        ensemble = None
        if options.diffeo_temperature:
            ensemble = MaxEntropyEnsemble(
                size,
                cutoff=options.diffeo_cutoff,
                temperature=options.diffeo_temperature,
                cutoff_rule=options.diffeo_cutoff_rule,
            )
        return cls(options.translate, bool(options.flip), ensemble, fill)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Returns changed images `[B, C, H, W]`; random numbers come from a generator on the CPU."""
        if self.reach or self.flip:
            images = shift_and_flip(images, self.reach, self.flip, self.fill, generator)
        if self.ensemble is not None:
            images = deform(images, self.ensemble.sample(len(images), generator=generator, device=images.device))
        return images


def shift_and_flip(images: Tensor, reach: int, flip: bool, fill: Tensor, generator: torch.Generator) -> Tensor:
    """Shifts each image by whole pixels, uniform in [-reach, reach]^2, after mirroring a random half of them.

    Args:
        images: Images `[B, C, H, W]`.
        reach: Largest shift, pixels.
        flip: True to mirror half of the images, left to right.
        fill: Value of each channel outside the image, `[C]`, on the images' device.
        generator: Random generator on the CPU.

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
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # views, indexed by their top left corner
    return windows[torch.arange(count, device=images.device), :, dy, dx]
