"""A network with published weights is called trained only as far as it is; see also test_published_weights."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.named_networks import ON_PHOTOS, made, same_weights, saved_by_timm
from torch import nn

from diffstab.measuring.by_name import Reporter, measure_cell
from diffstab.models.load import load_model
from diffstab.models.random_parts import head_left, random_names
from diffstab.models.resolve import resolve_model
from diffstab.options.measure import MeasureOptions

pytestmark = pytest.mark.usefixtures("nothing_global_changes", "caches")


class Notes(Reporter):
    def __init__(self):
        self.texts = []

    def notes(self, text):
        self.texts.append(text)


@pytest.fixture
def folders(tmp_path):
    """Weights of 7 classes, and images of two."""
    saved_by_timm(tmp_path / "net", made("test_resnet", num_classes=7))
    for label, name in enumerate("ab"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for k in range(6):
            pixels = np.random.default_rng(10 * label + k).integers(0, 255, (50, 50, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{k}.png")
    return tmp_path


def asked(folder, **options):
    data = {"dataset": "folder", "data_dir": str(folder / "images")}
    return MeasureOptions(
        model=f"local-dir:{folder / 'net'}", **data, images=12, resamples=100, device="cpu", **options
    )


def test_weights_for_other_classes_leave_a_random_head_which_is_told_and_has_no_test_error(folders):
    notes = Notes()
    result = measure_cell(asked(folders, num_classes=2), notes)
    assert (result.weights, result.head, result.test_error) == ("pretrained", "init", None)
    told, why = notes.texts
    assert "are for another number of outputs, so its head is random, from the seed 0" in told
    assert why == "no test error: the network's head is random"
    row = json.loads(json.dumps(result.to_dict()))
    assert (row["weights"], row["head"]) == ("pretrained", "init")
    assert measure_cell(asked(folders, num_classes=2, seed=1)).weights_sha256 != result.weights_sha256


def test_weights_that_are_all_there_have_no_head_to_tell(folders):
    notes = Notes()
    result = measure_cell(asked(folders, num_classes=7), notes)
    assert (result.weights, result.head) == ("pretrained", None)
    assert notes.texts == ["no test error: the network has 7 outputs and folder 2 classes"]
    assert measure_cell(asked(folders, num_classes=2, weights="init")).head is None


def test_a_changed_first_layer_is_made_of_the_weights(folders):
    gray = resolve_model(f"local-dir:{folders / 'net'}", **ON_PHOTOS, in_chans=1)
    assert (gray.head, gray.notes) == (None, ())
    both = resolve_model(f"local-dir:{folders / 'net'}", **ON_PHOTOS, in_chans=1, num_classes=2)
    assert both.head == "init"


def test_features_without_a_head_have_no_test_error(folders):
    saved_by_timm(folders / "net", made("test_resnet", num_classes=0))
    notes = Notes()
    result = measure_cell(asked(folders), notes)
    assert (result.head, result.test_error) == ("none", None)
    assert notes.texts == ["no test error: the network has no head, only features"]


def test_python_warns_of_a_random_head(folders):
    with pytest.warns(UserWarning, match="so its head is random, from the seed 3"):
        load_model(f"local-dir:{folders / 'net'}", dataset="photos", num_classes=2, seed=3)


def test_more_than_a_head_that_is_random_is_refused():
    def network(seed):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            body, head = nn.Linear(3, 3), nn.Linear(3, 2)
        return nn.Sequential(body, nn.ReLU(), head)

    one, other = network(0), network(1)
    assert random_names(one, other) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    with pytest.raises(ValueError, match=r"the weights of some:net lack 0.weight, 0.bias, .* use --weights init"):
        head_left("some:net", one, lambda: other)
    other[0].load_state_dict(one[0].state_dict())
    assert head_left("some:net", one, lambda: other) == "init"
    other[2].load_state_dict(one[2].state_dict())
    assert head_left("some:net", one, lambda: other) is None
    one.num_classes = 0
    assert head_left("some:net", one, lambda: other) == "none"


def test_the_state_dict_that_timm_takes_from_a_folder_is_told(folders):
    network, averaged = made("test_resnet", num_classes=7), made("test_resnet", seed=4, num_classes=7)
    saved_by_timm(folders / "net", network, safe=False)
    (folders / "net" / "model.safetensors").unlink()
    file, spec = folders / "net" / "pytorch_model.bin", f"local-dir:{folders / 'net'}"
    torch.save({"state_dict": network.state_dict(), "state_dict_ema": averaged.state_dict()}, file)
    loaded = resolve_model(spec, **ON_PHOTOS)
    same_weights(loaded.network, averaged.state_dict())
    assert loaded.weights_key == "state_dict_ema"
    assert "read under 'state_dict_ema'; it holds state_dict too: --checkpoint" in loaded.notes[0]
    options = {"num_classes": 7, "checkpoint": file, "weights_key": "state_dict"}
    same_weights(resolve_model(spec, **ON_PHOTOS, **options).network, network.state_dict())
