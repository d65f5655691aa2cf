"""The part of its input that a network never sees is found, and told in rows, columns and channels."""

import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, measure

ENSEMBLE = MaxEntropyEnsemble((17, 11), 5, delta=1.0)


def seen(network, images):
    notes = []
    return measure(network, images, ENSEMBLE, note=notes.append, resamples=100).input_seen, "".join(notes)


def patches(side):
    return nn.Sequential(nn.Conv2d(3, 4, side, stride=side), nn.Flatten())


@pytest.mark.parametrize(
    ("network", "share", "text"),
    [
        (
            patches(4),
            16 * 8 / 17 / 11,
            r"\(rows 16; columns 8 to 10; its patches have 4 pixels, .* 16 x 8 or 20 x 12\)",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), 1, "^$"),
        (lambda x: x[:, 1:].flatten(1), 2 / 3, r"\(channels 0\)"),
        (lambda x: x[:, :, 2:-2, ::2].flatten(1), 13 * 6 / 17 / 11, r"\(rows 0, 1, 15.*; columns 1, 3, 5"),
        (lambda x: (x * (torch.arange(11) != x.new_tensor(range(17))[:, None])).flatten(1), 1 - 1 / 17, "scattered"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*channel")
def test_what_is_not_seen_is_told(images, network, share, text):
    found, notes = seen(network, images)
    assert found == pytest.approx(share)
    if share < 1:
        assert f"{1 - share:.1%} of the network's input never reaches its output" in notes
        assert "R_f is too large" in notes
    import re

    assert re.search(text, notes)


def test_units_that_are_off_are_not_blind(images):
    """A quarter of the units is on for one image or another."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(270, 3), nn.ReLU())
    assert seen(network, images) == (1.0, "")


@pytest.mark.parametrize("decorator", [torch.no_grad(), torch.inference_mode()])
def test_without_a_gradient_it_is_not_known(images, decorator):
    assert seen(decorator(lambda x: x[:, 1:].flatten(1)), images) == (None, "")


def test_the_network_comes_back_without_gradients(network, images):
    seen(network, images)
    assert all(parameter.grad is None for parameter in network.parameters())
