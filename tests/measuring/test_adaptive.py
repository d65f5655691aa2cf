"""Adaptive effort: more images, then more draws, until the interval is narrow enough or nothing more can be had."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.adaptive import MOST_DRAWS, log_width, until_precise
from diffstab.statistics.intervals import Interval
from diffstab.streams import choose


@pytest.fixture
def result():
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return measure(nn.Flatten(), images, MaxEntropyEnsemble(8, delta=1.0))


def shrinking(result, floor=0.0):
    """A measurement whose interval narrows as 1 / sqrt(images draws), down to a floor that draws can't beat."""
    calls = []

    def measured(images, draws):
        calls.append((images, draws))
        width = math.hypot(4 / math.sqrt(images * draws), floor)
        used = result.settings.used(draws=draws)
        return replace(result, images=images, settings=used, R=Interval(1.0, math.exp(-width / 2), math.exp(width / 2)))

    return measured, calls


def test_images_come_first_and_as_few_as_it_takes(result):
    measured, calls = shrinking(result)
    found = until_precise(measured, 0.1, images=100, total=10_000, draws=1)
    assert found.stopped == "precision"
    assert log_width(found) <= 0.1
    assert 1600 <= found.images <= 2000  # (4 / 0.1)^2 = 1600 would do
    assert {draws for _, draws in calls} == {1}
    assert [images for images, _ in calls] == sorted({images for images, _ in calls})


def test_draws_come_when_images_run_out(result):
    measured, calls = shrinking(result)
    found = until_precise(measured, 0.1001, images=100, total=400, draws=1)
    assert (found.images, found.stopped) == (400, "precision")
    assert found.draws == 4  # 400 x 4 = 1600 = (4 / 0.1)^2
    first_draws = [images for images, draws in calls if draws > 1]
    assert set(first_draws) == {400}


def test_it_stops_where_data_run_out_and_says_so(result):
    measured, _ = shrinking(result)
    found = until_precise(measured, 1e-6, images=10, total=50, draws=1)
    assert (found.images, found.draws, found.stopped) == (50, MOST_DRAWS, "data")
    measured, calls = shrinking(result, floor=0.5)  # image to image, which no draw narrows
    found = until_precise(measured, 0.1, images=500, total=500, draws=1)
    assert found.stopped == "data"
    assert found.draws < MOST_DRAWS
    assert len(calls) <= 5


def test_an_interval_down_to_zero_is_infinitely_wide(result):
    assert log_width(replace(result, R=Interval(0.1, 0.0, 0.2))) == math.inf


def test_the_result_is_that_of_a_plain_measurement(result):
    """Of the last numbers of images and draws, bit for bit, under the same key."""
    images = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    ensemble = MaxEntropyEnsemble(8, delta=1.0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))

    def measured(count, draws):
        return measure(network, images, ensemble, indices=choose(count, 64, 0), draws=draws)

    found = until_precise(measured, 0.35, images=8, total=64, draws=1)
    assert found.images > 8
    plain = measured(found.images, found.draws)
    assert (found.R, found.key) == (plain.R, plain.key)
    assert plain.stopped is None
