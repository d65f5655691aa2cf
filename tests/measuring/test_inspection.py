"""A network that would give wrong numbers silently is found out: it mixes images, hides modules, lowers precision."""

import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional

from diffstab import MaxEntropyEnsemble, measure

ENSEMBLE = MaxEntropyEnsemble((17, 11), 5, delta=1.0)
ELSEWHERE = SimpleNamespace(holder=None)


def told(network, images, **options):
    """The result, and what was noted."""
    notes = []
    return measure(network, images, ENSEMBLE, note=notes.append, **{"resamples": 100, **options}), notes


class OnItsBatch(nn.Module):
    """Batch norm that never stops working on its batch, by a function."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(functional.batch_norm(x, None, None, training=True))


def test_batches_of_a_network_that_mixes_images_stay_whole(network, images):
    """Its numbers are those of a batch norm that says what it does, over the same batches."""
    found, notes = told(OnItsBatch(network), images, batch_size=20)
    norm = nn.BatchNorm2d(3, affine=False, track_running_stats=False)
    plain, nothing = told(nn.Sequential(norm, network.eval()), images, batch_size=20)
    assert (found.mixes_images, found.batch_order, found.batch_norm) == (True, "seeded", "running")
    assert (plain.mixes_images, plain.batch_order, plain.batch_norm) == (False, "seeded", "batch")
    assert nothing == []
    assert "depends on the other images of its batch" in notes[0]
    assert "batches of 20 are kept whole" in notes[0]
    for letter in "DGR":
        assert list(getattr(found, letter)) == pytest.approx(list(getattr(plain, letter)), rel=1e-3)
    other, _ = told(OnItsBatch(network), images, batch_size=10)
    assert other.R.value != pytest.approx(found.R.value, rel=1e-4)
    assert other.key != found.key


def test_a_single_image_at_a_time_is_mixed_too(network, images):
    """A batch of one has no other images, and is looked at beside another one."""
    centred = lambda x: nn.functional.relu(x - x.mean(0)).flatten(1)[:, :5] + x.flatten(1)[:, 5:10]  # noqa: E731
    found, notes = told(centred, images, batch_size=1)
    assert found.mixes_images
    assert "batches of 1 are kept whole" in notes[0]


@pytest.mark.parametrize("batch_size", [1, 3, 128])
def test_what_differs_by_rounding_alone_is_not_mixing(images, batch_size):
    """A small difference of large outputs, whose rounding depends on the size of the batch."""
    torch.manual_seed(0)
    one = nn.Sequential(nn.Flatten(), nn.Linear(3 * 17 * 11, 500), nn.ReLU(), nn.Linear(500, 5))
    before = torch.nn.Sequential(*(layer for layer in one))
    nudged = [1 + 1e-4 * torch.randn_like(p) for p in one.parameters()]

    def network(x):
        moved = functional.linear(torch.relu(functional.linear(x.flatten(1), one[1].weight * nudged[0])), one[3].weight)
        return moved - functional.linear(torch.relu(before[1](x.flatten(1)) - one[1].bias), one[3].weight)

    found, notes = told(network, images, batch_size=batch_size)
    assert not found.mixes_images
    assert not any("batch" in text for text in notes)


def test_training_mode_that_can_not_be_switched_off_is_refused(network, images):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, and of torch.jit itself
        norm = torch.jit.trace(network[:3].train(), images[:8], check_trace=False)
        dropping = torch.jit.trace(network[2:4].train(), images[:8], check_trace=False)
    before = {name: value.clone() for name, value in norm.named_buffers()}
    with pytest.raises(ValueError, match=r"depends on the other images.*changes its own.*running.*in evaluation mode"):
        told(norm, images)
    assert all(torch.equal(value, before[name]) for name, value in norm.named_buffers())
    with pytest.raises(ValueError, match="gives other outputs for the same images"):
        told(dropping, images)


class Unregistered(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.networks = [network]

    def forward(self, x):
        return self.networks[0](x)


def test_a_module_that_is_not_registered_is_refused(network, images):
    with pytest.raises(ValueError, match=r"a Sequential runs that is not registered.*nn.ModuleList"):
        told(Unregistered(network.eval()), images)
    told(Unregistered(nn.Sequential(nn.Flatten(), nn.ReLU())), images)  # nothing that could be missed


def test_a_module_that_can_not_be_found_is_refused_in_training_mode(network, images):
    ELSEWHERE.holder = SimpleNamespace(deep={"er": [SimpleNamespace(network=network)]})

    def hiding(x):
        return ELSEWHERE.holder.deep["er"][0].network(x)

    before = network[1].running_mean.clone()
    with pytest.raises(ValueError, match=r"a Sequential runs in training mode that can't be found.*hand over the net"):
        told(hiding, images)
    assert torch.equal(network[1].running_mean, before)
    assert told(hiding, images)[0].R == told(network.eval(), images)[0].R if not network.eval().training else False


@pytest.mark.parametrize("lowered", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("how", ["autocast", "cast"])
def test_precision_that_a_network_lowers_is_told(network, images, lowered, how):
    last = network[-1]

    class Lowering(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            if how == "cast":
                return self.network(x.to(lowered).float())
            with torch.autocast("cpu", lowered):
                return self.network(x).float()

    found, notes = told(Lowering(), images)
    assert found.precision == f"mixed-{str(lowered).removeprefix('torch.')}"
    assert any("by itself, as under an autocast" in text for text in notes)
    assert last.weight.dtype == torch.float32


@pytest.mark.filterwarnings("ignore:.*quantiz")
def test_quantised_operations_are_told(images):
    layers = nn.Sequential(nn.Flatten(), nn.Linear(561, 3))
    found, notes = told(torch.ao.quantization.quantize_dynamic(layers, {nn.Linear}, dtype=torch.qint8), images)
    assert found.precision == "mixed-quint8"
    assert any("operations in quint8 by itself" in text for text in notes)


def test_a_double_network_with_single_parts_is_told(network, images):
    double = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()).double()
    plain, nothing = told(double, images.double())
    found, notes = told(lambda x: double(x.float().double()), images.double())
    assert (plain.precision, nothing) == ("float64", [])
    assert found.precision == "mixed-float32"
    assert "float32 by itself" in notes[0]


def test_plain_networks_are_not_told_anything(network, images):
    found, notes = told(network, images)
    assert (found.precision, found.mixes_images, found.input_seen, found.copies) == ("float32", False, 1.0, 0)
    assert notes == []


def test_sparse_quantised_and_nested_outputs_are_refused(network, images):
    wrappers = {
        "torch.sparse_coo": lambda x: network(x).to_sparse(),
        "quantised": lambda x: torch.quantize_per_tensor(network(x), 0.1, 0, torch.quint8),
        "nested": lambda x: torch.nested.nested_tensor(list(network(x))),
    }
    for kind, wrapper in wrappers.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nested tensors are a prototype
            with pytest.raises(ValueError, match=f"the network returned a {kind} tensor; wrap it"):
                told(wrapper, images)


def test_a_network_without_values_is_refused(images):
    with pytest.raises(ValueError, match="on the device 'meta', where it has no weights; load it"):
        told(nn.Sequential(nn.Flatten(), nn.Linear(561, 2, device="meta")), images)
