"""One measurement from names to numbers: labels, preprocessing, precision, memory layout, several outputs."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from diffstab import MaxEntropyEnsemble, load_dataset, load_model, measure
from diffstab.measuring.by_name import Reporter, measure_cell
from diffstab.options.measure import MeasureOptions
from diffstab.streams import choose

FAST = {"model": "fc_l2", "images": 30, "resamples": 100}
SIDES = ((32, 1.6), (48, 2.4))  # pixels, and a twentieth of them


class Notes(Reporter):
    def __init__(self):
        self.texts, self.titles = [], []

    def notes(self, text):
        self.texts.append(text)

    def begins(self, title):
        self.titles.append(title)


def test_a_cell_is_what_the_functions_give():
    """A random choice of the seed, not the first images."""
    options = MeasureOptions(**FAST, seed=3)
    digits = load_dataset("mnist5k")
    indices = choose(30, len(digits), 3)
    assert indices.tolist() != list(range(30))
    alone = measure(
        load_model("fc_l2"), digits, MaxEntropyEnsemble(28, delta=1.0), indices=indices, seed=3, resamples=100
    )
    found = measure_cell(options)
    assert (found.R, found.D, found.test_error) == (alone.R, alone.D, alone.test_error)
    assert found.raw.indices.tolist() == indices.tolist()
    assert found.indices_sha256 == alone.indices_sha256


def test_a_share_of_the_side_is_the_delta_in_pixels_of_each_input():
    """The same T, and so the same field relative to the side, whatever the size of the input, square or not."""
    shared = {**FAST, "model": "timm:resnet10t", "weights": "init"}
    found = [measure_cell(MeasureOptions(**shared, img_size=side, delta_share=0.05)) for side, _ in SIDES]
    asked = [measure_cell(MeasureOptions(**shared, img_size=side, delta=delta)) for side, delta in SIDES]
    assert [one.delta for one in found] == [1.6, 2.4]
    assert [one.key for one in found] == [one.key for one in asked]
    assert found[0].temperature == pytest.approx(found[1].temperature, rel=1e-12)
    wide = MeasureOptions(delta_share=0.05).in_pixels(30, 40)
    assert MaxEntropyEnsemble((30, 40), delta=wide.delta).temperature == pytest.approx(found[0].temperature)
    assert wide.delta_share is None
    turned = measure_cell(MeasureOptions(**FAST, transform="rotation", delta_share=0.05))
    assert (turned.delta, turned.transform) == (1.4, "rotation")


def test_the_parameters_are_counted():
    assert measure_cell(MeasureOptions(**FAST)).parameters == 784 * 64 + 64 * 64 + 2 * 64 + 64 * 10 + 10
    alone = measure(lambda x: x.flatten(1), load_dataset("mnist5k"), count=30, resamples=100)
    assert alone.parameters is None


def test_the_preprocessing_is_shown_and_kept():
    notes = Notes()
    options = {"model": "timm:resnet10t", "weights": "init", "img_size": 40, "mean": "0.2", "crop_pct": 0.9}
    result = measure_cell(MeasureOptions(**{**FAST, **options}), notes)
    kept = json.loads(json.dumps(result.to_dict()))["preprocessing"]
    assert kept == {
        "size": [40, 40],
        "resize": [44, 44],
        "crop_mode": "center",
        "interpolation": "bilinear",
        "mean": [0.2],
        "std": [0.3081],
        "source": "mnist5k + options",
    }
    assert "input: 1 x 40 x 40, shorter side to 44 (bilinear), central crop, mean 0.2, std 0.3081" in notes.titles[0]
    assert measure_cell(MeasureOptions(**FAST)).preprocessing["source"] == "mnist5k"


def test_float64_is_asked_for_and_named():
    found = {name: measure_cell(MeasureOptions(**FAST, precision=name)) for name in ("float32", "float64")}
    assert {name: one.precision for name, one in found.items()} == {"float32": "float32", "float64": "float64"}
    assert found["float32"].R != found["float64"].R
    assert pytest.approx(found["float64"].R, rel=1e-4) == found["float32"].R
    assert found["float32"].key != found["float64"].key


@pytest.mark.slow
@pytest.mark.parametrize(("option", "model"), [("channels_last", "resnet18-w0.25"), ("compile", "lenet")])
def test_layout_and_compilation_change_rounding_alone(option, model):
    options = {"model": model, "images": 8, "resamples": 100}
    plain, changed = (measure_cell(MeasureOptions(**options, **{option: on})) for on in (False, True))
    np.testing.assert_allclose(changed.raw.outputs, plain.raw.outputs, rtol=1e-3, atol=1e-4)
    assert pytest.approx(plain.R, rel=1e-3) == changed.R
    assert (changed.weights_sha256, changed.network_sha256) == (plain.weights_sha256, plain.network_sha256)


def write_imagenette(root):
    """Two images of each of its ten classes, of as many gray levels."""
    synsets = "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413 n03445777 n03888257"
    for label, synset in enumerate(synsets.split()):
        folder = root / "imagenette2-160" / "val" / synset
        folder.mkdir(parents=True)
        for k in range(2):
            pixels = np.random.default_rng(100 * label + k).integers(0, 60, (40, 50, 3)) + 15 * label
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{k}.JPEG")
    return synsets.split()


def test_imagenettes_labels_are_ten_of_a_networks_thousand(tmp_path, monkeypatch):
    """A network whose largest output is the ImageNet class of `fish` for all images is right about fish alone."""
    synsets = write_imagenette(tmp_path)
    from timm.data import ImageNetInfo

    place = ImageNetInfo("imagenet-1k").label_names().index(synsets[3])
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, place, outputs=1000):\n"
        "        super().__init__()\n"
        "        self.place, self.outputs = place, outputs\n"
        "    def forward(self, x):\n"
        "        bias = torch.nn.functional.one_hot(torch.tensor(self.place), self.outputs)\n"
        "        return x.flatten(1)[:, : self.outputs] + 100 * bias\n"
    )
    monkeypatch.chdir(tmp_path)
    asked = {"model": "mine:Net", "dataset": "imagenette", "data_dir": str(tmp_path), "img_size": 32, "resamples": 100}
    asked |= {"mean": "0.5", "std": "0.25"}
    options = MeasureOptions(**asked, model_kwargs={"place": place})
    notes = Notes()
    result = measure_cell(options, notes)
    assert result.test_error.value == pytest.approx(0.9)
    assert (result.dataset, result.split, result.images) == ("imagenette", "val", 20)
    assert (result.model_source, result.weights) == ("python", "own")
    assert result.model_options == {"place": place}
    assert result.input_seen == pytest.approx(1000 / 3 / 32**2)
    assert ["never reaches its output (channels 1, 2)" in text for text in notes.texts] == [True]
    other = measure_cell(MeasureOptions(**asked, model_kwargs={"place": 3, "outputs": 77}), notes)
    assert other.test_error is None
    assert notes.texts[2:] == ["no test error: the network has 77 outputs and imagenette 10 classes"]


def test_several_outputs_are_told(tmp_path, monkeypatch):
    (tmp_path / "several.py").write_text("def make():\n    return lambda x: (x.flatten(1), x)\n")
    monkeypatch.chdir(tmp_path)
    notes = Notes()
    result = measure_cell(MeasureOptions(**{**FAST, "model": "several:make"}), notes)
    assert result.output == "tensor 1 of 2 in a tuple"
    assert "note: the network returns several outputs; f(x) is tensor 1 of 2 in a tuple" in notes.texts
    assert (result.key, result.weights_sha256) == (None, None)  # no nn.Module: nothing tells one from another


def test_the_network_of_own_code_comes_back_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "owned.py").write_text(
        "from torch import nn\n"
        "net = nn.Sequential(nn.Conv2d(1, 3, 5), nn.BatchNorm2d(3), nn.Dropout(), nn.Flatten()).train()\n"
    )
    monkeypatch.chdir(tmp_path)
    measure_cell(MeasureOptions(**{**FAST, "model": "owned:net", "weights": "init"}))
    import owned

    assert float(owned.net[1].num_batches_tracked) == 0
    assert torch.equal(owned.net[1].running_mean, torch.zeros(3))


def test_amps_error_is_a_note():
    notes = Notes()
    result = measure_cell(MeasureOptions(**FAST, amp=True), notes)
    assert result.precision == "amp-bfloat16"
    (note,) = notes.texts
    assert note.startswith("note: amp-bfloat16: on the first 30 images R_f is ")


@pytest.mark.filterwarnings("ignore:.*never reaches")  # a stride that leaves two rows and columns out
def test_dropout_is_off_whatever_batch_norm_does():
    """The same weights with and without dropout give the same numbers, at initialisation too."""

    def build(rate):
        torch.manual_seed(0)
        layers = nn.Conv2d(1, 4, 5, stride=3), nn.BatchNorm2d(4), nn.Dropout(rate), nn.Flatten(), nn.Linear(256, 10)
        return nn.Sequential(*layers)

    digits, ensemble = load_dataset("mnist5k"), MaxEntropyEnsemble(28, delta=1.0)
    with torch.random.fork_rng():
        found = [
            measure(build(rate), digits.images[:40], ensemble, batch_norm="batch", resamples=100) for rate in (0.0, 0.9)
        ]
    assert found[0].R == found[1].R
