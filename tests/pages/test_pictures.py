"""Pictures of a report are what the network saw; where they can't be had, a sentence says why."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from support.reported import on_digits
from torch import nn

import diffstab.pages.pictures
from diffstab import load_dataset, measure
from diffstab.pages.pictures import NAMES, pictured, pictures_of
from diffstab.perturbations import Rotation


class Watched(nn.Module):
    """Keeps all images that it sees."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen.append(images.clone())
        return images.flatten(1)


def as_kept(result):
    """The row as a store gives it back."""
    return json.loads(json.dumps(result.to_dict()))


@pytest.mark.parametrize("options", [
    {"delta": 2.0},
    {"delta": 1.5, "cutoff": 5, "interpolation": "gaussian", "noise_radius": "per-image", "seed": 7},
    {"noise_norm": 3.0, "convention": "reference", "draws": 2},
    {"transformation": Rotation(28, delta=1.5)},
])  # fmt: skip
def test_pictures_are_what_the_network_saw(options):
    network, digits = Watched(), load_dataset("mnist5k")
    transformation = [options.pop("transformation")] if "transformation" in options else []
    row = as_kept(measure(network, digits, *transformation, count=9, batch_size=9, **options))
    told, pictures = pictured(row)
    assert "of mnist5k/test" in told
    seen, statistics = torch.cat(network.seen), digits.preprocessing
    found = [(image - statistics.mean[0]) / statistics.std[0] for image in pictures.values()]
    assert list(pictures) == list(NAMES)
    for image in found:
        assert min((seen - image).abs().amax((1, 2, 3))) < 1e-5
    assert min((one - other).abs().max() for one, other in pairwise(found)) > 0.1


def test_images_in_a_folder_are_shown_where_the_folder_is_given_and_no_row_opens_one(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for k in range(5):
        Image.fromarray(rng.integers(0, 256, (17, 11, 3), dtype=np.uint8)).save(tmp_path / f"{k}.png")
    network = Watched()
    images = load_dataset("folder", data_dir=tmp_path)
    row = as_kept(measure(network, images, delta=0.7, batch_size=5)) | {"data_dir": str(tmp_path)}
    _, pictures = pictured(row, str(tmp_path))
    mean, std = (
        torch.tensor(values).view(-1, 1, 1) for values in (images.preprocessing.mean, images.preprocessing.std)
    )
    for image in pictures.values():
        assert min((torch.cat(network.seen) - (image - mean) / std).abs().amax((1, 2, 3))) < 1e-5
    monkeypatch.setattr(diffstab.pages.pictures, "load_dataset", None)
    found = pictures_of(row)
    why = "the images of folder are not in the package, and a report opens no other folder; diffstab measure --report "
    assert found["told"].endswith(f"{why}shows them.")
    assert found["pictures"] == []


@pytest.mark.parametrize(("changed", "why"), [
    ({"data_sha256": "0"}, "others than those of mnist5k"),
    ({"transform": "my.py:Wave"}, "the transformation my.py:Wave is code of your own"),
    ({"preprocessing": {"size": [60_000, 60_000], "mean": [0.5], "std": [1.0], "source": "x"}}, "60000 pixels a side"),
    ({"preprocessing": {"size": [28, 28]}}, "the row does not tell all"),
    ({"cutoff": None}, "the row does not tell all"),
    ({"split": "none"}, "split"),
    ({"images": -1}, "-1"),
])  # fmt: skip
def test_why_there_are_none_is_told(changed, why):
    row = as_kept(replace(on_digits(10), model="x"))
    assert len(pictures_of(row)["pictures"]) == 3
    found = pictures_of(row | changed)
    assert found["pictures"] == []
    assert found["told"].startswith("No pictures of the images, deformed and with noise: ")
    assert why in found["told"]
