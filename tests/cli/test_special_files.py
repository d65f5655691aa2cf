"""Pipes, sockets and devices in place of files are told at once in one line, wherever a command would read them."""

import json
from importlib import import_module

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from support.hostile import KINDS, assert_one_line, in_time, special

from diffstab.data.files import holds_image
from diffstab.data.load import load_dataset
from diffstab.options import TrainOptions
from diffstab.training import train

MEASURE = ("measure", "--images", 5, "--resamples", 100, "--model")
NET = "local-dir:net --img-size 32 --mean 0.5 --std 0.5"
PLACES = {
    "w.pt": "lenet --checkpoint w.pt",
    "w.safetensors": "lenet --checkpoint w.safetensors",
    "net/config.json": NET,
    "net/model.safetensors": NET,
    "net/pytorch_model.bin": NET,
    "cifar-10-batches-py/data_batch_1": "lenet --weights init --dataset cifar10 --data-dir .",
    "MNIST/raw/t10k-images-idx3-ubyte": "lenet --weights init --dataset mnist --data-dir .",
    "test_32x32.mat": "lenet --weights init --dataset svhn --data-dir .",
}
COMMANDS = {
    "spec.yaml": "sweep spec.yaml --store store",
    "rows.csv": "figure fig05-error --store rows.csv -o figure",
    "image.png": "deform image.png out.png",
    "one.png": "explore one.png -o page.html",
}


@pytest.fixture(scope="module", autouse=True)
def imported():
    """What commands import takes seconds, which are not to be timed."""
    for name in ("timm", "torchvision.datasets", "scipy.io", "yaml", "matplotlib.pyplot", "diffstab.sweep"):
        import_module(name)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with a network's folder that would be whole."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "config.json").write_text(json.dumps({"architecture": "test_resnet", "num_classes": 10}))
    save_file({"a": torch.zeros(1)}, tmp_path / "net" / "model.safetensors")
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*PLACES, *COMMANDS])
def test_a_command_tells_what_stands_in_the_place_of_a_file(cli, place, name, kind):
    words = COMMANDS[name].split() if name in COMMANDS else [*MEASURE, *PLACES[name].split()]
    with special(kind, place / name):
        answer = in_time(lambda: cli(*words))
    assert answer.exit_code == 2
    assert_one_line(answer)
    assert f"is {kind}; " in answer.stderr or f"is {kind}); " in answer.stderr, answer.stderr
    assert name.rpartition("/")[2] in answer.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_trainings_checkpoint_that_is_no_file_is_told(place, kind):
    with special(kind, place / "run" / "checkpoint.pt"), pytest.raises(ValueError, match=f"is {kind}; a regular file"):
        in_time(lambda: train(TrainOptions(model="fc_l2", recipe="laptop", epochs=1), folder=place / "run"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flat", [True, False])
def test_among_images_they_are_left_out_and_counted(place, kind, flat):
    folder = place / "images" if flat else place / "images" / "class"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "b.png")
    with special(kind, folder / "a.png"), special(kind, folder / "without-ending"):
        images = in_time(lambda: load_dataset("folder", data_dir=place / "images"))
        assert len(in_time(lambda: list(images))) == 1
    assert images.notes == ("left out: 2 pipes, sockets or devices (a.png, without-ending)",)


def test_a_folder_of_them_alone_holds_no_image(place):
    with special("a pipe", place / "images" / "a.png"):
        assert not holds_image(place / "images")
        with pytest.raises(ValueError, match="no image under"):
            in_time(lambda: load_dataset("folder", data_dir=place / "images"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["wnids.txt", "val/val_annotations.txt"])
def test_lists_of_images_that_are_no_files_are_not_read(place, kind, name):
    (place / "tiny" / "val" / "images").mkdir(parents=True)
    with special(kind, place / "tiny" / name), pytest.raises(ValueError, match="tinyimagenet/val: "):
        in_time(lambda: load_dataset("tinyimagenet", data_dir=place / "tiny", split="val"))


def test_an_image_that_vanishes_before_it_is_read_is_told(place):
    (place / "images").mkdir()
    for name in "ab":
        Image.new("RGB", (8, 8)).save(place / "images" / f"{name}.png")
    images = load_dataset("folder", data_dir=place / "images")
    (place / "images" / "b.png").unlink()
    with pytest.raises(ValueError, match=r"b.png' can't be read as an image \(.*No such file.*\); remove or mend it"):
        images[1]
