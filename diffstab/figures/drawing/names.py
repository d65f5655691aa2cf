"""Names beside the points of a figure, once everything else has its place."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ...statistics import Array
from ..points.networks import Network
from ..points.relation import quantity_of
from .label_places import place_labels
from .style import FAINT, SMALL

MOST_NAMES = 40  # in a panel; more can't be read
GAP = 4.0  # points between the middle of a marker and its name
LEADER_FROM = 7.5  # points; a name further away is joined to its marker
HALF_MARKER = 3.2  # points
INSET = np.array([2.0, 1.0, 0.0, 0.0])  # points; names keep off the axes
HALF_LINE = 0.3  # points
PIECE = 4.0  # points; lines are obstacles in pieces of that length
POINTS = 72.0  # in an inch


def write_names(
    figure: Figure, panels: Mapping[str, Axes], networks: Sequence[Network], fresh: Sequence[Network]
) -> list[str]:
    """Writes each network's label beside its point in every panel, and returns notes on those without a place.

    In a panel that is alone no name covers an error bar.

    Args:
        figure: Drawn but for the names.
        panels: By quantity: `R`, `D`, `1/G`.
        networks: One per point.
        fresh: Those whose value at initialisation is shown in the panel `R`.
    """
    if len(networks) > MOST_NAMES:
        return [f"{len(networks)} networks are too many to write their names in the figure; its CSV file has them"]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout is settled: names then go where nothing moves any more
    notes = []
    sizes = np.array([_size(figure, network.label) for network in networks])
    for quantity, panel in panels.items():
        data = [(quantity_of(network, quantity).value, network.error.value) for network in networks]
        more = [(n.R_init.value, n.error.value) for n in fresh if n.R_init is not None and quantity == "R"]
        points, middles = _in_points(panel, data), _in_points(panel, [*data, *more])
        markers = np.concatenate([middles - HALF_MARKER, middles + HALF_MARKER], axis=1)
        frame = np.array(panel.get_window_extent().extents) * POINTS / figure.dpi + INSET
        lines = _line_boxes(panel, [np.asarray(line.get_xydata()) for line in panel.lines], frame)
        found = [part for part in panel.collections if isinstance(part, LineCollection)]
        bars = _line_boxes(panel, [bar for part in found for bar in part.get_segments()], frame)
        if len(panels) == 1:  # which has the room to keep off them
            markers = np.concatenate([markers, bars])
        corners = place_labels(points, sizes, frame, markers, np.concatenate([lines, bars]), gap=GAP)
        for network, at, point, size, corner in zip(networks, data, points, sizes, corners, strict=True):
            if corner is None:
                notes.append(f"the name {network.label} has no free place in the panel of {quantity}; it is left out")
            else:
                _write(panel, network.label, at, corner - point, size)
    return notes


def _size(figure: Figure, label: str) -> Array:
    """Width and height of a name, points."""
    text = figure.text(0, 0, label, fontsize=SMALL)
    box = text.get_window_extent()
    text.remove()
    return np.array([box.width, box.height]) * POINTS / figure.dpi


def _in_points(panel: Axes, values: Sequence[tuple[float, float]] | Array) -> Array:
    """Where data lie in the figure, points from its lower left corner, `[N, 2]`."""
    assert panel.figure is not None
    pixels = panel.transData.transform(np.array(values, dtype=np.float64).reshape(-1, 2))
    return np.asarray(pixels * POINTS / panel.figure.dpi)


def _line_boxes(panel: Axes, paths: Iterable[Any], frame: Array) -> Array:
    """Lines inside the frame, each of points `[N, 2]`, in short boxes `[L, 4]`."""
    boxes = [np.zeros((0, 4))]
    for path in paths:
        ends = _in_points(panel, np.asarray(path)).clip(frame[:2], frame[2:])
        for start, end in pairwise(ends):
            count = max(1, int(np.linalg.norm(end - start) / PIECE))
            along = start + (end - start) * np.linspace(0, 1, count + 1)[:, None]
            low, high = np.minimum(along[:-1], along[1:]), np.maximum(along[:-1], along[1:])
            boxes.append(np.concatenate([low - HALF_LINE, high + HALF_LINE], axis=1))
    return np.concatenate(boxes)


def _write(panel: Axes, label: str, at: tuple[float, float], offset: Array, size: Array) -> None:
    """A name whose lower left corner is `offset` points from its point; one that is far away gets a line to it."""
    nearest = (-offset).clip(0, size) + offset  # of its box to the point
    leader = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.4, "shrinkA": 0, "shrinkB": HALF_MARKER}
    name = panel.annotate(
        label,
        at,
        xytext=(float(offset[0]), float(offset[1])),
        textcoords="offset points",
        fontsize=SMALL,
        va="bottom",
        zorder=5,
        arrowprops=leader | {"relpos": tuple((nearest - offset) / size)} if np.hypot(*nearest) > LEADER_FROM else None,
    )
    name.set_path_effects([withStroke(linewidth=1.4, foreground="white")])
