"""Folders and repositories of weights that strangers made: no code of theirs runs, nothing else is read or fetched."""

import json

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from support.hostile import told_by
from support.named_networks import ON_DIGITS, ON_PHOTOS, made
from support.planted import Pickled, forget, heard, package, ran, trained

from diffstab.models.load import load_model
from diffstab.models.resolve import resolve_model

pytestmark = pytest.mark.usefixtures("nothing_global_changes")

CONFIG = {"input_size": [3, 48, 48], "mean": [0.5] * 3, "std": [0.5] * 3, "first_conv": "conv1", "classifier": "fc"}
ELSEWHERE = ["SECRET", "SECRET.bin", "http://127.0.0.1:9/net.pth", "hf-hub:user/net", "local-dir:SECRET", "os:system"]
WEIGHTS = [{name: place} for place in ELSEWHERE for name in ("url", "file", "hf_hub_id", "hf_hub_filename", "source")]
WEIGHTS += [{"custom_load": value, "file": "SECRET"} for value in (True, "hf", "os:system")]
WEIGHTS += [{"state_dict": {"a": 1}}, {"source": "file", "file": "SECRET", "hf_hub_id": "user/net"}]
NAMES = "checkpoint_path cache_dir pretrained_cfg_overlay pretrained_filter_fn feature_cls block act_layer model_cls"
ARGUMENTS = [{name: place} for name in NAMES.split() for place in ELSEWHERE]
ARGUMENTS += [{"pretrained_cfg": {"file": "SECRET"}}, {"pruned": True}, {"features_only": True}, {"pretrained": True}]
CONFIGS = [{"pretrained_cfg": {**CONFIG, **more}} for more in WEIGHTS] + [{"model_args": more} for more in ARGUMENTS]
CONFIGS += [{"architecture": place} for place in (*ELSEWHERE, 5, ["test_resnet"])]
DAMAGED = [{"pretrained_cfg": value} for value in ([1], 1, "a", {**CONFIG, "input_size": "abc"}, {"mean": 3})]
DAMAGED += [{"label_names": value} for value in ({"a": "b"}, 5)] + [{"model_args": {"device": "meta"}}]


@pytest.fixture
def place(tmp_path, monkeypatch, caches):
    """A folder to work in, with files that nothing should read: weights that fit, and a pickle that runs code."""
    monkeypatch.chdir(tmp_path)
    save_file(made("test_resnet", num_classes=7).state_dict(), tmp_path / "SECRET")
    torch.save({"a": Pickled()}, tmp_path / "SECRET.bin")
    yield tmp_path
    forget()


def folder_of(folder, more, weights=True):
    folder.mkdir(parents=True, exist_ok=True)
    config = {"architecture": "test_resnet", "num_classes": 7, "pretrained_cfg": CONFIG, **more}
    (folder / "config.json").write_text(json.dumps(config))
    if weights:
        save_file(made("test_resnet", num_classes=7).state_dict(), folder / "model.safetensors")
    else:
        torch.save({"a": Pickled()}, folder / "pytorch_model.bin")
    return f"local-dir:{folder}"


def repository_of(place, more, weights=True):
    """In the hub's cache, as it lies there once it was fetched."""
    repository, commit = place / "hub-cache" / "models--user--other", "0" * 40
    assert repository.parent == type(place)(constants.HF_HUB_CACHE)
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    folder_of(repository / "snapshots" / commit, more, weights)
    return "hf-hub:user/other"


def made_of(place, kind, more, weights=True):
    return folder_of(place / "net", more, weights) if kind == "folder" else repository_of(place, more, weights)


@pytest.mark.parametrize("kind", ["folder", "repository"])
@pytest.mark.parametrize("more", CONFIGS, ids=str)
def test_no_config_makes_timm_read_fetch_or_run_anything_else(place, caches, more, kind):
    spec = made_of(place, kind, more)
    with heard() as opened:
        told_by(lambda: resolve_model(spec, **ON_PHOTOS))
    assert not ran()
    assert not [name for name in opened if "SECRET" in name or "127.0.0.1" in name or "touch" in name]
    assert not caches


@pytest.mark.parametrize("kind", ["folder", "repository"])
def test_a_pickle_of_weights_runs_no_code(place, kind):
    spec = made_of(place, kind, {}, weights=False)
    with pytest.raises(ValueError, match="weights_only=True blocked loading"):
        resolve_model(spec, **ON_PHOTOS)
    assert not ran()


@pytest.mark.parametrize("more", DAMAGED, ids=str)
def test_a_damaged_config_is_told(place, more):
    with pytest.raises(ValueError, match=r"config.json' can't be understood|can't be built with"):
        resolve_model(folder_of(place / "net", more), **ON_PHOTOS)


def test_own_code_that_a_folder_names_runs_only_if_its_name_is_repeated(place):
    model = package(place)
    spec = trained(place / "run", model)
    for trust in ((), ["planted.nets"], [spec], ["planted.nets:Build", "*"]):
        with pytest.raises(
            ValueError, match=f"config.json' names the network '{model}'; if you trust this, add --trust {model}$"
        ):
            load_model(spec, dataset="mnist5k", trust=trust)
    assert not ran()
    network = load_model(spec, dataset="mnist5k", trust=[model])
    assert ran()
    assert network(torch.zeros(1, 1, 28, 28)).tolist() == [list(range(10))]


@pytest.mark.parametrize("model", ["hf-hub:user/other", "local-dir:SECRET", "planted.nets:build", "SECRET.py:build"])
def test_what_a_folder_leads_to_is_not_looked_at(place, caches, model):
    package(place)
    with heard() as opened, pytest.raises(ValueError, match=r"names the network .*if you trust this, add"):
        resolve_model(trained(place / "run", model), **ON_DIGITS)
    assert not ran()
    assert not [name for name in opened if "SECRET" in name or "planted" in name]
    assert not caches


@pytest.mark.parametrize("model", [5, None, ["lenet"], ""])
def test_a_folder_of_no_name_is_told(place, model):
    with pytest.raises(ValueError, match=r"config.json' can't be understood"):
        resolve_model(trained(place / "run", model), **ON_DIGITS)
