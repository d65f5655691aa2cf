"""MNIST, FashionMNIST, CIFAR and SVHN: read from small files in the makers' own formats."""

import gzip
import io
import pickle
import struct
import sys
import tarfile
import urllib.request
from hashlib import md5
from typing import ClassVar

import numpy as np
import pytest
import scipy.io
import torch
import torchvision.datasets
from fake_network import Network

from diffstab import load_dataset

KINDS = {
    name.lower(): getattr(torchvision.datasets, name)
    for name in ("MNIST", "FashionMNIST", "CIFAR10", "CIFAR100", "SVHN")
}
INNER = {"mnist": "MNIST/raw", "fashionmnist": "FashionMNIST/raw"}
INNER |= {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
STATISTICS = {
    "mnist": ([0.1307], [0.3081]),
    "fashionmnist": ([0.2860], [0.3530]),
    "cifar10": ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
    "cifar100": ([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]),
    "svhn": ([0.4377, 0.4438, 0.4728], [0.1980, 0.2010, 0.1970]),
}


@pytest.fixture(autouse=True)
def network(monkeypatch):
    network = Network()
    monkeypatch.setattr(urllib.request, "urlopen", network)
    return network


def draw(seed, count, *shape, classes=10):
    """Pixels, and labels among which are the first and the last class."""
    random = np.random.default_rng(seed)
    labels = random.permutation([0, classes - 1, *random.integers(0, classes, count - 2)])
    return random.integers(0, 256, (count, *shape), dtype=np.uint8), labels


def idx(array):
    """The format of yann.lecun.com: magic number, sizes as big-endian int32, then the bytes."""
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


class Python2Pickler(pickle._Pickler):
    """Writes texts and bytes alike as the strings of Python 2, which made CIFAR's files."""

    def save_string(self, text):
        content = text.encode("latin1") if isinstance(text, str) else text
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(text)

    dispatch: ClassVar = {**pickle._Pickler.dispatch, str: save_string, bytes: save_string}


def python2_pickle(thing):
    stream = io.BytesIO()
    Python2Pickler(stream, 2).dump(thing)
    return stream.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def mnist_files(kind):
    splits = {"train": draw(1, 7, 28, 28), "test": draw(2, 5, 28, 28)}
    files = {}
    for split, start in (("train", "train"), ("test", "t10k")):
        files[f"{start}-images-idx3-ubyte"], files[f"{start}-labels-idx1-ubyte"] = map(idx, splits[split])
    packed = {f"{name}.gz": gzip.compress(content) for name, content in files.items()}
    lists = {"resources": [(name, md5(content).hexdigest()) for name, content in packed.items()]}
    return splits, files, packed, lists


def cifar_files(kind):
    classes, key = (10, "labels") if kind.__name__ == "CIFAR10" else (100, "fine_labels")
    train, test = draw(3, 10, 32, 32, 3, classes=classes), draw(4, 6, 32, 32, 3, classes=classes)
    batches = [name for name, _ in kind.train_list]
    parts = dict(zip(batches, zip(*(np.split(values, len(batches)) for values in train), strict=True), strict=True))
    files = {}
    for name, (pixels, labels) in {**parts, kind.test_list[0][0]: test}.items():
        rows = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).reshape(len(pixels), 3072)  # red, green, blue planes
        files[name] = python2_pickle({"batch_label": name, key: labels.tolist(), "data": rows, "filenames": []})
    names = [f"class {k}" for k in range(classes)]
    files[kind.meta["filename"]] = python2_pickle({kind.meta["key"]: names, "num_vis": 3072})
    checksums = {name: md5(content).hexdigest() for name, content in files.items()}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{kind.base_folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    archive = stream.getvalue()
    lists = {
        "train_list": [[name, checksums[name]] for name in batches],
        "test_list": [[kind.test_list[0][0], checksums[kind.test_list[0][0]]]],
        "meta": {**kind.meta, "md5": checksums[kind.meta["filename"]]},
        "tgz_md5": md5(archive).hexdigest(),
    }
    return {"train": train, "test": test}, files, {kind.filename: archive}, lists


def svhn_files(kind):
    splits = {"train": draw(5, 6, 32, 32, 3), "test": draw(6, 4, 32, 32, 3), "extra": draw(7, 3, 32, 32, 3)}
    files = {}
    for split, (pixels, labels) in splits.items():
        stream = io.BytesIO()
        one_to_ten = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
        scipy.io.savemat(stream, {"X": pixels.transpose(1, 2, 3, 0), "y": one_to_ten})
        files[f"{split}_32x32.mat"] = stream.getvalue()
    lists = {
        "split_list": {
            split: [f"http://nowhere/{split}_32x32.mat", f"{split}_32x32.mat", md5(content).hexdigest()]
            for split, content in zip(splits, files.values(), strict=True)
        }
    }
    return splits, files, files, lists


FORMATS = {"mnist": mnist_files, "fashionmnist": mnist_files, "cifar10": cifar_files}
FORMATS |= {"cifar100": cifar_files, "svhn": svhn_files}


@pytest.fixture(params=FORMATS)
def published(request, monkeypatch):
    """Of each data set: its name, what is in each split, its files, and what is fetched; with true checksums."""
    return publish(request.param, monkeypatch)


def publish(name, monkeypatch):
    splits, files, archives, lists = FORMATS[name](KINDS[name])
    for attribute, value in lists.items():
        monkeypatch.setattr(KINDS[name], attribute, value)
    return name, splits, files, archives


def lay(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


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
    first = {"svhn": "test_32x32.mat"}.get(name, f"{INNER.get(name)}/{next(iter(files))}")
    for folder, found in ((tmp_path / "none", "no such folder"), (tmp_path, "an empty folder")):
        with pytest.raises(ValueError, match=rf"looked for {first}.* in '{folder}' \({found}\); .*use --download"):
            load_dataset(name, data_dir=folder)
    lay(tmp_path, {"a.txt": b"", "b": b"", "c": b"", "d": b""})
    with pytest.raises(ValueError, match=r"looked for .* \(which holds a.txt, b, c and 1 more\)"):
        load_dataset(name, data_dir=tmp_path)
    with pytest.raises(ValueError, match=r"looked for .* in .*a.txt' \(a file\)"):
        load_dataset(name, data_dir=tmp_path / "a.txt")
    lacking = next(file for file in files if "t10k" in file or "test" in file)
    some = lay(tmp_path / "some" / INNER.get(name, ""), {file: b"" for file in files if file != lacking})
    with pytest.raises(ValueError, match=rf"looked for .*{lacking} in '{some}' \(which holds "):
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
                ValueError, match=f"{name}/{split}: .* (differs from the published|are damaged)"
            ) as error:
                load_dataset(name, split=split, data_dir=tmp_path)
            assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        ((3, 28, 28), [0, 10, 1], "mnist/test: image 1 has label 10; there are 10 classes, so labels are 0 to 9"),
        ((3, 28, 28), [0, 1], "mnist/test has 3 images and 2 labels"),
        ((3, 28, 27), [0, 1, 2], "images of 28 x 27 pixels; mnist's are 28 x 28"),
        ((3, 28), [0, 1, 2], "are damaged"),
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


def test_download_fetches_what_is_not_there_once(published, tmp_path, network, capsys):
    name, splits, _, archives = published
    network.files = archives
    for split, (_, labels) in splits.items():
        data = load_dataset(name, split=split, data_dir=tmp_path / "new" / "folder", download=True)
        assert data.labels.tolist() == labels.tolist()
    asked = len(network.asked)
    assert asked >= len(archives)
    for split in splits:
        load_dataset(name, split=split, data_dir=tmp_path / "new" / "folder", download=True)
    assert len(network.asked) == asked
    kept = {path.name for path in (tmp_path / "new" / "folder").rglob("*") if path.is_file()}
    assert kept == set(published[2])  # no archives
    assert capsys.readouterr().out == ""


def test_a_download_that_fails_says_so_in_a_line_and_leaves_nothing(published, tmp_path, network, capsys):
    name, _, _, archives = published
    for name_of_last in archives:  # all others come
        network.files = {
            other: content for other, content in archives.items() if other != name_of_last and name != "svhn"
        }
        with pytest.raises(
            ValueError, match=rf"{name} could not be fetched into '{tmp_path}' \(.*no route to host"
        ) as error:
            load_dataset(name, data_dir=tmp_path, download=True)
        assert "\n" not in str(error.value)
        assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_a_broken_archive_is_refused_and_leaves_nothing(published, tmp_path, network):
    name, _, _, archives = published
    network.files = {file: content[:-9] for file, content in archives.items()}
    with pytest.raises(ValueError, match=f"{name} could not be fetched .*File not found or corrupted"):
        load_dataset(name, data_dir=tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_fetched_again_and_others_stay(published, tmp_path, network):
    name, splits, files, archives = published
    network.files = archives
    inner = lay(tmp_path / INNER.get(name, ""), {**files, "notes.txt": b"mine"})
    for file in files:
        (inner / file).write_bytes(b"damaged")
    assert load_dataset(name, data_dir=tmp_path, download=True).labels.tolist() == splits["test"][1].tolist()
    assert (inner / "notes.txt").read_bytes() == b"mine"


@pytest.mark.parametrize("name", INNER)
def test_archives_that_are_there_are_unpacked_without_a_network(name, tmp_path, monkeypatch, network):
    _, splits, _, archives = publish(name, monkeypatch)
    lay(tmp_path / INNER[name] if "mnist" in name else tmp_path, archives)
    with pytest.raises(ValueError, match=rf"which holds .*{next(iter(sorted(archives)))}.*use --download"):
        load_dataset(name, data_dir=tmp_path)
    assert load_dataset(name, data_dir=tmp_path, download=True).labels.tolist() == splits["test"][1].tolist()
    assert not network.asked
