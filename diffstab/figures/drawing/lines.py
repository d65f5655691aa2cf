"""Points with their error bars, lines through them, and the key below: full after training, open at initialisation.

Bars are the standard deviation of the logarithm over seeds, or with one seed its own 95 % interval.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..points.point import Point
from ..points.spread import Spread, exactly
from .codes import Look
from .style import INK, SMALL

SIZE = 4.0  # of markers, points
MOST_WIDTH = 0.97  # of a key, share of the figure's


class Drawn(NamedTuple):
    """A figure and what is behind it.

    Attributes:
        figure: Figure to be written with `files.write_files`.
        table: Points, one line each, by column; see `files.table_csv`.
        notes: Notes on what was left out, one line each.
        setting: Values that all rows share, by column.
    """

    figure: Figure
    table: list[dict[str, Any]]
    notes: list[str]
    setting: dict[str, Any]


def draw_bars(panel: Axes, x: Iterable[Spread], y: Iterable[Spread], colour: str, width: float = 0.8) -> None:
    """The error bars of points along both axes; exact numbers have none."""
    for one, other in zip(x, y, strict=True):
        ends = {"xerr": one, "yerr": other}
        bars: dict[str, Any] = {name: at.arms() for name, at in ends.items() if at != exactly(at.value)}
        panel.errorbar(one.value, other.value, fmt="none", ecolor=colour, elinewidth=width, zorder=2, **bars)


def draw_points(
    panel: Axes,
    points: Sequence[Point],
    x: str | Sequence[float],
    y: str | Sequence[float],
    look: Look,
    *,
    name: str = "",
    joined: bool = True,
    zorder: float = 3,
    width: float = 0.8,
) -> None:
    """Points with their bars: filled on a full line, or open on a dashed one at initialisation.

    Args:
        panel: Axes to draw in.
        points: Points, all after training or all at initialisation.
        x: Quantity, column or numbers along the axis.
        y: Quantity, column or numbers up the other axis.
        look: Colour of all, and marker of the points.
        name: Name in the picture; without one, the curve's.
        joined: True with a line through the points.
        zorder: Height of the points; bars are at 2.
        width: Width of the bars, points.
    """
    along, up = (
        [point[names] for point in points] if isinstance(names, str) else [*map(exactly, names)] for names in (x, y)
    )
    draw_bars(panel, along, up, look.colour, width)
    fresh = any(point.fresh for point in points)
    style: Any = {"linestyle": ("--" if fresh else "-") if joined else "none", **marks(look, fresh)}
    panel.plot(
        [one.value for one in along], [one.value for one in up], gid=name or points[0].curve, zorder=zorder, **style
    )


def marks(look: Look, fresh: bool = False) -> dict[str, Any]:
    """Matplotlib's options for points: open at initialisation, else filled."""
    face = "white" if fresh else look.colour
    edge = {"markeredgecolor": look.colour, "markeredgewidth": 0.8}
    return {"color": look.colour, "marker": look.marker, "markersize": SIZE, "markerfacecolor": face, **edge}


def key(label: str, **style: Any) -> Line2D:
    """An entry of the key."""
    return Line2D([], [], label=label, **style)


def look_keys(looks: Mapping[str, Look], *, joined: bool = True) -> list[Line2D]:
    """An entry of the key for each label, on a line where points are joined."""
    return [key(label, linestyle="-" if joined else "none", **marks(look)) for label, look in looks.items()]


def fresh_keys(points: Iterable[Point], *, joined: bool = True) -> list[Line2D]:
    """The entries of the key for full and open markers; none where all points are after training."""
    kinds = {point.fresh for point in points}
    if True not in kinds:
        return []
    told = {False: ("after training", "-"), True: ("at initialisation", "--")}
    return [
        key(told[fresh][0], linestyle=told[fresh][1] if joined else "none", **marks(Look(INK, "o"), fresh))
        for fresh in sorted(kinds)
    ]


def draw_legend(figure: Figure, keys: Sequence[Line2D]) -> None:
    """Draws the key below the panels, in as many rows as it needs to stay inside the figure."""
    lines = any(one.get_linestyle() != "None" for one in keys)
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
