"""Arguments and inputs that do not fit are refused."""

import sys

import pytest
import torch
from support.deformed_inputs import SIZE, boxes, keypoints, pil, rand
from torchvision import tv_tensors

from diffstab.transforms.random_diffeomorphism import RandomDiffeomorphism

NO_CANVAS = tv_tensors.wrap(torch.zeros(1, 4), like=boxes(), canvas_size=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one cutoff and with a temperature or delta in numbers"),
        ({"cutoff": (2, 5), "delta": 1}, "one cutoff and"),
        ({"delta": 1, "only_diffeomorphisms": True}, "one cutoff and"),
        ({"delta": (1, 2), "temperature_shape": (3, 1)}, "uniform"),
        ({"delta": 1, "interpolation": "gaussian"}, "bilinear interpolation and without a generator"),
    ],
)
def test_what_cannot_be_scripted_is_refused(scripting, arguments, message):
    with pytest.raises(RuntimeError, match=message):
        torch.jit.script(RandomDiffeomorphism(**arguments))


def test_a_generator_is_refused_in_workers(monkeypatch):
    monkeypatch.setattr(sys.modules[RandomDiffeomorphism.__module__], "get_worker_info", lambda: "a worker")
    assert RandomDiffeomorphism(delta=1.0, p=1.0)(rand(3, *SIZE)).shape == (3, *SIZE)
    with pytest.raises(ValueError, match="every worker of the data loader has a copy"):
        RandomDiffeomorphism(delta=1.0, generator=torch.Generator(), p=1.0)(rand(3, *SIZE))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": 0.1, "delta": 1}, ValueError, "both of temperature and delta given"),
        ({"delta": (3, 1)}, ValueError, "reversed"),
        ({"delta": 1, "p": 1.5}, ValueError, "p is 1.5; a probability"),
        ({"delta": 1, "p": "often"}, TypeError, "p is 'often'"),
        (
            {"delta": 1, "interpolation": "nearest"},
            ValueError,
            "interpolation is 'nearest'; allowed: bilinear, gaussian",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        RandomDiffeomorphism(**arguments)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([NO_CANVAS], "BoundingBoxes have no canvas_size"),
        ([tv_tensors.Image(rand(3, 8, 9)), boxes()], r"several sizes: 8 x 9 \(Image\), 17 x 11 \(BoundingBoxes\)"),
        ([tv_tensors.Image(rand(4, 3, *SIZE)), boxes()], r"a BoundingBoxes came with a batch \(4,\)"),
        ([tv_tensors.Image(rand(4, 3, *SIZE)), pil("RGB")], r"a Image came with a batch \(4,\)"),
        ([tv_tensors.Image(rand(4, 3, *SIZE)), keypoints()], r"shape \(2, 2, 2\) came with a batch \(4,\)"),
        (
            [tv_tensors.Image(rand(4, 3, *SIZE)), tv_tensors.Image(rand(3, *SIZE))],
            r"\(3, 17, 11\) came with a batch \(4,\)",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, message):
    with pytest.raises(ValueError, match=message):
        RandomDiffeomorphism(delta=1.0, p=1.0)(inputs)
