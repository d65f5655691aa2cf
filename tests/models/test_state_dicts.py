"""Which weights of a checkpoint are a network's: found by names and shapes, told, chosen by a key, never run."""

import argparse
import json
import pathlib
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from diffstab.models.alpha import AlphaNetwork
from diffstab.models.checkpoints import load_checkpoint
from diffstab.models.load import load_model
from diffstab.options.measure import MeasureOptions
from diffstab.sweep.jobs import measure_job

CLASSES = 5


class Net(nn.Module):
    def __init__(self, classes=CLASSES):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
        self.head = nn.Linear(3, classes)

    def forward(self, x):
        return self.head(self.features(x.flatten(1)))


def made(seed, **arguments):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Net(**arguments)


STATE, OTHER = made(1).state_dict(), made(2).state_dict()


def loaded(path, content, key=None, network=None):
    torch.save(content, path)
    return load_checkpoint(network or made(9), path, key=key, dataset="digits", classes=CLASSES)


def same(network, state):
    found = network.state_dict()
    return all(torch.equal(found[name], state[name]) for name in state)


def prefixed(prefix, state=STATE):
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize(
    ("content", "key", "told"),
    [
        (STATE, None, None),
        ({"net": STATE, "epoch": 3}, "net", "read under 'net'"),
        *(
            ({key: STATE}, key, f"read under '{key}'")
            for key in "weights params network model_ema ema params_ema teacher student model state_dict g_ema".split()
        ),
        ({"module": STATE}, "module", "read under 'module'"),  # as DeepSpeed
        ({"state": {"model": {"state_dict": STATE}}}, "state.model.state_dict", "read under 'state.model.state_dict'"),
        ({"nets": [STATE, {"w": torch.ones(2)}]}, "nets.0", "read under 'nets.0'"),
        *(
            (prefixed(prefix), None, f"prefix '{prefix}' taken off")
            for prefix in ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module.")
        ),
        ({"model": prefixed("module.")}, "model", "read under 'model'; prefix 'module.' taken off"),
        (prefixed("net."), "net", "prefix 'net.' taken off"),
        ({"state_dict": prefixed("model.")}, "state_dict.model", "read under 'state_dict'; prefix 'model.' taken off"),
        (
            {"state_dict": {**prefixed("net._orig_mod."), "loss.weight": torch.ones(5), "acc.tp": torch.zeros(5)}},
            "state_dict.net",
            "prefix 'net._orig_mod.' taken off; left out: loss.weight, acc.tp",
        ),
        (torch.optim.swa_utils.AveragedModel(made(1)).state_dict(), None, "'module.' taken off; left out: n_averaged"),
        ({name.replace("features.", "features.module."): v for name, v in STATE.items()}, None, "parts that wrappers"),
        ({**STATE, "epoch": 3, "classes": ["a", "b"]}, None, None),
    ],
)
def test_weights_are_found_wherever_they_stand_and_however_names_begin(tmp_path, content, key, told):
    network, found, notes = loaded(tmp_path / "a.pt", content)
    assert same(network, STATE)
    assert found == key
    assert len(notes) == (told is not None)
    assert all(told in note and "a.pt" in note for note in notes)


@pytest.mark.filterwarnings("ignore:.*torch.compile")
def test_wrapped_networks_take_plain_weights_and_wrapped_ones(tmp_path):
    wrapped = nn.DataParallel(torch.compile(made(9)))
    for content in (STATE, prefixed("module."), prefixed("_orig_mod."), prefixed("module._orig_mod.")):
        network, _, _ = loaded(tmp_path / "a.pt", content, network=wrapped)
        assert same(network.module._orig_mod, STATE)


TIMM = {
    "epoch": 4,
    "arch": "resnet18",
    "state_dict": STATE,
    "optimizer": torch.optim.AdamW(made(1).parameters()).state_dict(),
    "args": argparse.Namespace(lr=0.1, output=pathlib.Path("x")),
    "state_dict_ema": OTHER,
    "metric": np.float64(81.5),
}


def test_of_several_state_dicts_one_is_taken_and_told_and_a_key_chooses(tmp_path):
    network, key, (note,) = loaded(tmp_path / "a.pt", TIMM)
    assert same(network, STATE)
    assert key == "state_dict"
    assert "read under 'state_dict'; others fit as well, under 'state_dict_ema': --weights-key chooses" in note
    network, key, (note,) = loaded(tmp_path / "a.pt", TIMM, "state_dict_ema")
    assert same(network, OTHER)
    assert key == "state_dict_ema"
    assert "others" not in note
    network, key, (note,) = loaded(tmp_path / "a.pt", {"teacher": OTHER, "student": STATE})
    assert (same(network, OTHER), key, "under 'student'" in note) == (True, "teacher", True)
    # one of them is for this network
    assert loaded(tmp_path / "a.pt", {"teacher": made(1, classes=9).state_dict(), "student": STATE})[1] == "student"


def test_several_networks_in_one_state_dict_are_chosen_by_key_alone(tmp_path):
    content = {"state_dict": {**prefixed("student."), **prefixed("teacher._orig_mod.", OTHER)}}
    with pytest.raises(ValueError, match=r"'state_dict.student', 'state_dict.teacher'; choose by --weights-key"):
        loaded(tmp_path / "a.pt", content)
    for key in ("state_dict.teacher", "state_dict.teacher._orig_mod"):
        network, found, _ = loaded(tmp_path / "a.pt", content, key)
        assert same(network, OTHER)
        assert found == "state_dict.teacher"


def test_keys_that_are_not_there_are_told_with_those_that_are(tmp_path):
    with pytest.raises(ValueError, match=r"weights_key is 'ema'; checkpoint .* under 'state_dict', 'state_dict_ema'$"):
        loaded(tmp_path / "a.pt", TIMM, "ema")
    with pytest.raises(ValueError, match="at its top alone; leave weights_key out"):
        loaded(tmp_path / "a.pt", STATE, "state_dict")
    with pytest.raises(ValueError, match="weights_key is 'ema' and no checkpoint is given"):
        load_model("lenet", weights_key="ema")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({**STATE, "fc.weight": torch.ones(7, 3)}, r"it has fc.weight, unknown to it"),
        ({"net": prefixed("module.", made(1, classes=7).state_dict())}, r"has 7 classes and the data set digits has 5"),
        ({k: v for k, v in STATE.items() if "head" not in k}, "it lacks head.bias, head.weight$"),
        ({"epoch": 3, "optimizer": torch.optim.AdamW(made(1).parameters()).state_dict()}, "holds no weights"),
        ({k: v.to(torch.int8) for k, v in STATE.items()}, r"holds features.0.weight as torch.int8 .* not quantised"),
        ({"a": [[[[[[[[[[STATE]]]]]]]]]]}, "holds no weights"),
    ],
)
def test_what_is_no_whole_network_is_refused(tmp_path, content, message):
    before = made(9).state_dict()
    network = made(9)
    with pytest.raises(ValueError, match=message):
        loaded(tmp_path / "a.pt", content, network=network)
    assert same(network, before)


def test_weights_in_half_precision_are_those_numbers_and_told(tmp_path):
    half = {name: v.half() if v.is_floating_point() else v for name, v in STATE.items()}
    network, _, notes = loaded(tmp_path / "a.pt", half)
    assert same(network, {name: v.float() if v.is_floating_point() else v for name, v in half.items()})
    assert network.head.weight.dtype == torch.float32
    assert not notes  # kept networks are stored so; beside something else it is told
    _, _, (note,) = loaded(tmp_path / "b.pt", {"net": half})
    assert "read under 'net'; stored in half precision (torch.float16)" in note


def test_safetensors_have_prefixes_taken_off_too(tmp_path):
    save_file(prefixed("model."), tmp_path / "a.safetensors")
    found = load_checkpoint(made(9), tmp_path / "a.safetensors", key=None, dataset="digits", classes=CLASSES)
    assert same(found[0], STATE)


def test_alpha_networks_are_found_wrapped_and_nested(tmp_path):
    state = AlphaNetwork(nn.Linear(4, 3), 7.0).state_dict()
    for content in (state, {"net": prefixed("module.", state)}):
        network, _, _ = loaded(tmp_path / "a.pt", content, network=nn.Linear(4, 3))
        assert isinstance(network, AlphaNetwork)
        assert float(network.alpha) == 7


def write_traced(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its deprecation
        torch.jit.trace(nn.Flatten(), torch.zeros(2, 3)).save(path)


@pytest.mark.parametrize(
    ("file", "write", "message"),
    [
        ("jit.pt", write_traced, r"is a TorchScript archive .*save\(torch.jit.load\(FILE\).state_dict\(\)"),
        (
            "program.pt2",
            lambda path: torch.export.save(torch.export.export(nn.Flatten(), (torch.zeros(2, 3),)), path),
            r"is an exported program .*save\(torch.export.load\(FILE\).state_dict",
        ),
        (
            "whole.pt",
            lambda path: torch.save(made(1), path),
            r"is not plain tensors \(it holds .*Net: it may run code .* torch.save\(network.state_dict\(\)",
        ),
        ("arrays.npz", lambda path: np.savez(path, a=np.ones(2)), r"is an archive of NumPy \(.npz\); save it as"),
        ("pointer.pt", lambda path: path.write_text("version https://git-lfs.github.com/"), "; run git lfs pull"),
        ("page.pt", lambda path: path.write_text("<!DOCTYPE html>"), "is a page .*; fetch the file again"),
        ("folder", lambda path: path.mkdir(), "a folder; name the file of weights in it"),
    ],
)
def test_files_of_other_kinds_are_called_what_they_are(tmp_path, file, write, message):
    write(tmp_path / file)
    with pytest.raises(ValueError, match=message):
        load_checkpoint(made(9), tmp_path / file, key=None, dataset="digits", classes=CLASSES)


def test_the_key_is_part_of_what_a_sweep_asks_for(tmp_path):
    torch.save(TIMM, tmp_path / "a.pt")
    asked = {"model": "fc_l2", "checkpoint": str(tmp_path / "a.pt")}
    first, ema = (measure_job(MeasureOptions(**asked, weights_key=key)) for key in (None, "state_dict_ema"))
    assert first.id != ema.id
    assert "weights_key=state_dict_ema" in str(ema)
    assert ema.options.at_initialisation().weights_key is None


def test_a_row_tells_the_state_dict_and_the_command_takes_the_key(tmp_path, cli):
    states = [load_model("fc_l2", weights="init", seed=seed).state_dict() for seed in (1, 2)]
    torch.save({**TIMM, "state_dict": states[0], "state_dict_ema": states[1]}, tmp_path / "a.pt")
    torch.save(states[1], tmp_path / "b.pt")
    asked = ["measure", "--model", "fc_l2", "--images", "20", "--resamples", "100", "--device", "cpu", "--json"]
    first, ema, plain = (
        cli(*asked, "--checkpoint", str(tmp_path / file), *more)
        for file, more in (("a.pt", []), ("a.pt", ["--weights-key", "state_dict_ema"]), ("b.pt", []))
    )
    rows = [json.loads(answer.stdout) for answer in (first, ema, plain)]
    assert [row["weights_key"] for row in rows] == ["state_dict", "state_dict_ema", None]
    assert rows[1]["R"] == rows[2]["R"] != rows[0]["R"]
    assert rows[1]["key"] == rows[2]["key"]
    assert "note: weights of" in first.stderr
    assert "a.pt (state_dict_ema)" in ema.stderr
    assert "note" not in plain.stderr
