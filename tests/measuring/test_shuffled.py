"""Shuffled channels: each convolution has its own permutation, weights stay, and what pools in space keeps its D."""

import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.shuffled import low_frequency, shuffled_channels

SIZE = (16, 16)


@pytest.fixture
def images():
    """40 smooth images of three channels, `[40, 3, 16, 16]`."""
    coarse = torch.rand(40, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(coarse, size=SIZE, mode="bicubic", align_corners=True)


def seeded(network, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for p in network.parameters():
        p.data = torch.randn(p.shape, generator=generator) / 3
    return network


def convolutions():
    layers = [nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1, groups=2), nn.ReLU()]
    return seeded(nn.Sequential(*layers, nn.Conv2d(6, 8, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))


def found(network, images, **options):
    ensemble = MaxEntropyEnsemble(SIZE, 3, delta=1.0)
    return measure(network, images, ensemble, note=lambda text: None, **{"resamples": 100, **options})


def orders(sizes, seed, groups=1):
    """The permutation of each convolution, seen through identities."""
    network = nn.Sequential(*(nn.Conv2d(size, size, 1, groups=groups, bias=False) for size in sizes))
    for layer in network:
        layer.weight.data = torch.eye(layer.in_channels // groups).repeat(groups, 1)[..., None, None]
    seen = []
    for layer in network:
        numbers = torch.arange(float(layer.in_channels)).view(1, -1, 1, 1)
        with shuffled_channels(network, seed):
            seen.append(layer(numbers).flatten().long())
    return seen


def test_every_convolution_has_a_permutation_of_its_own():
    one, two, three = orders([40, 40, 9], seed=0)
    assert one.sort().values.equal(torch.arange(40))
    assert three.sort().values.equal(torch.arange(9))
    assert not one.equal(two)
    assert not one.equal(torch.arange(40))
    assert all(a.equal(b) for a, b in zip(orders([40, 40, 9], seed=0), (one, two, three), strict=True))
    assert not orders([40], seed=1)[0].equal(one)
    (grouped,) = orders([12], seed=0, groups=3)  # within each group, in one way
    assert (grouped - torch.arange(12) // 4 * 4).view(3, 4).unique(dim=0).shape == (1, 4)


def test_it_is_the_network_whose_weights_are_permuted(images):
    """As the published code does it, which permutes axis 1 of each weight and keeps biases and batch norms."""
    network, seed = convolutions(), 3
    shuffled = found(network, images, shuffle_channels=True, seed=seed, layers="*")
    copy, places = convolutions(), (0, 2, 4)
    by_layer = orders([3, 3, 6], seed)  # of a grouped one, the order in a group
    for place, order in zip(places, by_layer, strict=True):
        copy[place].weight.data = copy[place].weight[:, order.argsort()]
    plain = found(copy, images, seed=seed, layers="*")
    for one, other in zip(shuffled.layers, plain.layers, strict=True):
        assert one.name == other.name
        assert one.low_frequency == pytest.approx(other.low_frequency)
        assert one.D.value == pytest.approx(other.D.value, rel=1e-4)
        assert one.G.value == pytest.approx(other.G.value, rel=1e-4)
    assert shuffled.R.value != pytest.approx(found(network, images, seed=seed).R.value, rel=1e-3)


def test_the_network_is_left_as_it_was_and_batches_do_not_matter(images):
    network = convolutions()
    before = network(images)
    one, other = (found(network, images, shuffle_channels=True, batch_size=size) for size in (40, 7))
    assert network(images).equal(before)
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert one.R.value == pytest.approx(other.R.value, rel=1e-5)
    assert one.to_dict()["shuffle_channels"] is True
    assert found(network, images).to_dict()["shuffle_channels"] is False
    with pytest.raises(ZeroDivisionError), shuffled_channels(network, 0):
        1 / 0  # noqa: B018
    assert network(images).equal(before)


def test_a_network_that_pools_channels_alike_does_not_notice(images):
    """All filters are one: what is left when channels are shuffled is all that there was."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Conv2d(4, 4, 3, bias=False), nn.Flatten())
    for layer in (network[0], network[2]):
        layer.weight.data = torch.rand(3, 3, generator=torch.Generator().manual_seed(0)).expand_as(layer.weight)
    shuffled, plain = (found(network, images, shuffle_channels=one).R.value for one in (True, False))
    assert shuffled == pytest.approx(plain, rel=1e-4)


def grid_modes():
    """Eigenvectors `[9, 3, 3]` of the Laplacian of the 3 x 3 grid, by rising eigenvalue."""
    path = torch.tensor([[1.0, -1, 0], [-1, 2, -1], [0, -1, 1]], dtype=torch.float64)
    eye = torch.eye(3, dtype=torch.float64)
    return torch.linalg.eigh(torch.kron(path, eye) + torch.kron(eye, path)).eigenvectors.mT.view(9, 3, 3)


def test_low_frequency_is_the_share_of_the_lowest_mode_of_the_grid():
    layers = [seeded(nn.Conv2d(5, 7, 3), 0), seeded(nn.Conv2d(8, 4, 3, groups=2), 1), nn.Conv2d(4, 4, 5), nn.ReLU()]
    filters = torch.cat([one.weight.detach().double().flatten(0, 1) for one in layers[:2]])
    powers = torch.einsum("fyx,myx->m", filters.square(), torch.ones(9, 3, 3, dtype=torch.float64))
    shares = torch.einsum("fyx,myx->fm", filters, grid_modes()).square().sum(0) / powers
    assert shares.sum() == pytest.approx(1)
    assert low_frequency(layers) == pytest.approx(float(shares[0]))
    assert low_frequency(layers[2:]) is None
    many = low_frequency([seeded(nn.Conv2d(100, 100, 3))])
    assert abs(many - 1 / 9) < 5 * (2 * 8 / 9**2 / 11 / 1e4) ** 0.5  # a Beta(1/2, 4) variable, over 10^4 filters


def test_each_layer_tells_of_the_filters_since_the_one_before(images):
    network = seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 5), nn.Flatten()))
    told = {layer.name: layer.low_frequency for layer in found(network, images, layers="1,3,4").layers}
    first, second = (low_frequency([network[place]]) for place in (0, 2))
    assert told == {"1": first, "3": second, "4": second}
    layers = found(network, images, layers="1,2,3").layers
    assert [layer.low_frequency for layer in layers] == [first, second, None]
    assert "low_frequency" not in layers[2].to_dict()


def test_what_can_not_be_shuffled_is_refused(images):
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    with pytest.raises(ValueError, match="shuffle_channels is True and the network has no Conv2d with several input"):
        found(network, images, shuffle_channels=True)
    compiled = torch.compile(convolutions(), backend="eager")
    with pytest.raises(
        ValueError, match="shuffle_channels is True and the network is compiled, which hides its layers"
    ):
        found(compiled, images, shuffle_channels=True)
