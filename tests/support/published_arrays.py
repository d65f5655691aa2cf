"""Small data sets in the files that the makers of MNIST, CIFAR and SVHN publish."""

import gzip
import io
import pickle
import struct
import tarfile
from hashlib import md5
from typing import ClassVar

import numpy as np
import scipy.io
import torchvision.datasets

KINDS = {
    name.lower(): getattr(torchvision.datasets, name)
    for name in ("MNIST", "FashionMNIST", "CIFAR10", "CIFAR100", "SVHN")
}


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


FORMATS = {
    "mnist": mnist_files,
    "fashionmnist": mnist_files,
    "cifar10": cifar_files,
    "cifar100": cifar_files,
    "svhn": svhn_files,
}


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
