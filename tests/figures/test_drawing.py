"""Ticks and labels find their place at any span and in any crowd; colours and markers are told apart."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from diffstab.figures.drawing.axes import span_of
from diffstab.figures.drawing.codes import FAMILIES, QUANTITIES, cutoff_look, network_looks, ordered_look
from diffstab.figures.drawing.label_places import place_labels
from diffstab.figures.drawing.names import Label, write_labels
from diffstab.figures.points.spread import Spread
from diffstab.options import INTERPOLATIONS
from diffstab.results import log_ticks

# Machado, Oliveira and Fernandes, IEEE TVCG 15 (2009), on linear RGB; the last one is all cones.
CONES = {
    "no L": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no M": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no S": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "all": np.eye(3),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def test_an_axis_has_ticks_at_any_span():
    for low, high in ((0.01, 0.011), (0.01, 0.02), (0.3, 4), (1e-9, 1e9), (0.97, 1.03)):
        ticks = log_ticks(low, high)
        assert 2 <= len(ticks) <= 7
        assert all(low <= tick <= high for tick in ticks)
    assert span_of([Spread(2.0, None, 2.0, 2.0)]) == pytest.approx((2 / 1.5, 3.0))


def test_no_two_networks_of_a_figure_look_alike():
    names = [f"{family}{k}" for family in FAMILIES for k in range(3)] + [f"net{k}" for k in range(20)]
    looks = network_looks(names)
    assert len(set(looks.values())) == len(names)
    assert {name: look for name, look in looks.items() if name.endswith("0")}["resnet0"] == FAMILIES["resnet"]
    assert len({look.marker for look in FAMILIES.values()}) == len(FAMILIES)  # without colours too


def lab(colour, cones):
    """CIELAB of a colour as readers without a kind of cone see it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(cones) @ linear, 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def least_distance(looks):
    pairs = itertools.combinations([look.colour for look in looks], 2)
    return min(np.linalg.norm(lab(a, cones) - lab(b, cones)) for a, b in pairs for cones in CONES.values())


def test_colours_are_told_apart_by_readers_without_a_kind_of_cone():
    """A distance of 2.3 is just noticed."""
    assert least_distance(QUANTITIES.values()) > 25  # bands and lines without markers
    assert least_distance(FAMILIES.values()) > 15
    for count in (2, 5):
        assert least_distance([ordered_look(place, count) for place in range(count)]) > 15
    for cutoff in (3.0, 5.0, 10.0, 15.0):
        assert least_distance([cutoff_look(cutoff, name) for name in INTERPOLATIONS]) > 15


def test_a_crowd_of_labels_is_spread_out():
    rng = np.random.default_rng(1)
    points = 100 + 15 * rng.normal(size=(9, 2))
    sizes = np.tile([30.0, 8.0], (9, 1))
    markers = np.concatenate([points - 3, points + 3], axis=1)
    frame, lines = np.array([0.0, 0.0, 200.0, 200.0]), np.zeros((0, 4))
    corners = place_labels(points, sizes, frame, markers, lines, gap=4.0)
    again = place_labels(points, sizes, frame, markers, lines, gap=4.0)
    boxes = [(*corner, *(corner + size)) for corner, size in zip(corners, sizes, strict=True)]
    assert np.array_equal(corners, again)
    for (a, b, c, d), (e, f, g, h) in itertools.combinations([*boxes, *map(tuple, markers)], 2):
        if (a, b, c, d) in boxes:
            assert min(c, g) <= max(a, e) + 1e-9 or min(d, h) <= max(b, f) + 1e-9


def test_a_label_without_room_is_left_out():
    points, sizes = np.array([[10.0, 10.0], [12.0, 10.0]]), np.array([[14.0, 6.0], [14.0, 6.0]])
    markers = np.concatenate([points - 3, points + 3], axis=1)
    none = np.zeros((0, 4))
    assert place_labels(points, sizes, np.array([2.0, 4.0, 20.0, 16.0]), markers, none, gap=4.0) == [None, None]
    one = place_labels(points, sizes, np.array([2.0, 4.0, 20.0, 21.0]), markers, none, gap=4.0)
    assert sum(place is None for place in one) == 1


def test_the_way_from_a_label_to_its_point_leads_past_a_thin_bar_and_may_run_along_its_own():
    point, size, frame = np.array([[50.0, 50.0]]), np.array([[20.0, 8.0]]), np.array([39.0, 0.0, 61.0, 100.0])
    other, slit = [40.0, 59.9, 60.0, 60.1], [[38.0, 30.0, 49.0, 46.0], [51.0, 30.0, 62.0, 46.0]]  # leaves a way down
    [corner] = place_labels(point, size, frame, np.array([other, *slit]), np.zeros((0, 4)), gap=4.0)
    assert corner[1] < 30
    own = [49.9, 30.0, 50.1, 70.0]
    [corner] = place_labels(point, size, frame, np.array([own]), np.zeros((0, 4)), gap=4.0)
    assert corner[1] > 70


def test_a_name_stands_at_the_end_of_a_long_bar_of_its_point():
    figure = Figure(figsize=(0.6, 4))
    panel = figure.add_axes((0, 0, 1, 1), xlim=(-1, 1), ylim=(-4, 4))  # so narrow that names stand above or below
    panel.vlines(0, -0.5, 0.5)
    panel.scatter([0], [0], s=9)
    assert write_labels(figure, panel, [Label("resnet18", 0, 0)]) == []
    name_and_line = panel.texts[0].get_window_extent().transformed(panel.transData.inverted())
    assert 0.5 < np.abs([name_and_line.y0, name_and_line.y1]).max() < 1
