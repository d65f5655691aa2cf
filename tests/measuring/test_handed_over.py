"""A network is measured alike however it is handed over, and comes back as it was."""

from functools import partial

import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.modules import modules_in, network_in

ENSEMBLE = MaxEntropyEnsemble((17, 11), 5, delta=1.0)
GLOBAL: nn.Module = nn.Identity()


class Wrapper:
    """An object that is called."""

    def __init__(self, network):
        self.network = network

    def __call__(self, images):
        return self.network(images)

    def run(self, images):
        return self.network(images)


def by_global_name(images):
    return GLOBAL(images)


def by_a_function_beside(images):
    return by_global_name(images)


class Scripted(nn.Module):
    """A module with a scripted part."""

    def __init__(self, network):
        super().__init__()
        self.part = torch.jit.script(network)

    def forward(self, images):
        return self.part(images)


WAYS = {
    "forward": lambda network: network.forward,
    "called": lambda network: network.__call__,
    "partial": partial,
    "partial of forward": lambda network: partial(network.forward),
    "lambda": lambda network: lambda images: network(images),
    "default": lambda network: lambda images, own=network: own(images),
    "object": Wrapper,
    "method of an object": lambda network: Wrapper(network).run,
    "partial of a lambda": lambda network: partial(lambda own, images: own(images), network),
    "lambda of a partial": lambda network: (lambda own: lambda images: own(images))(partial(network)),
    "list": lambda network: (lambda networks: lambda images: networks[0](images))([network]),
    "global": lambda network: by_global_name,
    "function beside": lambda network: by_a_function_beside,
    "data parallel": nn.DataParallel,
}
COMPILED = {
    "script": torch.jit.script,
    "trace": lambda network: torch.jit.trace(network.eval(), torch.rand(2, 3, 17, 11)),
    "freeze": lambda network: torch.jit.freeze(torch.jit.script(network.eval())),
    "scripted part": Scripted,
    "export": lambda network: torch.export.export(network.eval(), (torch.rand(20, 3, 17, 11),)).module(),
}


@pytest.fixture
def named(network, monkeypatch):
    monkeypatch.setitem(globals(), "GLOBAL", network)
    return network


@pytest.mark.parametrize("way", WAYS)
def test_the_module_behind_is_measured_and_comes_back(named, images, way):
    before = {name: value.clone() for name, value in named.state_dict().items()}
    plain = measure(named, images, ENSEMBLE)
    found = measure(WAYS[way](named), images, ENSEMBLE)
    assert (found.R, found.D, found.G) == (plain.R, plain.D, plain.G)
    assert found.batch_norm == "running"
    assert named.training
    assert all(module.training for module in named.modules())
    assert all(torch.equal(value, before[name]) for name, value in named.state_dict().items())


@pytest.mark.parametrize("way", ["forward", "called", "partial", "partial of forward"])
def test_what_only_calls_a_module_is_that_module(network, images, way):
    assert network_in(WAYS[way](network)) is network
    found = measure(WAYS[way](network), images, ENSEMBLE, layers="auto")
    assert found.layers
    assert found.key == measure(network, images, ENSEMBLE, layers="auto").key


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_batch_norm_works_as_chosen_behind_a_function(network, images, batch_norm):
    plain = measure(network, images, ENSEMBLE, batch_norm=batch_norm, batch_size=20)
    found = measure(lambda inputs: network(inputs), images, ENSEMBLE, batch_norm=batch_norm, batch_size=20)
    assert (found.R, found.batch_norm) == (plain.R, batch_norm)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("way", COMPILED)
def test_compiled_graphs_give_the_same_within_rounding(network, images, way):
    plain = measure(network, images, ENSEMBLE, batch_size=20)
    found = measure(COMPILED[way](network), images, ENSEMBLE, batch_size=20)
    assert found.R.value == pytest.approx(plain.R.value, rel=1e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_scripted_network_comes_back_in_training_mode(network, images):
    scripted = torch.jit.script(network)
    before = {name: value.clone() for name, value in scripted.state_dict().items()}
    assert measure(scripted, images, ENSEMBLE).batch_norm == "running"
    with pytest.raises(ValueError, match="batch_norm is 'batch' and the network is of TorchScript"):
        measure(scripted, images, ENSEMBLE, batch_norm="batch")
    assert scripted.training
    assert all(torch.equal(value, before[name]) for name, value in scripted.state_dict().items())


def test_a_class_is_refused_with_what_to_hand_over(images):
    with pytest.raises(TypeError, match=r"model is the class Flatten; hand over a network of it, Flatten\(\.\.\.\)"):
        measure(nn.Flatten, images, ENSEMBLE)


def test_what_libraries_hold_is_no_part_of_a_network(network):
    def function(images):
        return torch.nn.functional.relu(images)

    assert modules_in(function) == []
    assert modules_in(lambda images: network(function(images))) == list(network.modules())
