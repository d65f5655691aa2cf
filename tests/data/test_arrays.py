"""MNIST, FashionMNIST, CIFAR and SVHN in the files their makers publish: every image and label, and what is refused."""

import pickle
import sys

import numpy as np
import pytest
import torch
from support.published_arrays import idx, lay, publish

from diffstab import load_dataset

INNER = {"mnist": "MNIST/raw", "fashionmnist": "FashionMNIST/raw"}
STATISTICS = {
    "mnist": ([0.1307], [0.3081]),
    "fashionmnist": ([0.2860], [0.3530]),
    "cifar10": ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
    "cifar100": ([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]),
    "svhn": ([0.4377, 0.4438, 0.4728], [0.1980, 0.2010, 0.1970]),
}


INNER |= {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}


def test_every_image_and_label(published, tmp_path, network):
    name, splits, files, _ = published
    lay(tmp_path / INNER.get(name, ""), files)
    mean, std = (np.array(values) for values in STATISTICS[name])
    for split, (pixels, labels) in splits.items():
        data = load_dataset(name, split=split, data_dir=tmp_path)
        assert (data.name, data.split, len(data)) == (name, split, len(labels))
        assert (data.classes, data.preprocessing.source) == (100 if name == "cifar100" else 10, name)
        assert data.labels.tolist() == labels.tolist()
        pixels = pixels.reshape(*pixels.shape[:3], -1)
        expected = ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)
        assert data.shape == expected.shape[1:]
        assert np.abs(data.images.numpy() - expected).max() < 1e-5  # float32 against float64
        for index, (image, label) in enumerate(data):
            assert torch.equal(image, data.images[index])
            assert label == labels[index]
    assert not network.asked


@pytest.mark.parametrize("split", ["val", "validation"])
def test_val_means_test(split, published, tmp_path):
    name, splits, files, _ = published
    lay(tmp_path / INNER.get(name, ""), files)
    data = load_dataset(name, split=split, data_dir=tmp_path)
    assert (data.split, data.labels.tolist()) == ("test", splits["test"][1].tolist())


@pytest.mark.parametrize("name", INNER)
def test_only_svhn_has_extra_images(name, tmp_path):
    with pytest.raises(ValueError, match=f"split is 'extra'; the data set {name} has train, test"):
        load_dataset(name, split="extra", data_dir=tmp_path)


@pytest.mark.parametrize("name", INNER)
def test_data_dir_may_be_the_inner_folder(name, tmp_path, monkeypatch):
    _, splits, files, _ = publish(name, monkeypatch)
    inner = lay(tmp_path / INNER[name], files)
    monkeypatch.chdir(inner)
    for data_dir in (tmp_path, inner, inner.parent, "."):
        assert load_dataset(name, data_dir=data_dir).labels.tolist() == splits["test"][1].tolist()


def test_classes_are_named_where_they_have_names(published, tmp_path):
    name, _, files, _ = published
    lay(tmp_path / INNER.get(name, ""), files)
    expected = {"mnist": "9 - nine", "fashionmnist": "Ankle boot", "cifar10": "class 9", "cifar100": "class 99"}
    names = load_dataset(name, data_dir=tmp_path).class_names
    assert (names[-1] if names else None) == expected.get(name)


def test_missing_files_are_named_and_so_is_what_lies_there_instead(published, tmp_path, network):
    name, _, files, _ = published
    lacking = next(file for file in files if "t10k" in file or "test" in file)
    first = {"svhn": lacking}.get(name, f"{INNER.get(name)}/{lacking if 'mnist' in name else next(iter(files))}")
    for folder, found in ((tmp_path / "none", "no such folder"), (tmp_path, "an empty folder")):
        with pytest.raises(ValueError, match=rf"looked for {first}.* in '{folder}' \({found}\); .*use --download"):
            load_dataset(name, data_dir=folder)
    lay(tmp_path, {"a.txt": b"", "b": b"", "c": b"", "d": b""})
    with pytest.raises(ValueError, match=r"looked for .* \(which holds a.txt, b, c and 1 more\)"):
        load_dataset(name, data_dir=tmp_path)
    with pytest.raises(ValueError, match=r"looked for .* in .*a.txt' \(a file\)"):
        load_dataset(name, data_dir=tmp_path / "a.txt")
    some = lay(tmp_path / "some" / INNER.get(name, ""), {file: b"" for file in files if file != lacking})
    with pytest.raises(ValueError, match=rf"looked for .*{lacking}.* in '{some}' \(which holds "):
        load_dataset(name, data_dir=tmp_path / "some")
    assert not network.asked
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.txt", "b", "c", "d", "some"}


class Intruder:
    """A pickle that makes a folder when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_pickles_with_another_checksum_are_never_opened(name, tmp_path, monkeypatch):
    _, _, files, _ = publish(name, monkeypatch)
    for damaged in files:
        inner = lay(tmp_path / INNER[name], {**files, damaged: pickle.dumps(Intruder(tmp_path / "made"))})
        with pytest.raises(ValueError, match=f"{damaged} in '{inner}' differs from the published file.*use --download"):
            load_dataset(name, data_dir=tmp_path)
        assert not (tmp_path / "made").exists()


def test_damaged_files_are_refused(published, tmp_path):
    name, _, files, _ = published
    for damaged, content in files.items():
        split = "train" if "train" in damaged else "extra" if "extra" in damaged else "test"
        for spoilt in (b"", content[:-20], content[:3]):
            lay(tmp_path / INNER.get(name, ""), {**files, damaged: spoilt})
            with pytest.raises(
                ValueError, match=f"{name}/{split}: .* (differs from the published|are damaged|is damaged)"
            ) as error:
                load_dataset(name, split=split, data_dir=tmp_path)
            assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        ((3, 28, 28), [0, 10, 1], "mnist/test: image 1 has label 10; there are 10 classes, so labels are 0 to 9"),
        ((3, 28, 28), [0, 1], "mnist/test has 3 images and 2 labels"),
        ((3, 28, 27), [0, 1, 2], "images of 28 x 27 pixels; mnist's are 28 x 28"),
        ((3, 28), [0, 1, 2], "is damaged .it begins with 00000802, not 00000803.; get the published file"),
    ],
)
def test_contents_that_cannot_be_are_refused(pixels, labels, message, tmp_path, monkeypatch):
    _, _, files, _ = publish("mnist", monkeypatch)
    files["t10k-images-idx3-ubyte"] = idx(np.zeros(pixels))
    files["t10k-labels-idx1-ubyte"] = idx(np.array(labels))
    lay(tmp_path / "MNIST" / "raw", files)
    with pytest.raises(ValueError, match=message):
        load_dataset("mnist", data_dir=tmp_path)


def test_svhn_tells_which_package_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ValueError, match=r"svhn needs the package scipy: pip install 'diffstab\[svhn\]'"):
        load_dataset("svhn", data_dir=tmp_path)
