"""Device code without a device: on torch's meta device, where a tensor that stayed on the CPU is an error.

The meta device computes shapes and refuses to mix with other devices, as a GPU does; so what runs here leaves no tensor
behind. Where there is a GPU, test_stability.py runs the same code on it.
"""

import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, StreamKeys, deform
from diffstab.measuring.batches import Batch
from diffstab.measuring.first_pass import first_pass_batch
from diffstab.measuring.layers.observe import observing
from diffstab.measuring.network_state import batch_norm_by_group
from diffstab.measuring.second_pass import batch_columns
from diffstab.measuring.setup import Setup
from diffstab.options import MeasureSettings
from diffstab.options.choices import AVERAGES, DIFFEO, INTERPOLATIONS, PAIRS, TRANSFORMS, convention_named
from diffstab.perturbations.named import transformation_named
from diffstab.statistics.averages import Statistic
from diffstab.streams import sphere_noise

META = torch.device("meta")
SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 5, delta=1.0)


def setup_of(dtype=torch.float32, **settings):
    statistic = Statistic(settings.get("average", "median"), settings.pop("median_rule", "norm"))
    transformation = settings.pop("transformation", ENSEMBLE)
    rules = convention_named("paper")
    return Setup(transformation, MeasureSettings(**settings), rules, statistic, META, dtype)


@pytest.fixture
def batch(images):
    return Batch(torch.arange(6), images[:6], torch.arange(6))


def test_the_meta_device_does_not_mix_with_the_cpu():
    """Or the tests below would prove nothing."""
    here, there = torch.ones(3), torch.ones(3, device=META)
    for mix in (lambda: here + there, lambda: torch.cat([here, there]), lambda: here @ there):
        with pytest.raises((RuntimeError, ValueError)):
            mix()
    with pytest.raises((RuntimeError, NotImplementedError)):
        there.cpu()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("transform", [name for name in TRANSFORMS if name != PAIRS])
def test_the_first_pass_stays_on_its_device(batch, interpolation, dtype, transform):
    transformation = ENSEMBLE if transform == DIFFEO else transformation_named(transform, SIZE, 1.0)
    setup = setup_of(dtype, interpolation=interpolation, draws=2, transformation=transformation)
    found = first_pass_batch(batch, setup)
    assert (found.device, found.dtype, found.shape) == (META, torch.float64, (6, 9))


@pytest.mark.slow
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("batch_norm", ["running", "batch"])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_pass_through_the_network_stays_on_its_device(network, batch, interpolation, batch_norm, average):
    network.to(META)
    setup = setup_of(interpolation=interpolation, draws=2, average=average)
    for module in network.modules():
        module.training = batch_norm == "batch" and isinstance(module, nn.BatchNorm2d)
    with torch.no_grad():
        columns, *_ = batch_columns(network, batch, setup, torch.ones(6, 2, dtype=torch.float64))
    assert {part.device for part in columns.values()} == {META}
    assert {part.dtype for part in columns.values()} == {torch.float64}
    widths = [part.shape[1] for part in columns.values()]
    assert widths == [7, 7, 7, 7, 7, 4, 1]  # f(x), two changes a draw, whether they flip the class, the class


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_layers_are_reduced_on_their_device(network, batch_norm):
    network.to(META).eval()
    network[1].training = batch_norm == "batch"
    layers = dict(network.named_children())
    with torch.no_grad(), batch_norm_by_group(network, 3), observing(network, layers, 4, 3) as seen:
        network(torch.ones(12, 3, *SIZE, device=META))
    assert [one.name for one in seen.layers] == list(layers)
    for found in seen.layers.values():
        assert {value.device for value in found} == {META}
        assert [tuple(value.shape) for value in found][:2] == [(4, 2), (6,)]


def test_fields_and_all_that_is_read_off_them_stay_on_their_device(images):
    field = ENSEMBLE.sample(StreamKeys(0, torch.arange(6)), device=META)
    readings = "displacement gradient jacobian_determinant xi folds clamped_fraction squared_norm gradient_norm".split()
    for value in (getattr(field, name)() for name in readings):
        assert value.device == META
    generator = torch.Generator().manual_seed(0)
    drawn = ENSEMBLE.sample(6, generator=generator, device=META)
    for interpolation in INTERPOLATIONS:
        for one in (field, drawn):
            moved = deform(images[:6].to(META), one, interpolation)
            assert (moved.device, moved.shape) == (META, (6, 3, *SIZE))


def test_noise_is_drawn_on_its_device():
    eta = sphere_noise(StreamKeys(0, torch.arange(6)), (3, *SIZE), META)
    assert (eta.device, eta.dtype, eta.shape) == (META, torch.float32, (6, 3, *SIZE))
