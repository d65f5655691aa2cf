"""Layers are measured alike in any batches, and nothing of it stays in the network."""

import itertools

import pytest
import torch
from support.layered import profile
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from diffstab.measuring.layers import observe as layers
from diffstab.measuring.layers.moments import moments, neighbours

pytestmark = pytest.mark.usefixtures("one_thread")


def hooks(network):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())


@pytest.mark.parametrize("options", [{"batch_size": 17}, {"batch_size": 200}, {"batch_size": 1}])
def test_numbers_depend_on_batches_by_rounding_alone(network, images, options):
    usual, other = (profile(network, images, average="mean", **more) for more in ({}, options))
    for one, two in zip(usual.layers, other.layers, strict=True):
        for letter in "DGR":
            assert getattr(one, letter).value == pytest.approx(getattr(two, letter).value, rel=1e-4), one.name


def test_indices_datasets_and_loaders_give_the_same(network, images):
    order = torch.randperm(40, generator=torch.Generator().manual_seed(5))
    dataset = TensorDataset(images)
    wanted = profile(network, images)
    for found in (
        profile(network, images, indices=order),
        profile(network, dataset),
        profile(network, dataset, workers=1),
    ):
        for one, two in zip(wanted.layers, found.layers, strict=True):
            for letter in "DGR":
                assert getattr(one, letter) == pytest.approx(getattr(two, letter), rel=1e-4)
    loader = profile(network, DataLoader(dataset, batch_size=40))
    for one, two in zip(wanted.layers, loader.layers, strict=True):
        assert tuple(one.R) == pytest.approx(tuple(two.R), rel=1e-4)


def test_a_loaders_batches_are_taken_in_parts(network, images):
    sizes = []
    network[0].register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    loader = DataLoader(TensorDataset(images), batch_size=40)
    profile(network, loader, batch_size=30)
    assert max(sizes) == 30  # of at most 6 images, five times each
    profile(network, images, batch_size=30)
    assert max(sizes) <= 30


def test_draws_and_pairs_of_a_batch():
    assert neighbours(2).tolist() == [[0], [1]]
    assert {frozenset(pair) for pair in neighbours(4).T.tolist()} == {
        frozenset(pair) for pair in itertools.combinations(range(4), 2)
    }
    many = neighbours(100)
    assert many.shape == (2, 1000)
    assert len({frozenset(pair) for pair in many.T.tolist()}) == 1000
    assert (many.flatten().bincount() == 20).all()
    assert neighbours(1).shape == (2, 0)


@pytest.mark.parametrize(
    "values",
    [
        torch.rand(6, 5, 4, 3).to(memory_format=torch.channels_last),
        torch.rand(5, 6, 7).transpose(0, 1),
        torch.rand(6, 1, 1).expand(6, 4, 3),
        torch.rand(6, 10)[:, ::2].bfloat16(),
        torch.rand(6),
        1e4 + torch.rand(6, 400_000),
    ],
)
def test_moments_of_any_memory_layout(values):
    found = moments(values, groups=3)
    rows = values.double().reshape(6, -1)
    squares = torch.stack([(rows[2 * k : 2 * k + 2] - rows[:2]).square().sum(1) for k in (1, 2)], dim=1)
    torch.testing.assert_close(found.squares, squares, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.pairs, (rows[0] - rows[1]).square().sum()[None], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found.total.sort().values, rows[:2].sum(0).sort().values, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.spread, (rows[0] - rows[1]).square().sum() / 2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
@pytest.mark.parametrize("error", [RuntimeError, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["hook", "network", "later"])
def test_a_failure_leaves_no_hook_and_the_buffers_as_they_were(network, images, batch_norm, error, where, monkeypatch):
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    calls = itertools.count()

    def failing(*arguments):
        if next(calls) == (0 if where == "network" else 9):
            raise error("half-way")
        return moments(*arguments)

    if where == "network":
        own = network[4].register_forward_hook(failing)
    else:
        monkeypatch.setattr(layers, "moments", failing)
    with pytest.raises(error if error is not ValueError else ValueError, match="half-way"):
        profile(network, images, batch_norm=batch_norm, batch_size=15)
    if where == "network":
        own.remove()
    assert hooks(network) == 0
    assert not any("forward" in vars(module) for module in network.modules())
    assert all(module.training for module in network.modules())
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_own_hooks_and_methods_stay(network, images):
    network[0].register_forward_hook(lambda module, inputs, output: 2 * output)
    own = network[1].forward
    network[1].forward = lambda x: own(x) + 1
    mine = network[1].forward
    profile(network, images, batch_norm="batch")
    assert hooks(network) == 1
    assert network[1].forward is mine


def test_a_network_that_mixes_the_images_of_a_batch_is_refused(images):
    class Centred(nn.Module):
        def __init__(self):
            super().__init__()
            self.flat = nn.Flatten()

        def forward(self, x):
            return self.flat(x - x.mean(0))

    with pytest.raises(ValueError, match="it mixes the images of a batch, so its layers can't be measured"):
        profile(Centred(), images)


def test_out_of_memory_takes_fewer_images(network, images):
    notes = []

    def short(module, inputs, output):
        if len(output) > 20:
            raise RuntimeError("CUDA out of memory. Tried to allocate")

    network[0].register_forward_hook(short)
    found = profile(network, images, average="mean", note=notes.append, batch_size=64)
    network[0]._forward_hooks.clear()
    wanted = profile(network, images, average="mean", batch_size=64)
    assert "out of memory" in notes[0]
    assert [layer.R.value for layer in found.layers] == pytest.approx(
        [layer.R.value for layer in wanted.layers], rel=1e-4
    )


def test_a_layer_that_comes_and_goes_is_left_out(network, images):
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.extra, self.calls = network, nn.Tanh(), 0

        def forward(self, x):
            self.calls += 1
            output = self.inner(x)
            if self.calls % 2:
                self.extra(output)
            return output

    notes = []
    result = profile(Sometimes(), images, "inner.0,extra", batch_size=40, note=notes.append)
    assert [layer.name for layer in result.layers] == ["inner.0"]
    assert "extra: it was there for some batches and not for others" in notes[0]
