"""Images in figures, and a photograph."""

import numpy as np
import torch
from matplotlib.axes import Axes
from PIL import Image
from torch import Tensor

from ...data import EMBEDDED_FOLDER

PHOTO = "chelsea.jpg"


def photograph(side: int) -> Tensor:
    """The kept photograph of a cat, square: float64 `[3, side, side]` from 0 to 1.

    >>> photograph(32).shape
    torch.Size([3, 32, 32])
    """
    with Image.open(EMBEDDED_FOLDER / "photos" / PHOTO) as photo:
        least = min(photo.size)
        left, top = (photo.width - least) // 2, (photo.height - least) // 2
        square = photo.convert("RGB").crop((left, top, left + least, top + least))
        resized = square.resize((side, side), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1).double() / 255


def show_picture(panel: Axes, image: Tensor, title: str = "") -> None:
    """An image `[3, H, W]` or `[H, W]` without axes."""
    pixels = image.permute(1, 2, 0) if image.ndim == 3 else image
    panel.imshow(pixels.clamp(0, 1).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    panel.set(xticks=[], yticks=[], title=title)
    panel.spines[:].set_visible(False)
