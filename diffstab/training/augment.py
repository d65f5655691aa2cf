"""The augmentation of App. E.1: random translations by whole pixels."""

import torch
from torch import Tensor
from torch.nn import functional as F


def translate(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Each image shifted by whole pixels, uniform in [-reach, reach]^2; the darkest value comes in at the border.

    Args:
        images: `[B, C, H, W]`, on the generator's device.
        reach: Largest shift, pixels; with 0 the images come back as they are.
        generator: Of the shifts.

    >>> translate(torch.rand(5, 3, 17, 11), 2, torch.Generator().manual_seed(0)).shape
    torch.Size([5, 3, 17, 11])
    """
    if reach == 0:
        return images
    count, _, height, width = images.shape
    padded = F.pad(images, [reach] * 4, value=float(images.min()))
    dx, dy = torch.randint(0, 2 * reach + 1, (2, count, 1, 1), generator=generator)
    rows = dy + torch.arange(height).view(-1, 1)
    columns = dx + torch.arange(width)
    return padded[torch.arange(count).view(-1, 1, 1), :, rows, columns].permute(0, 3, 1, 2)
