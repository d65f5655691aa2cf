"""Networks from folders, timm's and those that a training wrote: their weights, their preprocessing, or a refusal."""

import json

import pytest
import torch
from safetensors.torch import save_file
from support.named_networks import DIGITS, GRAY, ON_DIGITS, ON_PHOTOS, OWN, kept, made, same_weights, saved_by_timm
from timm.models import save_for_hf

from diffstab.data.preprocessing import Preprocessing
from diffstab.measuring.by_name import measure_cell
from diffstab.models.resolve import Override, resolve_model
from diffstab.models.sources import Shape
from diffstab.options.measure import MeasureOptions

pytestmark = pytest.mark.usefixtures("nothing_global_changes", "caches")


@pytest.mark.parametrize("safe", [True, False])
def test_a_folder_that_timm_saved_has_its_weights_and_its_preprocessing(tmp_path, safe):
    network = made("test_resnet", num_classes=7)
    saved_by_timm(tmp_path / "net", network, safe=safe)
    loaded = resolve_model(f"local-dir:{tmp_path / 'net'}", **ON_PHOTOS)
    same_weights(loaded.network, network.state_dict())
    assert (loaded.source, loaded.weights, loaded.tag) == ("local-dir", "pretrained", None)
    assert not loaded.network.training
    told = {**OWN, "size": (48, 48), "resize": (60, 60), "source": f"local-dir:{tmp_path / 'net'}"}
    assert loaded.preprocessing == Preprocessing(**told)
    # small images too are brought to the weights' size, and gray ones shown in colour
    assert resolve_model(f"local-dir:{tmp_path / 'net'}", **ON_DIGITS).preprocessing == loaded.preprocessing


def test_a_folder_is_measured_on_its_own_input(tmp_path):
    saved_by_timm(tmp_path / "net", made("test_resnet", num_classes=7))
    options = MeasureOptions(model=f"local-dir:{tmp_path / 'net'}", dataset="photos", images=3, device="cpu")
    result = measure_cell(options)
    assert (result.preprocessing["size"], result.preprocessing["mean"]) == ([48, 48], [0.1, 0.2, 0.3])
    assert (result.model_source, result.weights) == ("local-dir", "pretrained")


def test_a_folder_of_a_gray_network_takes_gray_images(tmp_path):
    network = made("test_resnet", num_classes=7, in_chans=1)
    save_for_hf(network, tmp_path / "net", safe_serialization=True)
    for images in (ON_DIGITS, ON_PHOTOS):
        loaded = resolve_model(f"local-dir:{tmp_path / 'net'}", **images)
        assert loaded.preprocessing.shape == (1, 160, 160)
        assert loaded.network(torch.zeros(2, 1, 160, 160)).shape == (2, 7)


def test_a_folder_that_does_not_tell_its_preprocessing_needs_it(tmp_path):
    network = made("test_resnet", num_classes=7)
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    config = {"architecture": "test_resnet", "num_classes": 7}
    (tmp_path / "config.json").write_text(json.dumps(config))
    spec = f"local-dir:{tmp_path}"
    with pytest.raises(ValueError, match=r"don't record .* give --img-size, --mean, --std$"):
        resolve_model(spec, **ON_PHOTOS)
    with pytest.raises(ValueError, match=r"; give --std$"):
        resolve_model(spec, **ON_PHOTOS, override=Override(img_size=64, mean=(0.5,)))
    loaded = resolve_model(spec, **ON_PHOTOS, override=Override(img_size=64, mean=(0.5,), std=(0.1, 0.2, 0.3)))
    same_weights(loaded.network, network.state_dict())
    assert loaded.preprocessing.shape == (3, 64, 64)
    assert (loaded.preprocessing.mean, loaded.preprocessing.std) == ((0.5,) * 3, (0.1, 0.2, 0.3))
    (tmp_path / "config.json").write_text(json.dumps({**config, "input_size": [3, 48, 48], "mean": [0.5] * 3}))
    with pytest.raises(ValueError, match=r"; give --std$"):
        resolve_model(spec, **ON_PHOTOS)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "config.json was looked for, and there is: no such folder"),
        ({}, "config.json was looked for, and there is: nothing"),
        ({"weights.pt": ""}, "config.json was looked for, and there is: weights.pt"),
        ({"config.json": '{"architecture": "test_resnet"}'}, "looked for model.safetensors and pytorch_model.bin"),
        ({"config.json": '{"architecture"', "model.safetensors": ""}, r"is no network's config.json \(Expecting"),
        ({"config.json": "[1]", "model.safetensors": ""}, r"is no network's config.json \(it names no"),
        ({"config.json": '{"a": 1}', "model.safetensors": ""}, r"is no network's config.json \(it names no"),
        ({"config.json": '{"architecture": "a", "preprocessing": {}}', "model.safetensors": ""}, "can't be understood"),
    ],
)
def test_a_folder_that_holds_no_network_is_told_in_one_message(tmp_path, files, message):
    folder = tmp_path / "net"
    if files is not None:
        folder.mkdir()
    for name, content in (files or {}).items():
        (folder / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        resolve_model(f"local-dir:{folder}", **ON_PHOTOS)


def test_a_trained_networks_folder_is_that_network(tmp_path):
    state = kept(tmp_path)
    loaded = resolve_model(f"local-dir:{tmp_path}", **ON_DIGITS)
    same_weights(loaded.network, state)
    assert (loaded.name, loaded.source, loaded.weights) == (f"local-dir:{tmp_path}", "local-dir", "pretrained")
    assert loaded.preprocessing == GRAY
    few = {"images": 10, "device": "cpu"}
    whole = measure_cell(MeasureOptions(model=f"local-dir:{tmp_path}", **few))
    parts = measure_cell(MeasureOptions(model="lenet", checkpoint=str(tmp_path / "model.safetensors"), **few))
    assert whole.R == parts.R
    assert whole.test_error == parts.test_error


def test_a_trained_network_sees_images_of_another_size_resized_as_it_knows_them(tmp_path):
    kept(tmp_path)
    result = measure_cell(MeasureOptions(model=f"local-dir:{tmp_path}", dataset="photos", images=3, device="cpu"))
    assert (result.preprocessing["size"], result.preprocessing["mean"]) == ([28, 28], [0.1307])
    # photographs of any size, although the data set's own input has the network's size
    small = Preprocessing(size=(28, 28), resize=(28, 28), mean=(0.5,) * 3, std=(0.5,) * 3, source="folder")
    loaded = resolve_model(f"local-dir:{tmp_path}", Shape(3, 28, 28, 0), dataset="folder", usual=small)
    assert (loaded.preprocessing.resize, loaded.preprocessing.mean) == ((28, 28), GRAY.mean)
    # images that came as tensors stay as they are
    assert resolve_model(f"local-dir:{tmp_path}", DIGITS, dataset="mnist5k").preprocessing is None


def test_a_trained_network_of_timm_keeps_its_own_preprocessing_too(tmp_path):
    """Not that of timm's published weights of its architecture."""
    seen = Preprocessing(size=(32, 32), mean=(0.3,), std=(0.2,), source="digits")
    state = kept(tmp_path, "timm:test_vit", Shape(1, 32, 32, 10), seen)
    for images in (ON_PHOTOS, ON_DIGITS):
        loaded = resolve_model(f"local-dir:{tmp_path}", **images)
        same_weights(loaded.network, state)
        assert (loaded.preprocessing.shape, loaded.preprocessing.resize) == ((1, 32, 32), (32, 32))
        assert (loaded.preprocessing.mean, loaded.preprocessing.source) == ((0.3,), "digits")


def test_a_trained_networks_options_are_not_passed_over(tmp_path):
    kept(tmp_path)
    with pytest.raises(ValueError, match="has 10 classes and the data set mnist5k, by --num-classes, has 7"):
        resolve_model(f"local-dir:{tmp_path}", **ON_DIGITS, num_classes=7)
    fresh = resolve_model(f"local-dir:{tmp_path}", **ON_DIGITS, weights="init", num_classes=7, in_chans=3)
    assert fresh.weights == "init"
    assert fresh.network(torch.zeros(2, *fresh.preprocessing.shape)).shape == (2, 7)
