"""Parts that several figures share: the key below the panels, and a photograph."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from torch import Tensor

from ...data import EMBEDDED_FOLDER
from .style import SMALL

PHOTO = "chelsea.jpg"
MOST_WIDTH = 0.97  # of a key, share of the figure's


def draw_legend(figure: Figure, keys: Sequence[Line2D]) -> None:
    """Draws the key below the panels, in as many rows as it needs to stay inside the figure."""
    lines = any(key.get_linestyle() != "None" for key in keys)
    for rows in range(1, len(keys) + 1):
        legend = figure.legend(
            handles=keys,
            loc="outside lower center",
            ncols=math.ceil(len(keys) / rows),
            fontsize=SMALL,
            handlelength=2.0 if lines else 1.0,
            handletextpad=0.5,
            columnspacing=1.4,
        )
        if legend.get_window_extent().width <= MOST_WIDTH * figure.bbox.width:
            return
        legend.remove()


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
