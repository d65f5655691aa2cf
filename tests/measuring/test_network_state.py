"""A network is measured in evaluation mode and comes back as it was; what is left random is refused."""

import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.network_state import batch_norms
from diffstab.precision import ieee_float32
from diffstab.streams import in_random_order

SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 5, delta=1.0)


def random_states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist()  # noqa: NPY002


class Consuming(nn.Module):
    """Uses every global generator in its forward pass, and fails on demand."""

    def __init__(self, network, fails):
        super().__init__()
        self.network, self.fails, self.calls = network, fails, 0

    def forward(self, x):
        torch.rand(3), np.random.rand(2), random.random()  # noqa: NPY002
        self.calls += 1
        if self.fails is not None and self.calls == 8:  # in the second batch, after batch norm has seen the first
            raise self.fails("planted failure")
        return self.network(x)


@pytest.mark.parametrize("amp", [False, True])
@pytest.mark.parametrize("fails", [None, RuntimeError, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("batch_norm", ["running", "batch"])
@pytest.mark.filterwarnings("ignore:amp")
def test_the_model_and_the_global_state_come_back_as_they_were(network, images, batch_norm, fails, amp):
    """Also when a run fails or is interrupted half-way."""
    network[3].eval()  # a mixture of modes must come back too
    model = Consuming(network, fails)
    model.register_forward_hook(lambda *_: None)
    modes = [module.training for module in model.modules()]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    torch.set_float32_matmul_precision("medium")
    settings = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    before = random_states()
    try:
        if fails is not None:
            with pytest.raises(fails, match="planted failure"):
                measure(model, images, ENSEMBLE, batch_norm=batch_norm, batch_size=20, amp=amp)
        else:
            measure(model, TensorDataset(images), ENSEMBLE, batch_norm=batch_norm, workers=1, amp=amp)
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == settings
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert random_states() == before
    assert [module.training for module in model.modules()] == modes
    assert all(norm.track_running_stats for norm in batch_norms(model))
    assert len(model._forward_hooks) == 1
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, buffers[name]), name


def test_batch_norm_in_batch_mode_normalises_each_batch_and_dropout_stays_off(network, images):
    found = measure(network, images, ENSEMBLE, batch_norm="batch", batch_size=20)
    norm = network[1]
    with torch.no_grad():
        network.eval()
        norm.train()
        norm.momentum = 0.0
        order = in_random_order(torch.arange(len(images)), seed=0)
        expected = torch.cat([network(images[part]) for part in order.split(20)])[order.argsort()]
    np.testing.assert_allclose(found.raw.outputs, expected.numpy(), atol=1e-5)
    assert (found.batch_order, replace(found, batch_order=None).key != found.key) == ("seeded", True)
    assert (found.batch_norm, found.batch_size) == ("batch", 20)
    running = measure(network, images, ENSEMBLE)
    assert running.key != found.key
    assert not np.allclose(running.raw.outputs, found.raw.outputs)
    assert replace(found, settings=found.settings.used(batch_size=40)).key != found.key  # the batch is part of f
    assert replace(running, settings=running.settings.used(batch_size=40)).key == running.key


def test_products_are_ieee_float32_inside(images):
    """With bfloat16 products allowed, a linear network's changes would be off by percents."""
    weight = torch.randn(64, 3 * 17 * 11, generator=torch.Generator().manual_seed(0))
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 17 * 11, 64, bias=False))
    linear[1].weight.data = weight
    exact = measure(linear, images, MaxEntropyEnsemble(SIZE, 3, delta=0.01))
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = measure(linear, images, MaxEntropyEnsemble(SIZE, 3, delta=0.01))
        with ieee_float32(torch.device("cpu")):
            assert not torch.is_autocast_enabled("cpu")
    finally:
        torch.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(found.raw.deformation, exact.raw.deformation)


def test_a_network_that_changes_its_input_in_place_is_measured_right(images):
    weight = torch.randn(3 * 17 * 11, 5, generator=torch.Generator().manual_seed(0))

    def in_place(x):
        return x.sub_(0.5).div_(0.25).flatten(1) @ weight

    kept = images.clone()
    found = measure(in_place, [images], ENSEMBLE)
    expected = measure(lambda x: ((x - 0.5) / 0.25).flatten(1) @ weight, images, ENSEMBLE)
    np.testing.assert_array_equal(found.raw.deformation, expected.raw.deformation)
    assert torch.equal(images, kept)


def test_a_network_that_uses_its_outputs_memory_again_is_measured_right(images):
    buffer = torch.zeros(40, 3, dtype=torch.float64)

    def reusing(x):
        return buffer.copy_(x.mean((2, 3)))

    found = measure(reusing, images.double(), ENSEMBLE, batch_size=40)
    expected = measure(lambda x: x.mean((2, 3)), images.double(), ENSEMBLE)
    np.testing.assert_array_equal(found.raw.deformation, expected.raw.deformation)


def test_batch_norm_without_running_statistics_is_named_batch(images):
    network = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten())
    one, other = (measure(network, images, ENSEMBLE, batch_size=size) for size in (40, 10))
    assert one.batch_norm == "batch"
    assert one.key != other.key
    assert measure(nn.Flatten(), images, ENSEMBLE).batch_norm == "none"


class Counting(nn.Module):
    """Changes its buffers in each forward pass, in place and by assignment."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("last", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        self.last = x[:1, 0, 0, 0].clone()
        return x.flatten(1)


def test_buffers_changed_by_the_network_come_back(images):
    model = Counting()
    calls, last = model.calls, model.last
    first, again = (measure(model, images, ENSEMBLE) for _ in range(2))
    assert (model.calls is calls, float(calls), model.last is last, float(last)) == (True, 0, True, 0)
    assert first.weights_sha256 == again.weights_sha256


def test_networks_may_ask_cudnns_settings(images):
    def asking(x):
        assert torch.backends.cudnn.allow_tf32 is False
        with torch.backends.cudnn.flags(enabled=False):
            return x.flatten(1)

    before = torch.backends.cudnn.allow_tf32
    measure(asking, images, ENSEMBLE)
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch before 2.9")
def test_inherited_precision_is_inherited_again():
    """In a process of its own: torch's old and new settings don't mix well."""
    code = """
import torch
from diffstab.precision import ieee_float32
torch.backends.fp32_precision = "tf32"
with ieee_float32(torch.device("cpu")):
    assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.conv.fp32_precision == "ieee"
assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.conv.fp32_precision == "tf32"
torch.backends.fp32_precision = "ieee"
assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.conv.fp32_precision == "ieee"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


class LeftOn(nn.Module):
    """Dropout that heeds no evaluation mode."""

    def __init__(self, network, share):
        super().__init__()
        self.network, self.share = network, share

    def forward(self, images):
        return nn.functional.dropout(self.network(images), self.share)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_something_random_left_on_is_refused_and_told(network, images, batch_norm):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match=r"gives other outputs for the same images, by .*%: something random"):
        measure(LeftOn(network, 0.5), images, ENSEMBLE, batch_norm=batch_norm)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert measure(LeftOn(network, 0.0), images, ENSEMBLE).R == measure(network, images, ENSEMBLE).R
    draws = torch.Generator().manual_seed(0)

    def slightly(batch):
        return network(batch) * (1 + 1e-3 * torch.rand(1, generator=draws))

    with pytest.raises(ValueError, match=r"same images, by 0\.0+[1-9]\d*%"):
        measure(slightly, images, ENSEMBLE, batch_norm=batch_norm)


def test_a_network_made_for_one_size_of_batch_is_measured(network, images):
    def fixed(batch):
        if len(batch) != 20:
            raise RuntimeError("this network was exported for batches of 20")
        return network.eval()(batch)

    found, usual = (measure(model, images, ENSEMBLE, batch_size=20) for model in (fixed, network))
    assert found.D == usual.D
    assert found.R.value == usual.R.value
    assert found.noise_exponent == pytest.approx(usual.noise_exponent, abs=0.5)  # of the first batch: other images
    assert found.input_seen is None


class Prepared(nn.Module):
    """Prepares its filter when it is switched to evaluation, as steerable convolutions and merged adapters do."""

    def __init__(self):
        super().__init__()
        self.weight, self.held = nn.Parameter(torch.rand(1, 1, 3, 3)), nn.Conv2d(1, 1, 3)

    def train(self, mode=True):
        if mode:
            self._buffers.pop("filter", None)
        elif self.training:
            self.register_buffer("filter", self.weight.detach() + 1)
        return super().train(mode)

    def forward(self, x):
        return nn.functional.conv2d(x, self.weight if self.training else self.filter)


def test_a_module_that_switches_itself_is_asked_to():
    images = torch.rand(20, 1, *SIZE)
    network = nn.Sequential(Prepared(), Prepared(), nn.Flatten())
    network[0].held.eval()  # a frozen part of a module that trains
    network[1].eval()
    modes = [module.training for module in network.modules()]
    found = measure(network, images, ENSEMBLE)
    assert [module.training for module in network.modules()] == modes
    assert list(dict(network.named_buffers())) == ["1.filter"]
    assert network.eval() is network
    assert measure(network, images, ENSEMBLE).R == found.R
