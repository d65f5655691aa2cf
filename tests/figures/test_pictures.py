"""Pictures as a reader sees them, 700 pixels wide: texts are large enough, whole, and cover nothing."""

import csv
import itertools
import math

import gallery
import numpy as np
import pytest
from kept_points import SAME_POINTS
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from matplotlib.transforms import Bbox
from support.papers_rows import TRAITS, rows_like_the_papers

from diffstab.figures.drawing.files import table_csv
from diffstab.figures.drawing.style import NORMAL, SMALL, WIDTH, house_style
from diffstab.figures.paper.error_vs_stability import error_vs_stability
from diffstab.figures.points.networks import gather
from diffstab.figures.points.relation import relate

pytestmark = pytest.mark.slow

KINDS = {name: kind for name, kind in gallery.PICTURES.items() if "laptop" in kind.presets}
KEPT = [name for name, kind in KINDS.items() if kind.sweeps]
PAPERS = {"all": ("R", "D", "1/G"), "R": ("R",), "parts": ("D", "1/G")}  # panels of networks like the paper's
SIDE = 64  # pixels, of figures without rows
PIXELS, CAPITAL = 700, 8  # width of a picture on its page, least height of a capital letter
POINTS = 72.0  # in an inch


def drawn(name):
    """A figure from its kept points, small images or rows like the paper's, rendered."""
    if name in PAPERS:
        networks = gather(rows_like_the_papers(init=True), traits=TRAITS.get).points
        figure, notes = error_vs_stability(networks, relate(networks), show_init=True, quantities=PAPERS[name])
        assert not notes
    elif KINDS[name].sweeps:
        figure = gallery.drawn_again(name).figure
    else:
        figure = KINDS[name]._function()(6 if KINDS[name].sides["laptop"] < SIDE else SIDE).figure
    with house_style():
        figure.draw_without_rendering()
    return figure


def labels_of(panel):
    """Boxes of the labels inside a panel, by their text, without the lines to their points."""
    return [(text.get_text(), Text.get_window_extent(text)) for text in panel.texts if text.get_text()]


def marks_of(figure, panel):
    """Boxes of markers and error bars."""
    pixels, boxes = figure.dpi / POINTS, []
    for line in panel.lines:
        if line.get_marker() not in ("None", "", None):
            boxes += [
                box_round(at, line.get_markersize() * pixels) for at in panel.transData.transform(line.get_xydata())
            ]
    for part in panel.collections:
        if isinstance(part, PathCollection):
            side = part.get_sizes()[0] ** 0.5 * pixels
            boxes += [box_round(at, side) for at in panel.transData.transform(part.get_offsets())]
        if isinstance(part, LineCollection):
            boxes += [Bbox(np.sort(panel.transData.transform(bar), axis=0)) for bar in part.get_segments()]
    return boxes


def box_round(middle, side):
    return Bbox([middle - side / 2, middle + side / 2])


def meet(one, other):
    """Whether two boxes have a point in common; an error bar's box is a line."""
    return (one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1) or (
        (other.width == 0 or other.height == 0)
        and one.x0 <= other.x1 and other.x0 <= one.x1 and one.y0 <= other.y1 and other.y0 <= one.y1
    )  # fmt: skip


def texts_of(figure):
    """All texts that are shown."""
    found = [text for legend in figure.legends for text in legend.get_texts()]
    for panel in figure.axes:
        found += [panel.title, panel.xaxis.label, panel.yaxis.label, *panel.texts]
        for axis in (panel.xaxis, panel.yaxis):
            low, high = sorted(axis.get_view_interval())
            found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [text for text in found if text.get_visible() and text.get_text()]


@pytest.mark.parametrize("name", [*KEPT, *PAPERS])
def test_no_label_covers_a_mark_an_error_bar_or_another_label(name):
    figure = drawn(name)
    for panel in figure.axes:
        labels, marks = labels_of(panel), marks_of(figure, panel)
        assert not [text for text, box in labels if any(meet(box, mark) for mark in marks)]
        assert not [pair for pair in itertools.combinations(labels, 2) if meet(pair[0][1], pair[1][1])]


@pytest.mark.parametrize("name", [*KINDS, *PAPERS])
def test_every_text_is_large_enough_and_whole_and_covers_no_other(name):
    figure = drawn(name)
    assert figure.get_size_inches()[0] == WIDTH
    height = TextPath((0, 0), "H", size=1, prop=FontProperties(family="DejaVu Sans")).get_extents().height
    per_point = PIXELS / (WIDTH * POINTS)
    boxes = []
    for parent in (figure, *figure.subfigs):
        for text in [] if parent.subfigs else texts_of(parent):
            assert text.get_fontsize() in (SMALL, NORMAL)
            assert text.get_fontsize() * per_point * height >= CAPITAL, text
            boxes.append((text.get_text(), Text.get_window_extent(text)))
    assert boxes
    for text, box in boxes:
        assert figure.bbox.padded(1).contains(*box.min), text
        assert figure.bbox.padded(1).contains(*box.max), text
    crossed = [
        (a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if meet(one.padded(-1), other.padded(-1))
    ]
    assert not crossed


@pytest.mark.parametrize("name", KEPT)
def test_a_figure_drawn_again_has_its_kept_points(name):
    table = list(csv.DictReader(table_csv(gallery.drawn_again(name).table).decode().splitlines()))
    kept = gallery.points(gallery.IMAGES / f"{name}.csv")
    assert name in SAME_POINTS or len(table) == len(kept)
    for line, own in zip(table, kept, strict=True):
        assert list(line) == list(own)
        for column, text in line.items():
            assert text == own[column] or math.isclose(float(text), float(own[column]), rel_tol=1e-6, abs_tol=1e-9)
