"""Figures with their panels, and axes: logarithmic ones over points with their bars, others with names at places."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...results import set_log_axis
from ..points.point import Point, split
from ..points.spread import Spread, exactly
from .codes import AXES
from .style import FAINT, WIDTH, house_style

MARGIN = 0.07  # of the axis' length, on either side
LONGEST_BAR = 3.0  # times the furthest value; longer error bars leave the picture
MOST_COLUMNS = 3  # panels side by side
HEIGHT, KEYS = 2.4, 0.45  # inches, of a row of panels and of what stands below all
UNIT = exactly(1.0)  # where the line at 1 lies


@contextmanager
def figure_of(
    height: float, rows: int = 1, columns: int = 1, *, width: float = WIDTH, **how: Any
) -> Iterator[tuple[Figure, Any]]:
    """A figure and what its `subplots` returns, in the house style while it is drawn; height and width are inches."""
    with house_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(rows, columns, **how)


@contextmanager
def panels_of(
    count: int, columns: int = MOST_COLUMNS, *, keys: float = KEYS, **how: Any
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with so many panels, in rows of at most `columns`, and room for the key below, inches."""
    rows, columns = math.ceil(count / columns), min(count, columns)
    with figure_of(HEIGHT * rows + keys, rows, columns, squeeze=False, **how) as (figure, grid):
        panels = list(grid.ravel())
        for unused in panels[count:]:
            unused.remove()
        yield figure, panels[:count]


@contextmanager
def network_panels(
    points: Sequence[Point],
    xlabel: str,
    *quantities: str,
    x: str = "",
    shared_x: bool = True,
    ylabel: str = AXES["R"],
    more: Iterable[Spread] = (),
) -> Iterator[tuple[Figure, list[tuple[Axes, list[Point]]]]]:
    """A figure with a panel for each network on one y axis, with the line at 1, two or three in a row, and its points.

    Args:
        points: All points of the figure.
        xlabel: Below the lowest panels.
        quantities: Quantities up the axis.
        x: Column along a logarithmic axis.
        shared_x: True if the panels share that axis too.
        ylabel: Beside the first panel of each row.
        more: Further values that the axis of the quantities holds.
    """
    networks = split(points, "label")
    columns = 2 if len(networks) == 4 else MOST_COLUMNS
    with panels_of(len(networks), columns, sharex=shared_x, sharey=True) as (figure, panels):
        for place, (panel, label) in enumerate(zip(panels, networks, strict=True)):
            panel.set_title(label)
            draw_unit(panel)
            if place % columns == 0:
                panel.set_ylabel(ylabel)
            if place + columns >= len(panels):  # nothing below it
                panel.set_xlabel(xlabel)
                panel.tick_params(labelbottom=True)
        set_log(panels[0], "y", points, *quantities, more=[*more, UNIT])
        if x:
            set_log(panels[0], "x", points, x)
        yield figure, list(zip(panels, networks.values(), strict=True))


def draw_unit(panel: Axes, axis: str = "y") -> None:
    """The line at R = 1 of an axis, where deformations change outputs as much as noise does."""
    (panel.axhline if axis == "y" else panel.axvline)(1, color=FAINT, linewidth=0.6, zorder=1, gid="unit")


def span_of(spreads: Sequence[Spread]) -> tuple[float, float]:
    """Returns the ends of an axis over all values with their error bars, and a margin.

    >>> low, high = span_of([Spread(1.0, None, 0.5, 2.0), Spread(10.0, None, 0.0, 20.0)])
    >>> round(low, 3), round(high, 2)
    (0.25, 26.64)
    """
    values = [spread.value for spread in spreads]
    low = max(min(spread.low for spread in spreads), min(values) / LONGEST_BAR)
    high = min(max(spread.high for spread in spreads), max(values) * LONGEST_BAR)
    margin = (high / low) ** MARGIN if high > low else 1.5
    return low / margin, high * margin


def set_log(panel: Axes, axis: str, points: Iterable[Point], *names: str, more: Iterable[Spread] = ()) -> None:
    """Makes the axis `x` or `y` logarithmic, over quantities or columns of points with their bars, and over `more`."""
    set_log_axis(panel, axis, span_of([*(point[name] for point in points for name in names), *more]))


def name_places(panel: Axes, axis: str, names: Sequence[str], *, rules: bool = False) -> None:
    """Writes names at 0, 1, ... of the axis `x` or `y`, there downwards, with thin rules between if asked."""
    ticks, ends, along = range(len(names)), (-0.5, len(names) - 0.5), panel.xaxis if axis == "x" else panel.yaxis
    along.set_ticks(ticks, labels=names)
    along.set_tick_params(length=0)
    panel.set(**{f"{axis}lim": ends if axis == "x" else ends[::-1]})
    for place in ticks[1:] if rules else ():
        (panel.axvline if axis == "x" else panel.axhline)(place - 0.5, color=FAINT, linewidth=0.3)
