"""A small U-Net for small images: maps go down to a quarter of the side and up again, beside skip connections.

The class comes from the average of the last map, so the network is a classifier whose layers are all maps.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .small_images import scaled


class UNet(nn.Module):
    """Two steps down and two up; each step has two 3x3 convolutions with batch norm and ReLU.

    Args:
        channels: Number of input channels.
        classes: Number of classes.
        sizes: Number of channels at the full, half and quarter side.
    """

    def __init__(self, channels: int, classes: int, sizes: tuple[int, int, int]) -> None:
        super().__init__()
        full, half, quarter = sizes
        self.down1, self.down2, self.bottom = _step(channels, full), _step(full, half), _step(half, quarter)
        self.up2, self.up1 = _step(quarter + half, half), _step(half + full, full)
        self.pool, self.avgpool = nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(full, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns `[B, classes]` for images `[B, C, H, W]`."""
        full = self.down1(x)
        half = self.down2(self.pool(full))
        low = self.bottom(self.pool(half))
        half = self.up2(_beside(half, low))
        full = self.up1(_beside(full, half))
        logits: Tensor = self.fc(self.avgpool(full).flatten(1))
        return logits


def _beside(maps: Tensor, lower: Tensor) -> Tensor:
    """Enlarges the lower maps and puts them beside those of the skip connection."""
    larger = interpolate(lower, (maps.shape[-2], maps.shape[-1]), mode="bilinear", align_corners=False)
    return torch.cat([maps, larger], dim=1)


def _step(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()),
        *(nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()),
    )


def unet(channels: int, side: int, classes: int, *, width: float = 1.0) -> nn.Module:
    """Makes a U-Net of 32, 64 and 128 channels at full, half and quarter side; 0.5M parameters."""
    if side < 8:
        raise ValueError(f"images have {side} x {side} pixels; unet needs at least 8 x 8")
    full, half, quarter = (scaled(size, width) for size in (32, 64, 128))
    return UNet(channels, classes, (full, half, quarter))
