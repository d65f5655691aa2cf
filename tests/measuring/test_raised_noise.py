"""How <b> grows with the noise radius is measured on a few images, the same ones whatever the batches."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.raised_noise import spread_over

ENSEMBLE = MaxEntropyEnsemble((17, 11), 5, delta=1.0)


def exponent(network, images, **options):
    return measure(network, images, ENSEMBLE, note=[].append, **{"resamples": 100, **options}).noise_exponent


@pytest.mark.parametrize("average", ["mean", "median"])
def test_it_is_two_for_a_linear_network(images, average):
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(561, 4))
    assert exponent(linear, images, average=average) == pytest.approx(2, abs=1e-4)


def test_it_is_twice_the_power_of_a_homogeneous_network(images):
    """f is the cube of a coordinate that is 0 in all images, so that b is the sixth power of the noise."""
    flat = torch.cat([images[:, :2], 0 * images[:, 2:]], 1)

    def cube(x):
        return torch.cat([x[:, 2, 0, :5] ** 3, 1e-9 * x[:, 0, 0, :1]], 1)

    assert exponent(cube, flat.double()) == pytest.approx(6, abs=0.01)


def test_batches_and_loaders_do_not_change_it(network, images):
    usual = exponent(network, images)
    for batch_size in (2, 7, 13):
        assert exponent(network, images, batch_size=batch_size) == pytest.approx(usual, rel=1e-4)
    loader = DataLoader(TensorDataset(images), batch_size=9)
    assert exponent(network, loader) == pytest.approx(usual, rel=1e-4)


def test_images_are_spread_over_all_of_them():
    assert spread_over(np.array([5, 3, 9])) == {3, 5, 9}
    chosen = sorted(spread_over(np.arange(1000)[::-1]))
    assert (len(chosen), chosen[0], chosen[-1]) == (12, 0, 999)
    assert max(np.diff(chosen)) <= 91


@pytest.mark.parametrize("options", [{"noise_radius": "per-image"}, {"noise_norm": 0.3}])
def test_a_radius_that_is_no_average_needs_none(network, images, options):
    assert exponent(network, images, **options) is None


def test_layers_have_their_own(network, images):
    found = measure(network.eval(), images, ENSEMBLE, layers="all", resamples=100)
    exponents = dict(zip([layer.name for layer in found.layers], found.raw.layers.noise_exponent, strict=True))
    assert exponents["0"] == pytest.approx(2, abs=1e-3)  # a convolution
    assert exponents["6"] == pytest.approx(found.noise_exponent, rel=1e-4)  # the last layer
    assert found.noise_exponent == pytest.approx(exponent(network, images), rel=1e-4)
