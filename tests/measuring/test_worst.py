"""The worst deformation and the worst noise: exact where f is linear, never below what was found before, repeatable."""

import pytest
import torch
from support.linear import SIDE, Linear, ramps
from torch import nn

from diffstab import DisplacementField, MaxEntropyEnsemble, Store, StreamKeys, deform, measure
from diffstab.measuring.ascent import ascend
from diffstab.perturbations.named import transformation_named

ENSEMBLE = MaxEntropyEnsemble(SIDE, 5, delta=0.5)


def found(network, images, ensemble=ENSEMBLE, **options):
    return measure(network, images, ensemble, note=lambda text: None, **{"resamples": 100, **options})


def largest_on_the_shell(network, image, ensemble):
    """Top eigenvalue of the quadratic form of f(tau_C x) - f(x) in standard deviations, times the shell's norm."""
    i, j = ensemble.mode_numbers
    columns = []
    for axis in range(2):
        for a, b in zip(i.tolist(), j.tolist(), strict=True):
            one = torch.zeros(2, *ensemble.spread.shape, dtype=torch.float64)
            one[axis, a - 1, b - 1] = ensemble.spread[a - 1, b - 1]
            moved = deform(image[None], DisplacementField(one, ensemble.size))
            columns.append((network(moved) - network(image[None]))[0])
    matrix = torch.stack(columns, dim=1)
    return float(torch.linalg.eigvalsh(matrix.T @ matrix)[-1]) * 2 * ensemble.modes


def test_a_linear_networks_worst_are_top_eigenvectors():
    network, (images, _) = Linear(), ramps(6)
    with torch.no_grad():
        expected = [largest_on_the_shell(network, image, ENSEMBLE) for image in images]
        result = found(network, images, worst="both", ascent_steps=60)
        assert result.raw.deformation[:, 0] == pytest.approx(expected, rel=1e-3)
        top = float(torch.linalg.matrix_norm(network.A, ord=2)) ** 2
        assert result.raw.noise == pytest.approx(top * result.noise_radius**2, rel=1e-3)
        drawn = ENSEMBLE.sample(StreamKeys(1, torch.arange(1000)), dtype=torch.float64)
        for image, worst in zip(images, result.raw.deformation[:, 0], strict=True):
            moved = deform(image[None].expand(1000, -1, -1, -1), drawn)
            assert (network(moved) - network(image[None])).square().sum(1).max() <= worst


def test_a_search_never_goes_down():
    """Also from a start in a valley, with a step that is too long at first, and from where the change is 0."""
    matrix = torch.diag(torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64))

    def waves(z):
        return (z @ matrix).square().sum(1) * (1 + torch.sin(20 * z[:, 0])).square()

    generator = torch.Generator().manual_seed(0)
    start = nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64, generator=generator), dim=1)
    before = waves(start)
    for steps in (1, 5, 20):
        at, value = ascend(waves, start, steps)
        assert (value >= before).all()
        assert torch.allclose(value, waves(at))
        assert torch.allclose(at.norm(dim=1), torch.ones(50, dtype=torch.float64))
        before = value
    flat = ascend(lambda z: 0 * z.sum(1), start, 3)
    assert torch.equal(flat[0], start)


@pytest.fixture
def small():
    """A small network that is not linear."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 15 * 9, 5)
    ).train()


def test_it_is_repeatable_and_leaves_network_and_noise_alone(small, images):
    ensemble = MaxEntropyEnsemble((17, 11), 3, delta=0.5)
    chosen = {"worst": "deformation", "ascent_steps": 4, "ascent_starts": 2}
    before, state = {name: one.clone() for name, one in small.state_dict().items()}, torch.get_rng_state()
    whole, typical = found(small, images, ensemble, **chosen), found(small, images, ensemble)
    assert torch.equal(state, torch.get_rng_state())
    assert small.training
    assert all(torch.equal(one, before[name]) for name, one in small.state_dict().items())
    assert all(one.grad is None for one in small.parameters())
    assert (whole.raw.noise == typical.raw.noise).all()
    assert whole.noise_radius == typical.noise_radius
    assert whole.D.value > 2 * typical.D.value
    parts = found(small, images, ensemble, **chosen, batch_size=7)
    assert parts.raw.deformation == pytest.approx(whole.raw.deformation, rel=0.02)
    longer = found(small, images, ensemble, **{**chosen, "ascent_steps": 12})
    assert (longer.raw.deformation >= 0.999 * whole.raw.deformation).all()
    more = found(small, images, ensemble, **{**chosen, "ascent_starts": 4})
    assert (more.raw.deformation >= 0.999 * whole.raw.deformation).all()


def test_layers_stores_and_maps_have_it(small, images, tmp_path):
    ensemble = MaxEntropyEnsemble((17, 11), 3, delta=3.0)
    chosen = {"worst": "both", "ascent_steps": 3, "ascent_starts": 1, "layers": "all"}
    one, typical = (found(small, images, ensemble, **more) for more in (chosen, {"layers": "all"}))
    assert one.layers[0].E.value > typical.layers[0].E.value
    assert list(one.layers[-1].D) == list(one.D)
    assert one.xi > 0
    assert 0 < one.fold_fraction <= 1
    assert typical.xi is None
    assert (one.noise_exponent, one.worst, one.ascent_steps) == (None, "both", 3)
    store = Store(tmp_path, create=True)
    assert store.add(one)
    assert store.add(typical)
    assert store.rows()[0]["xi"] == one.xi
    assert "worst deformation / worst noise" in str(one)
    assert "worst deformations change the output" in str(one)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ascent_steps": 5}, "ascent_steps is 5 and worst is not given; give both or none"),
        ({"worst": "noise"}, "worst is 'noise'; allowed: deformation, both"),
        ({"worst": "both", "batch_norm": "batch"}, "worst is 'both' and batch_norm is 'batch', under which an output"),
    ],
)
def test_what_has_no_worst_is_refused(small, images, options, message):
    with pytest.raises(ValueError, match=message):
        found(small, images, MaxEntropyEnsemble((17, 11), 3, delta=0.5), **options)


def test_networks_and_transformations_without_a_worst_are_refused(small, images):
    with pytest.raises(ValueError, match="worst is 'both' and the transformation is rotation; a MaxEntropyEnsemble"):
        found(small, images, transformation_named("rotation", (17, 11), 1.0), worst="both")
    ensemble = MaxEntropyEnsemble((17, 11), 3, delta=0.5)
    with pytest.raises(ValueError, match="worst is asked for and the network has no gradient"):
        found(lambda x: (x > 0.5).float().flatten(1), images, ensemble, worst="both")
    with pytest.raises(ValueError, match="the worst deformation of one image is then not defined"):
        found(lambda x: (x - x.mean(0)).flatten(1), images, ensemble, worst="deformation", ascent_steps=1)
