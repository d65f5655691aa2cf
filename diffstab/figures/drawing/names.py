"""Labels beside the points of a panel, once everything else has its place."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ...statistics import Array
from .label_places import place_labels
from .style import FAINT, INK, SMALL

GAP = 5.0  # points between the middle of a marker and its label
LEADER_FROM = 8.5  # points; a label further away is joined to its marker
ROUND_MARKER = 0.8  # points that labels keep off a marker
INSET = np.array([2.0, 1.0, -1.0, 0.0])  # points; labels keep off the axes
HALF_LINE = 0.6  # points
PIECE = 4.0  # points; slanted lines are obstacles in pieces of that length
POINTS = 72.0  # in an inch


class Label(NamedTuple):
    """A text beside a point, in the coordinates of the panel's data."""

    text: str
    x: float
    y: float
    colour: str = INK


def write_labels(figure: Figure, panel: Axes, labels: Sequence[Label]) -> list[str]:
    """Writes each label where it covers no marker, error bar or other label, and returns the texts without a place.

    Args:
        figure: The figure of the panel, drawn but for labels; its layout is settled here.
        panel: Axes with markers, lines and error bars.
        labels: Texts and their points.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    points = _in_points(panel, [(label.x, label.y) for label in labels])
    sizes = np.array([_size(figure, label.text) for label in labels]).reshape(-1, 2)
    frame = np.array(panel.get_window_extent().extents) * POINTS / figure.dpi + INSET
    joined = [np.asarray(line.get_xydata()) for line in panel.lines if line.get_linestyle() != "None"]
    bars = [bar for part in panel.collections if isinstance(part, LineCollection) for bar in part.get_segments()]
    marks = np.concatenate([_marker_boxes(panel), _line_boxes(panel, bars, frame)])
    corners = place_labels(points, sizes, frame, marks, _line_boxes(panel, joined, frame), gap=GAP)
    for label, point, size, corner in zip(labels, points, sizes, corners, strict=True):
        if corner is not None:
            _write(panel, label, corner - point, size)
    return [label.text for label, corner in zip(labels, corners, strict=True) if corner is None]


def _size(figure: Figure, text: str) -> Array:
    """Width and height of a text, points."""
    written = figure.text(0, 0, text, fontsize=SMALL)
    box = written.get_window_extent()
    written.remove()
    return np.array([box.width, box.height]) * POINTS / figure.dpi


def _in_points(panel: Axes, values: Sequence[tuple[float, float]] | Array) -> Array:
    """Places of data in the figure, in points from its lower left corner, `[N, 2]`."""
    assert panel.figure is not None
    pixels = panel.transData.transform(np.array(values, dtype=np.float64).reshape(-1, 2))
    return np.asarray(pixels * POINTS / panel.figure.dpi)


def _marker_boxes(panel: Axes) -> Array:
    """Boxes round all markers of a panel, `[K, 4]`."""
    middles, halves = [np.zeros((0, 2))], [np.zeros(0)]
    for line in panel.lines:
        if line.get_marker() not in ("None", "", None):
            middles.append(_in_points(panel, np.asarray(line.get_xydata())))
            halves.append(np.full(len(middles[-1]), line.get_markersize() / 2 + ROUND_MARKER))
    for part in panel.collections:
        if isinstance(part, PathCollection):
            middles.append(_in_points(panel, np.asarray(part.get_offsets())))
            halves.append(np.full(len(middles[-1]), float(part.get_sizes()[0]) ** 0.5 / 2 + ROUND_MARKER))
    middle, half = np.concatenate(middles), np.concatenate(halves)[:, None]
    return np.concatenate([middle - half, middle + half], axis=1)


def _line_boxes(panel: Axes, paths: Iterable[Any], frame: Array) -> Array:
    """Boxes of lines inside the frame, each of points `[N, 2]`: one if it runs along an axis, else short ones."""
    boxes = [np.zeros((0, 4))]
    for path in paths:
        ends = _in_points(panel, np.asarray(path)).clip(frame[:2], frame[2:])
        for start, end in pairwise(ends):
            along_axis = (np.abs(end - start) < HALF_LINE).any()
            count = 1 if along_axis else max(1, int(np.linalg.norm(end - start) / PIECE))
            along = start + (end - start) * np.linspace(0, 1, count + 1)[:, None]
            low, high = np.minimum(along[:-1], along[1:]), np.maximum(along[:-1], along[1:])
            boxes.append(np.concatenate([low - HALF_LINE, high + HALF_LINE], axis=1))
    return np.concatenate(boxes)


def _write(panel: Axes, label: Label, offset: Array, size: Array) -> None:
    """A label whose lower left corner is `offset` points from its point; one that is far away gets a line to it."""
    nearest = (-offset).clip(0, size) + offset  # of its box to the point
    leader = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.5, "shrinkA": 0, "shrinkB": GAP - 1}
    text = panel.annotate(
        label.text,
        (label.x, label.y),
        xytext=(float(offset[0]), float(offset[1])),
        textcoords="offset points",
        fontsize=SMALL,
        color=label.colour,
        va="bottom",
        zorder=5,
        arrowprops=leader | {"relpos": tuple((nearest - offset) / size)} if np.hypot(*nearest) > LEADER_FROM else None,
    )
    text.set_path_effects([withStroke(linewidth=1.4, foreground="white")])
