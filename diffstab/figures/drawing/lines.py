"""Lines with error bars over something that was swept: full after training, dashed at initialisation."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...results import set_log_axis
from ..points.series import ManySeries, Point, Series
from ..points.spread import Spread
from .axes import span_of
from .style import FAINT, INK, WIDTH, appearance

MOST_COLUMNS = 4  # panels side by side
HEIGHT, KEYS = 2.1, 0.45  # inches, of a row of panels and of what stands below all
SIZE = 3.4  # of markers, points
UNIT = Spread(1.0, None, 1.0, 1.0)  # where the line at 1 lies


class Drawn(NamedTuple):
    """A figure and what is behind it.

    Attributes:
        figure: Write it with `files.write_files`.
        table: Its points, one line each, by column; see `files.table_csv`.
        notes: What was left out, one line each.
        setting: What all rows share, by column.
    """

    figure: Figure
    table: list[dict[str, Any]]
    notes: list[str]
    setting: dict[str, Any]


def draw_line(panel: Axes, one: Series, quantity: str, *, colour: str, marker: str = "o") -> None:
    """The points of a series with their bars: filled on a full line, or open on a dashed one at initialisation.

    Args:
        panel: Where.
        one: With numbers as x.
        quantity: `D`, `G` or `R`.
        colour: Of all.
        marker: Of the points.
    """
    spreads = [(point.x, getattr(point, quantity)) for point in one.points if point.x is not None]
    for x, spread in spreads:
        panel.errorbar(x, spread.value, yerr=spread.arms(), fmt="none", ecolor=colour, elinewidth=0.6, zorder=2)
    style: dict[str, Any] = {"linestyle": "--" if one.fresh else "-", **marks(colour, marker, one.fresh)}
    panel.plot([x for x, _ in spreads], [spread.value for _, spread in spreads], gid=name_of(one), zorder=3, **style)


def marks(colour: str, marker: str, fresh: bool) -> dict[str, Any]:
    """How points look: open at initialisation."""
    face = "white" if fresh else colour
    edge = {"markeredgecolor": colour, "markeredgewidth": 0.7}
    return {"color": colour, "marker": marker, "markersize": SIZE, "markerfacecolor": face, **edge}


def name_of(one: Series) -> str:
    """Of a series in a picture: `resnet18 init`, `lenet diffeo 3.0`."""
    return " ".join([one.model, *(str(value) for value in one.by.values()), *(["init"] if one.fresh else [])])


def draw_unit(panel: Axes) -> None:
    """The line at R = 1, where deformations change outputs as much as noise does."""
    panel.axhline(1, color=FAINT, linewidth=0.6, zorder=1, gid="unit")


def network_keys(labels: Sequence[str], *, joined: bool = True) -> list[Line2D]:
    """One for each colour and marker of `style.appearance`, on a line where points are joined."""
    looks = [(label, marks(*appearance(place), fresh=False)) for place, label in enumerate(labels)]
    return [Line2D([], [], linestyle="-" if joined else "none", label=label, **look) for label, look in looks]


def line_keys(series: Iterable[Series], colours: tuple[str, str] = (INK, INK)) -> list[Line2D]:
    """What full and dashed lines mean, in the colours of trained and fresh; nothing where all are after training."""
    kinds = sorted({one.fresh for one in series})
    if kinds == [False]:
        return []
    told = ("after training", "at initialisation")
    return [
        Line2D([], [], linestyle="--" if fresh else "-", label=told[fresh], **marks(colours[fresh], "o", fresh))
        for fresh in kinds
    ]


def panels_of(titles: Sequence[str], xlabel: str, ylabel: str) -> tuple[Figure, list[Axes]]:
    """A figure with a panel for each title on the same axes, a few in each row; call it under `style.house_style`."""
    count = len(titles)
    columns = min(count, MOST_COLUMNS)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(WIDTH, HEIGHT * rows + KEYS), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel())
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
