"""Both interpolations between the pixels of a small image: as surfaces, and along one line of pixels (Fig. 10)."""

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from ...fields import deform
from ...options import INTERPOLATIONS
from ..drawing.axes import figure_of
from ..drawing.codes import cutoff_look
from ..drawing.lines import Drawn, draw_legend, key
from ..drawing.style import ACCENT, INK

STEPS = 24  # positions from one pixel to the next
HEIGHT = 2.6  # inches
COLOURS = {name: cutoff_look(5, name).colour for name in INTERPOLATIONS}  # as of any cutoff
LINE = 2  # row of pixels along which the last panel goes


def pixel_grid(side: int) -> Drawn:
    """Values between the pixels of a random image, from 0 to 1.

    Args:
        side: Side of the image, pixels.

    >>> drawn = pixel_grid(4)
    >>> len(drawn.table), sorted(drawn.table[0])
    (73, ['bilinear', 'gaussian', 'x'])
    """
    image = torch.rand(1, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    surfaces = {name: between_pixels(image, name, STEPS) for name in INTERPOLATIONS}
    x = np.arange(surfaces["bilinear"].shape[-1]) / STEPS
    with figure_of(HEIGHT, 1, 3, width_ratios=[1, 1, 1.5]) as (figure, panels):
        for panel, (name, surface) in zip(panels, surfaces.items(), strict=False):
            _show(panel, surface, image, name)
            panels[2].plot(x, surface[LINE * STEPS], color=COLOURS[name], gid=name)
        dots: dict[str, Any] = {"color": INK, "marker": "o", "linestyle": "none", "markersize": 4}
        panels[2].plot(range(side), image[0, LINE], gid="pixels", zorder=4, **dots)
        panels[2].set(xlabel=f"$x$ (pixels), at $y$ = {LINE}", ylabel="value of the image", xticks=range(side))
        lines = [key(name, color=colour) for name, colour in COLOURS.items()]
        draw_legend(figure, [key("pixels", **dots), *lines])
    columns = {name: surface[LINE * STEPS].tolist() for name, surface in surfaces.items()}
    table = [{"x": float(x[k]), **{name: own[k] for name, own in columns.items()}} for k in range(len(x))]
    return Drawn(figure, table, [], {"side": side, "steps": STEPS})


def between_pixels(image: Tensor, interpolation: str, steps: int) -> Tensor:
    """`[1, n, n]` interpolated at every 1 / steps of a pixel: `[steps (n - 1) + 1]` on either side.

    >>> between_pixels(torch.eye(2)[None], "bilinear", 2)
    tensor([[1.0000, 0.5000, 0.0000],
            [0.5000, 0.5000, 0.5000],
            [0.0000, 0.5000, 1.0000]])
    """
    side = image.shape[-1]
    shift = torch.arange(steps, dtype=image.dtype) / steps
    down, across = torch.meshgrid(shift, shift, indexing="ij")
    displacement = -torch.stack([across, down], dim=-1)[..., None, None].expand(steps, steps, 2, side, side)
    values = deform(image, displacement, interpolation)[:, :, 0]  # steps, steps, n, n
    whole = values.permute(2, 0, 3, 1).reshape(side * steps, side * steps)
    last = steps * (side - 1) + 1
    return whole[:last, :last]


def _show(panel: Axes, surface: Tensor, image: Tensor, name: str) -> None:
    side = image.shape[-1]
    half = 0.5 / STEPS
    extent = (-half, side - 1 + half, side - 1 + half, -half)
    panel.imshow(surface.numpy(), cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest")
    y, x = (index.flatten() for index in np.indices((side, side)))
    style: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 1, "s": 18, "edgecolors": ACCENT, "linewidths": 0.8}
    panel.scatter(x, y, c=image.flatten().numpy(), clip_on=False, zorder=3, **style)
    panel.set(xticks=range(side), yticks=range(side), xlabel="$x$ (pixels)", ylabel="$y$ (pixels)", title=name)
    panel.spines[:].set_visible(False)
