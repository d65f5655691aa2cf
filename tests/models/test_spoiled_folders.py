"""Folders of images, weights and trainings that a stranger spoiled: read, or refused in words, within ten seconds."""

import itertools
import json
import shutil
from contextlib import suppress

import pytest
import torch
from hypothesis import given
from PIL import Image
from safetensors.torch import save_file
from support.hostile import CHANCE, RAW, cases, told_by
from support.hostile_places import guarded, spoil

from diffstab.data import load_dataset
from diffstab.models import load_model
from diffstab.options import TrainOptions
from diffstab.sweep.content import content_of
from diffstab.training import train

pytestmark = pytest.mark.slow

FOLDERS = 500
TRAINING = {"model": "fc_l2", "recipe": "laptop", "epochs": 1, "train_size": 100}
CONFIGS = [
    {"architecture": "os:system"}, {"architecture": "planted.py:make"}, {"architecture": "local-dir:../outside"},
    {"architecture": 5}, {"preprocessing": {"mean": "a"}}, {"input_size": [10**9] * 3}, {"num_classes": 10**12},
    {"input_size": []}, {"preprocessing": {"size": [10**6, 10**6]}}, {"num_classes": -1}, {"input_size": None},
]  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    for number in range(6):
        place = folder / "given" / "images" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((20, 20), 50).save(place / f"{number}.png")
    train(TrainOptions(**TRAINING), folder=folder / "given" / "net").write(folder / "given" / "net")
    save_file(load_model("fc_l2", weights="init").state_dict(), folder / "given" / "w.safetensors")
    torch.save(load_model("fc_l2", weights="init").state_dict(), folder / "given" / "w.pt")
    (folder / "outside").mkdir()
    (folder / "outside" / "file").write_text("{}")
    return folder


def images(folder):
    data = load_dataset("folder", data_dir=folder / "images")
    return [data[index][0].shape for index in range(len(data))]


USES = {
    "images": images,
    "content": lambda folder: content_of(str(folder)),
    "weights": lambda folder: load_model("fc_l2", checkpoint=folder / "w.safetensors"),
    "torch": lambda folder: load_model("fc_l2", checkpoint=folder / "w.pt"),
    "network": lambda folder: load_model(f"local-dir:{folder / 'net'}"),
    "training": lambda folder: train(TrainOptions(**{**TRAINING, "epochs": 2}), folder=folder / "net"),
}


def test_nothing_in_a_folder_runs_hangs_or_writes_outside(template, tmp_path, monkeypatch):
    numbers = itertools.count()
    monkeypatch.chdir(tmp_path)

    @cases(FOLDERS)
    @given(CHANCE)
    def one(rng):
        folder = tmp_path / str(next(numbers))
        shutil.copytree(template, folder)
        given_, outside = folder / "given", folder / "outside"
        if rng.random() < 0.4:
            config = json.loads((given_ / "net" / "config.json").read_text())
            (given_ / "net" / "config.json").write_text(json.dumps(config | rng.choice(CONFIGS)))
        for _ in range(rng.choice((0, 1, 1, 2, 4))):
            with suppress(IndexError):  # nothing is left
                spoil(rng, given_, outside)
        before = {path.name: path.read_bytes() for path in outside.iterdir()}
        named = USES.keys() - ({"training"} if (given_ / "net").is_symlink() else set())  # which the user names
        for name in rng.sample(sorted(named), 2):
            with guarded(given_):
                told = told_by(lambda name=name: USES[name](given_))
            assert not any(word in (told or "") for word in RAW), told
        assert {path.name: path.read_bytes() for path in outside.iterdir()} == before
        assert not (tmp_path / "PWNED").exists()
        shutil.rmtree(folder)

    one()
