"""The key below a figure's panels."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import SMALL


def draw_legend(figure: Figure, keys: Sequence[Line2D]) -> None:
    """In one row, or in as many as it takes to stay inside the figure."""
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
        if legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()
