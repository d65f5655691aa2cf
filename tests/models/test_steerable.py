"""The example of a steerable network, where the package escnn is there: rotations of its group leave the output."""

import pytest
import torch

from diffstab import load_model, measure

pytest.importorskip("escnn", reason="escnn is not installed (it needs a Fortran compiler); its example is not tested")


@pytest.fixture
def images():
    """60 smooth images within a disk, `[60, 1, 28, 28]`, which rotations don't move out of the picture."""
    coarse = torch.rand(60, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    smooth = torch.nn.functional.interpolate(coarse, size=28, mode="bicubic", align_corners=True)
    place = torch.linspace(-1, 1, 28)
    return smooth * (1 - place.square()[:, None] - place.square()).clamp(0)


def test_quarter_turns_change_a_plain_network_only(images):
    turn = 2 * 0.5**0.5 * ((28**2 - 1) / 6) ** 0.5  # delta of a rotation by 90 degrees, pixels
    D = {}
    for name in ("plain", "steerable"):
        torch.manual_seed(0)
        network = load_model(f"examples/steerable.py:{name}", weights="init", dataset="mnist5k")
        D[name] = measure(network, images, "rotation", delta=turn, batch_norm="batch", resamples=100).D.value
    assert D["steerable"] < 0.1 * D["plain"]


def test_it_is_measured_in_evaluation_mode_and_comes_back(images):
    """Its convolutions prepare their filters when they are switched to evaluation."""
    network = load_model("examples/steerable.py:steerable", weights="init", dataset="mnist5k")
    found = measure(network, images, delta=1.0, batch_norm="batch", resamples=100)
    network.train()
    assert measure(network, images, delta=1.0, batch_norm="batch", resamples=100).R == found.R
    assert all(module.training for module in network.modules())
