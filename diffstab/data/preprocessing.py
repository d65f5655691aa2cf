"""Preprocessing of image files to a network's input space: size, crop, interpolation, mean and standard deviation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..checks import a_number, above_zero, crop_share, one_of

CROP_MODES = ("center", "squash", "border")
RESAMPLINGS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
LARGEST_SIDE = 2**16
NEWER = ("exif_orientation", "crop_down")  # which older rows lack
COLOUR_MODES = {1: "L", 3: "RGB"}  # of PIL, by the number of channels
Statistics = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Conversion of an image to a network's input, with antialiasing like the evaluations of torchvision and timm.

    Attributes:
        size: Height and width of the input in pixels.
        resize: Height and width in pixels to which the image is resized before the crop. None for no resizing: images
            must then have `size`.
        crop_mode: Rule for resizing. `center`: the image covers `resize` and keeps its aspect ratio. `squash`: it gets
            exactly that size. `border`: it fits inside, and the rest is filled with the mean. Then the central `size`
            is cut out; a smaller image gets a black border.
        interpolation: Interpolation of resizing: `nearest`, `bilinear`, `bicubic` or `lanczos`.
        mean, std: Mean and standard deviation per channel, for pixel values in [0, 1]; 1 or 3 numbers, one for each
            input channel of the network.
        source: Origin of these values: a data set's name, weights, or either with ` + options`.
        exif_orientation: True to rotate and mirror files by their EXIF tag, like photo viewers. False to read pixels as
            they are stored, like torchvision and timm. TIFF is always turned, by Pillow.
        crop_down: Rounding of the crop's corner if it lies between two pixels: down, like transformers; False for the
            even one, like torchvision and timm.

    Raises:
        ValueError: If a value is not allowed.
    """

    size: tuple[int, int]
    resize: tuple[int, int] | None = None
    crop_mode: str = "center"
    interpolation: str = "bilinear"
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str
    exif_orientation: bool = False
    crop_down: bool = False

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> "Preprocessing":
        """Rebuilds one from JSON, which has lists where this has tuples."""
        values: dict[str, Any] = {k: tuple(one) if isinstance(one, list) else one for k, one in told.items()}
        return cls(**values)

    def __post_init__(self) -> None:
        one_of("crop mode", self.crop_mode, CROP_MODES)
        one_of("interpolation of resizing", self.interpolation, RESAMPLINGS)
        if len(self.mean) != len(self.std) or len(self.mean) not in COLOUR_MODES:
            raise ValueError(
                f"mean is {self.mean} and std is {self.std}; as many of each as the input has channels, 1 or 3"
            )
        for mean, std in zip(self.mean, self.std, strict=True):
            a_number("mean", mean)
            above_zero("std", std)
        sides = (*self.size, *(self.resize or ()))
        if any(type(side) is not int for side in sides) or min(sides) < 1 or max(sides) > LARGEST_SIDE:
            raise ValueError(
                f"images of size {self.size}, from {self.resize}, are asked for; each side must have 1 to "
                f"{LARGEST_SIDE:,} pixels"
            )

    @property
    def channels(self) -> int:
        """Number of channels of the input."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape `(C, H, W)` of the input."""
        return (self.channels, *self.size)

    def with_channels(self, channels: int) -> "Preprocessing":
        """Adapts to another number of input channels: gray images are repeated, colour images converted to luminance.

        >>> gray = Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,), source="mnist")
        >>> gray.with_channels(3).mean
        (0.1307, 0.1307, 0.1307)
        """
        if channels == self.channels:
            return self
        if channels not in COLOUR_MODES:
            raise ValueError(f"the network takes {channels} channels; images have 1 or 3")
        mean, std = ((sum(values) / len(values),) * channels for values in (self.mean, self.std))
        return replace(self, mean=mean, std=std)

    def for_input(self, channels: int | None, height: int | None, width: int | None) -> "Preprocessing":
        """Adapts to the channels and size of a network's input; None where these are not fixed.

        >>> gray = Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,), source="mnist")
        >>> gray.for_input(3, None, 32).shape
        (3, 28, 32)
        """
        size = (height or self.size[0], width or self.size[1])
        made = self if channels is None else self.with_channels(channels)
        if size == self.size:
            return made
        height, width = (
            side * whole // cut for side, whole, cut in zip(size, self.resize or self.size, self.size, strict=True)
        )
        return replace(made, size=size, resize=(height, width))

    def overridden(
        self,
        *,
        img_size: int | None = None,
        crop_pct: float | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        exif_orientation: bool | None = None,
    ) -> "Preprocessing":
        """Returns a copy with the given values; None keeps a value.

        Args:
            img_size: Height and width of the input in pixels.
            crop_pct: Share of the resized image's side that the crop keeps, 0.01 to 1.
            mean, std: Mean and standard deviation for pixel values in [0, 1]: one for all channels, or one for each.
            exif_orientation: True to rotate and mirror files by their EXIF tag.
        """
        changes: dict[str, Any] = {} if exif_orientation is None else {"exif_orientation": exif_orientation}
        if img_size is not None or crop_pct is not None:
            size = self.size if img_size is None else (img_size, img_size)
            changes |= {"size": size, "resize": tuple(self._before_crop(side, crop_pct) for side in size)}
        for name, values in (("mean", mean), ("std", std)):
            if values is not None:
                if len(values) not in (1, self.channels):
                    raise ValueError(
                        f"{name} is {tuple(values)}; one value, or one for each of {self.channels} channels"
                    )
                changes[name] = tuple(values) * (self.channels if len(values) == 1 else 1)
        return replace(self, **changes, source=f"{self.source} + options") if changes else self

    def _before_crop(self, side: int, crop_pct: float | None) -> int:
        if crop_pct is not None:
            return math.floor(side / crop_share("crop_pct", crop_pct))  # as timm
        return side if self.resize is None else side * self.resize[0] // self.size[0]

    def __call__(self, image: Image.Image, name: str = "an image") -> Tensor:
        """Converts an image to the input `[C, H, W]`, float32. Raises ValueError with its name if its size is wrong."""
        if self.exif_orientation:
            image = ImageOps.exif_transpose(image)
        if "transparency" in image.info:  # the conversion below drops it with a warning
            image = image.copy()
            del image.info["transparency"]
        image = image.convert(COLOUR_MODES[self.channels])
        height, width = self.size
        if self.resize is not None:
            image = self._cropped(self._resized(image))
        elif image.size != (width, height):
            raise ValueError(
                f"{name} has {image.width} x {image.height} pixels and the first one {width} x {height}; images must "
                "have one size, or be brought to one with --img-size"
            )
        pixels = torch.from_numpy(np.array(image)).view(height, width, -1).permute(2, 0, 1)
        return normalise(pixels.to(torch.float32) / 255, (self.mean, self.std))

    def _resized(self, image: Image.Image) -> Image.Image:
        assert self.resize is not None
        sides, wanted = (image.height, image.width), self.resize
        ratios = [side / goal for side, goal in zip(sides, wanted, strict=True)]
        if self.crop_mode == "squash":
            height, width = wanted
        elif self.crop_mode == "center" and wanted[0] == wanted[1]:  # as torchvision: the longer side rounded down
            height, width = (wanted[0] if side == min(sides) else int(wanted[0] * side / min(sides)) for side in sides)
        else:
            ratio = max(ratios) if self.crop_mode == "border" else min(ratios)
            height, width = (max(1, round(side / ratio)) for side in sides)
        if (height, width) == sides:
            return image
        return image.resize((width, height), RESAMPLINGS[self.interpolation])

    def _cropped(self, image: Image.Image) -> Image.Image:
        """Cuts out the central part. A smaller image first gets a border: the mean for `border`, otherwise black."""
        height, width = self.size
        if image.width < width or image.height < height:
            fill = tuple(round(255 * value) if self.crop_mode == "border" else 0 for value in self.mean)
            sides = max(width, image.width), max(height, image.height)
            canvas = Image.new(image.mode, sides, fill if len(fill) > 1 else fill[0])
            canvas.paste(image, ((sides[0] - image.width) // 2, (sides[1] - image.height) // 2))
            image = canvas
        corner = int if self.crop_down else round
        left, top = corner((image.width - width) / 2), corner((image.height - height) / 2)
        return image.crop((left, top, left + width, top + height))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and texts. Newer values only if True, for equality with rows of older versions."""
        told = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in told.items() if name not in NEWER or value}

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape))
        if self.resize is None:
            how = "as the images are"
        else:
            goal = {"center": "shorter side to", "squash": "squashed to", "border": "longer side to"}[self.crop_mode]
            how = f"{goal} {self.resize[0]} ({self.interpolation}), central crop{' rounded down' * self.crop_down}"
        how = f"turned by EXIF, {how}" if self.exif_orientation else how
        mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (self.mean, self.std))
        return f"{size}, {how}, mean {mean}, std {std} ({self.source})"


def normalise(pixels: Tensor, statistics: Statistics) -> Tensor:
    """Normalises pixel values in [0, 1], `[..., C, H, W]`, to a network's input space: (pixels - mean) / std."""
    mean, std = (torch.tensor(values, dtype=pixels.dtype).view(-1, 1, 1) for values in statistics)
    return (pixels - mean) / std
