"""Lines with error bars over something that was swept: full after training, dashed at initialisation."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...results import set_log_axis
from ..points.series import ManySeries, Point, Series
from ..points.spread import Spread
from .axes import span_of
from .codes import Look
from .style import FAINT, INK, WIDTH

MOST_COLUMNS = 3  # panels side by side
HEIGHT, KEYS = 2.4, 0.45  # inches, of a row of panels and of what stands below all
SIZE = 4.0  # of markers, points
UNIT = Spread(1.0, None, 1.0, 1.0)  # where the line at 1 lies


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


def draw_line(panel: Axes, one: Series, quantity: str, look: Look) -> None:
    """The points of a series with their bars: filled on a full line, or open on a dashed one at initialisation.

    Args:
        panel: Axes to draw in.
        one: Series whose x are numbers.
        quantity: `D`, `G` or `R`.
        look: Colour of all, and marker of the points.
    """
    spreads = [(point.x, getattr(point, quantity)) for point in one.points if point.x is not None]
    for x, spread in spreads:
        panel.errorbar(x, spread.value, yerr=spread.arms(), fmt="none", ecolor=look.colour, elinewidth=0.8, zorder=2)
    style: dict[str, Any] = {"linestyle": "--" if one.fresh else "-", **marks(look, one.fresh)}
    panel.plot([x for x, _ in spreads], [spread.value for _, spread in spreads], gid=name_of(one), zorder=3, **style)


def marks(look: Look, fresh: bool) -> dict[str, Any]:
    """Matplotlib's options for points: open at initialisation, else filled."""
    face = "white" if fresh else look.colour
    edge = {"markeredgecolor": look.colour, "markeredgewidth": 0.8}
    return {"color": look.colour, "marker": look.marker, "markersize": SIZE, "markerfacecolor": face, **edge}


def name_of(one: Series) -> str:
    """The name of a series in a picture: `resnet18 init`, `lenet diffeo 3.0`."""
    return " ".join([one.model, *(str(value) for value in one.by.values()), *(["init"] if one.fresh else [])])


def draw_unit(panel: Axes) -> None:
    """The line at R = 1, where deformations change outputs as much as noise does."""
    panel.axhline(1, color=FAINT, linewidth=0.6, zorder=1, gid="unit")


def look_keys(looks: Mapping[str, Look], *, joined: bool = True) -> list[Line2D]:
    """An entry of the key for each label, on a line where points are joined."""
    style: Any = "-" if joined else "none"
    return [Line2D([], [], linestyle=style, label=label, **marks(look, fresh=False)) for label, look in looks.items()]


def line_keys(series: Iterable[Series], *, joined: bool = True) -> list[Line2D]:
    """The entries of the key for full and open markers; none where all series are after training."""
    kinds = sorted({one.fresh for one in series})
    if kinds == [False]:
        return []
    told = ("after training", "at initialisation")
    styles: Any = ("-", "--") if joined else ("none", "none")
    return [
        Line2D([], [], linestyle=styles[fresh], label=told[fresh], **marks(Look(INK, "o"), fresh)) for fresh in kinds
    ]


def panels_of(titles: Sequence[str], xlabel: str, ylabel: str, *, shared_x: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with a panel for each title on one y axis, two or three in a row; call it under `style.house_style`.

    Args:
        titles: One for each panel.
        xlabel: Below the lowest panels.
        ylabel: Beside the first panel of each row.
        shared_x: True if the panels share one x axis too.
    """
    count = len(titles)
    columns = 2 if count == 4 else min(count, MOST_COLUMNS)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(WIDTH, HEIGHT * rows + KEYS), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharex=shared_x, sharey=True, squeeze=False).ravel())
    for unused in panels[count:]:
        unused.remove()
    for place, title in enumerate(titles):
        panels[place].set_title(title)
        if place % columns == 0:
            panels[place].set_ylabel(ylabel)
        if place + columns >= count:  # nothing below it
            panels[place].set_xlabel(xlabel)
            panels[place].tick_params(labelbottom=True)
    return figure, panels[:count]


def set_spans(panel: Axes, series: Sequence[Series], quantity: str, *more: Spread) -> None:
    """A logarithmic y axis over all points of some series with their bars, and over `more`."""
    spreads = [getattr(point, quantity) for one in series for point in one.points]
    set_log_axis(panel, "y", span_of([*spreads, *more]))


def set_log_x(panel: Axes, points: Sequence[Point]) -> None:
    """A logarithmic x axis over points."""
    values = [point.x for point in points if point.x is not None]
    set_log_axis(panel, "x", span_of([Spread(value, None, value, value) for value in values]))


def models_of(found: ManySeries) -> dict[str, list[Series]]:
    """The series of each network, by its label."""
    models: dict[str, list[Series]] = {}
    for one in found.series:
        models.setdefault(one.label, []).append(one)
    return models
