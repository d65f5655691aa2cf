"""Networks from the user's own code: `package.module:callable`, from the current folder."""

import importlib
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from diffstab.data.preprocessing import Preprocessing
from diffstab.measuring.by_name import measure_cell
from diffstab.models import sources
from diffstab.models.resolve import resolve_model
from diffstab.models.sources import Shape
from diffstab.options.measure import MeasureOptions
from diffstab.sweep.jobs import measure_job

DIGITS = {
    "shape": Shape(1, 28, 28, 10),
    "dataset": "mnist5k",
    "usual": Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,), source="mnist5k"),
}
CODE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes=10, in_chans=1, width=3):
        super().__init__()
        self.asked = (num_classes, in_chans, width)
        self.body = nn.Conv2d(in_chans, width, 3)
        self.head = nn.Linear(width, num_classes)

    def forward(self, images):
        return self.head(self.body(images).mean((2, 3)))


class Nets:
    small = Net

    class Inner:
        @staticmethod
        def wide():
            return Net(width=9)


def factory(width, norm="batch"):
    from own_blocks import DEPTH  # beside this file

    net = Net(width=width)
    net.told = (width, norm, DEPTH)
    return net


def only_classes(num_classes=4):
    return Net(num_classes)


def a_function():
    return lambda images: images.mean((2, 3)).repeat(1, 10)


def a_number():
    return 3


def fails():
    raise KeyError("no such width")


def leaves():
    raise SystemExit(3)


with torch.random.fork_rng(devices=[]):
    torch.manual_seed(21)
    ready = Net()
constant = 7
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    """own_net.py in the current folder, forgotten afterwards."""
    (tmp_path / "own_net.py").write_text(CODE)
    (tmp_path / "own_blocks.py").write_text("DEPTH = 5\n")
    monkeypatch.chdir(tmp_path)
    before, path, state = set(sys.modules), list(sys.path), torch.random.get_rng_state()
    yield tmp_path
    assert sys.path == path
    assert torch.equal(torch.random.get_rng_state(), state)
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


def own(attribute, **options):
    return resolve_model(f"own_net:{attribute}", **DIGITS, **options)


@pytest.mark.usefixtures("code")
def test_a_class_is_called_with_what_is_given_and_nothing_else():
    loaded = own("Net")
    assert (loaded.source, loaded.weights, loaded.name, loaded.options) == ("python", "own", "own_net:Net", None)
    assert loaded.network.asked == (10, 1, 3)
    assert not loaded.network.training
    assert loaded.preprocessing == DIGITS["usual"]
    told = own("Net", num_classes=7, in_chans=3, model_kwargs={"width": 4})
    assert told.network.asked == (7, 3, 4)
    assert told.options == {"num_classes": 7, "in_chans": 3, "width": 4}
    assert told.network(torch.zeros(2, *told.preprocessing.shape)).shape == (2, 7)
    assert own("only_classes").network.asked[0] == 4
    assert own("only_classes", num_classes=6).network.asked[0] == 6


@pytest.mark.usefixtures("code")
def test_a_factory_with_arguments_and_nested_names():
    assert own("factory", model_kwargs={"width": 2, "norm": "none"}).network.told == (2, "none", 5)
    assert own("Nets.small").network.asked == (10, 1, 3)
    assert own("Nets.Inner.wide").network.asked == (10, 1, 9)


@pytest.mark.usefixtures("code")
def test_a_network_that_is_there_already_is_copied():
    loaded = own("ready")
    there = importlib.import_module("own_net").ready  # imported by now
    assert loaded.network is not there
    assert torch.equal(loaded.network.head.weight, there.head.weight)
    loaded.network.to(torch.float64)
    assert there.head.weight.dtype == torch.float32
    assert there.training
    with pytest.raises(ValueError, match="a network already; it takes no width"):
        own("ready", model_kwargs={"width": 3})


@pytest.mark.usefixtures("code")
def test_a_function_without_weights_is_measured():
    loaded = own("a_function")
    assert not isinstance(loaded.network, nn.Module)
    assert loaded.network(torch.ones(2, 1, 28, 28)).shape == (2, 10)
    result = measure_cell(MeasureOptions(model="own_net:a_function", images=4, device="cpu"))
    assert (result.model, result.model_source, result.weights) == ("own_net:a_function", "python", "own")


@pytest.mark.usefixtures("code")
def test_own_code_is_seeded():
    one, same, other = (own("Net", seed=seed).network.head.weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_checkpoint_goes_into_an_own_network(code):
    other = own("Net", seed=9).network.state_dict()
    save_file(other, code / "a.safetensors")
    for attribute in ("Net", "ready"):
        loaded = own(attribute, checkpoint=code / "a.safetensors")
        assert loaded.weights == str(code / "a.safetensors")
        for name, value in loaded.network.state_dict().items():
            assert torch.equal(value, other[name])
    assert not torch.equal(importlib.import_module("own_net").ready.head.weight, other["head.weight"])
    with pytest.raises(TypeError, match=r"a checkpoint is given, and the network is a function, no torch.nn.Module"):
        own("a_function", checkpoint=code / "a.safetensors")


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize(
    ("attribute", "error", "message"),
    [
        ("Nett", ValueError, r"own_net has no 'Nett' \(it has: .*Net"),
        ("Nets.large", ValueError, "own_net has no 'Nets.large'"),
        ("fails", ValueError, r"calling it with {} fails \(KeyError: 'no such width'\)"),
        ("leaves", ValueError, r"calling it with {} fails \(SystemExit: 3\)"),
        ("factory", ValueError, r"calling it with {} fails \(TypeError: .*'width'"),
        ("constant", ValueError, r"calling it with {} fails \(TypeError: 'int' object is not callable"),
        ("a_number", TypeError, r"gives a int; a torch.nn.Module, or another callable from \[B, C, H, W\]"),
    ],
)
def test_what_is_no_network_is_told(attribute, error, message):
    with pytest.raises(error, match=message):
        own(attribute)


def test_modules_that_are_missing_or_fail_are_told(code):
    (code / "own_broken.py").write_text("1 / 0\n")
    (code / "own_syntax.py").write_text("def f(:\n")
    (code / "own_exit.py").write_text("raise SystemExit('usage: ...')\n")
    (code / "own_package").mkdir()
    (code / "own_package" / "__init__.py").write_text("raise RuntimeError('no GPU here')\n")
    (code / "own_package" / "nets.py").write_text(CODE)
    fine = code / "own_fine" / "deep"
    fine.mkdir(parents=True)
    (fine / "nets.py").write_text(CODE)

    def asked(spec):
        return resolve_model(spec, **DIGITS)

    assert asked("own_fine.deep.nets:Net").network.asked == (10, 1, 3)
    for spec, reason in {
        "own_broken:Net": "importing own_broken fails .ZeroDivisionError: division by zero",
        "own_syntax:Net": "importing own_syntax fails .SyntaxError",
        "own_exit:Net": "importing own_exit fails .SystemExit: usage",
        "own_package.nets:Net": "importing own_package.nets fails .RuntimeError: no GPU here",
        "own_nothing:Net": "there is no module 'own_nothing'",
        "own_net.nets:Net": "there is no module 'own_net.nets'",
        "own_fine.nets:Net": "there is no module 'own_fine.nets'",
        "own-net:Net": "there is no module 'own-net'",
        "own_net:": "model is 'own_net:'",
    }.items():
        with pytest.raises(ValueError, match=reason):
            asked(spec)
        assert measure_job(MeasureOptions(model=spec)).id  # a sweep tells it when the job runs


def test_the_current_folder_goes_first_and_only_while_it_is_needed(code, tmp_path_factory, monkeypatch):
    assert sources.find("own_net:Net", DIGITS["shape"]) == ("python", "own_net:Net")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(ValueError, match="there is no module 'own_net'"):
        sources.find("own_net:Net", DIGITS["shape"])


def test_edited_code_is_another_job(code):
    def job():
        return measure_job(MeasureOptions(model="own_net:Net")).id

    before = job()
    assert job() == before
    assert measure_job(MeasureOptions(model="own_net:ready")).id != before
    (code / "own_blocks.py").write_text("DEPTH = 6\n")
    assert job() != before  # what it imports counts too
    before = job()
    (code / "own_net.py").write_text(CODE.replace("width=3", "width=4"))
    assert job() != before
