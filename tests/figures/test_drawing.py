"""Ticks and labels find their place at any span and in any crowd."""

import itertools

import numpy as np
import pytest

from diffstab.figures.drawing.axes import span_of
from diffstab.figures.drawing.label_places import place_labels
from diffstab.figures.points.spread import Spread
from diffstab.results import log_ticks


def test_an_axis_has_ticks_at_any_span():
    for low, high in ((0.01, 0.011), (0.01, 0.02), (0.3, 4), (1e-9, 1e9), (0.97, 1.03)):
        ticks = log_ticks(low, high)
        assert 2 <= len(ticks) <= 7
        assert all(low <= tick <= high for tick in ticks)
    assert span_of([Spread(2.0, None, 2.0, 2.0)]) == pytest.approx((2 / 1.5, 3.0))


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
