"""Data sets of small images that torchvision reads: MNIST, FashionMNIST, CIFAR-10, CIFAR-100 and SVHN."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks import reason, some
from ..options import split_of
from ..reading import is_regular, kind_of
from .idx import read_split
from .layout import found_in, read_or_fetch, root_of
from .preprocessing import Preprocessing
from .raw import ArrayImages


class Known(NamedTuple):
    """A data set that torchvision reads: its class there, and mean and standard deviation of all pixels."""

    kind: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: int = 10


# 28 x 28 pixels in gray or 32 x 32 in colour; the numbers of train, test and SVHN's extra images
KNOWN = {
    "mnist": Known("MNIST", (0.1307,), (0.3081,)),  # handwritten digits: 60,000 and 10,000
    "fashionmnist": Known("FashionMNIST", (0.2860,), (0.3530,)),  # clothes: 60,000 and 10,000
    "cifar10": Known("CIFAR10", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),  # objects: 50,000 and 10,000
    "cifar100": Known("CIFAR100", (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), 100),  # objects, fine labels
    "svhn": Known("SVHN", (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),  # digits: 73,257, 26,032 and 531,131
}
SIDES = {1: (28, 28), 3: (32, 32)}  # height and width of the images, by their number of channels


class Files(NamedTuple):
    """Files that torchvision reads, with their md5, under the folder `inner`; and the archives that contain them."""

    inner: str
    checksums: dict[str, str | None]
    archives: tuple[str, ...] = ()


def preprocessing_of(name: str) -> Preprocessing:
    """Preprocessing for networks trained on one of these data sets: no resizing, mean and deviation of all pixels."""
    known = KNOWN[name]
    return Preprocessing(size=SIDES[len(known.mean)], mean=known.mean, std=known.std, source=name)


def idx(name: str, split: str, data_dir: Path, download: bool) -> ArrayImages:
    """Reads MNIST's or FashionMNIST's files from torchvision's folder or `data_dir`; torchvision downloads them."""
    split, kind = split_of(name, split, ("train", "test")), _kind(name)
    title, inner = f"{name}/{split}", f"{kind.__name__}/raw"
    root = root_of(data_dir, inner)

    def read() -> list[NDArray[np.uint8]]:
        try:
            return read_split(name, split, (root / inner, data_dir), inner)
        except ValueError as error:
            raise ValueError(f"{title}: {error}, or use --download") from error

    fetch = (lambda folder: kind(folder, download=True)) if download else None
    pixels, labels = read_or_fetch(name, root, read, fetch, [f"{inner}/{file}" for file, _ in kind.resources])
    return _images(name, split, pixels, labels, kind.classes)


def cifar(name: str, split: str, data_dir: Path, download: bool) -> ArrayImages:
    """Reads CIFAR's Python files."""
    split, kind = split_of(name, split, ("train", "test")), _kind(name)
    checksums = dict([*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])])
    files = Files(kind.base_folder, checksums, (kind.filename,))

    def make(root: Path, fetch: bool) -> Any:
        return kind(root, train=split == "train", download=fetch)

    data = _read(f"{name}/{split}", files, make, data_dir, download)
    return _images(name, split, data.data, data.targets, data.classes)


def svhn(name: str, split: str, data_dir: Path, download: bool) -> ArrayImages:
    """Reads SVHN's Matlab files, which needs scipy."""
    split, kind = split_of(name, split, ("train", "test", "extra")), _kind(name)
    try:
        import_module("scipy.io")
    except ImportError as error:
        raise ValueError("the data set svhn needs the package scipy: pip install 'diffstab[svhn]'") from error
    _, file, checksum = kind.split_list[split]

    def make(root: Path, fetch: bool) -> Any:
        return kind(root, split=split, download=fetch)

    data = _read(f"{name}/{split}", Files("", {file: checksum}), make, data_dir, download)
    return _images(name, split, data.data.transpose(0, 2, 3, 1), data.labels)


def _kind(name: str) -> Any:
    return getattr(import_module("torchvision.datasets"), KNOWN[name].kind)


def _read(title: str, files: Files, make: Callable[[Path, bool], Any], data_dir: Path, download: bool) -> Any:
    """Builds torchvision's data set by `make(root, download)`. Raises ValueError for missing or damaged files."""
    root = root_of(data_dir, files.inner)

    def read() -> Any:
        try:
            return make(root, False)
        except Exception as error:  # missing files, or errors of pickle, zlib, numpy and others for damaged ones
            raise ValueError(f"{title}: {_fault(files, root, error)}, or use --download") from error

    fetch = (lambda folder: make(folder, True)) if download else None
    return read_or_fetch(title.partition("/")[0], root, read, fetch, files.archives)


def _fault(files: Files, root: Path, error: Exception) -> str:
    from torchvision.datasets.utils import check_integrity

    folder = root / files.inner
    special = [file for file in files.checksums if (folder / file).exists() and not is_regular(folder / file)]
    if special:
        return f"{special[0]} in {str(folder)!r} is {kind_of(folder / special[0])}; get the published file"
    missing = [file for file in files.checksums if not (folder / file).is_file()]
    if missing:
        place = folder if folder.is_dir() else root
        wanted = (Path(files.inner) / missing[0]).as_posix()
        return f"looked for {some([wanted, *missing[1:]])} in {found_in(place)}; name the folder that holds them"
    damaged = [file for file, checksum in files.checksums.items() if not check_integrity(folder / file, checksum)]
    if damaged:
        return f"{some(damaged)} in {str(folder)!r} differs from the published file; get the complete file"
    return f"the files in {str(folder)!r} are damaged ({reason(error)}); get the complete files"


def _images(name: str, split: str, pixels: NDArray[np.uint8], labels: Any, names: Sequence[str] = ()) -> ArrayImages:
    usual = preprocessing_of(name)
    if pixels.shape[1:3] != usual.size:
        sides = " x ".join(map(str, pixels.shape[1:3]))
        raise ValueError(f"{name}/{split} has images of {sides} pixels; {name}'s are {usual.size[0]} x {usual.size[1]}")
    return ArrayImages(name, split, labels, KNOWN[name].classes, usual, names, pixels=pixels)
