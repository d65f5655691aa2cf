"""ImageNet and parts of it, as image files. Classes are WordNet's synsets (n01440764), numbered in sorted order."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..checks import some
from ..options import split_of
from ..reading import LARGEST_TEXT, read_bytes
from .files import LeftOut, image_files
from .folder import photograph_preprocessing
from .layout import found_in, read_or_fetch, root_of
from .preprocessing import Preprocessing
from .raw import FileImages
from .splits import split_folder

SYNSET = re.compile(r"n\d{8}")
SPLITS = ("train", "val")
TINY_INNER = "tiny-imagenet-200"
TINY_URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
TINY_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
TINY_STATISTICS = ((0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821))  # mean and standard deviation of all pixels
KAGGLE_INNER = ("ILSVRC/Data/CLS-LOC", "Data/CLS-LOC", "CLS-LOC")
KAGGLE_LABELS = "LOC_val_solution.csv"
IMAGENETTE_INNER = ("imagenette2", "imagenette2-320", "imagenette2-160")
IMAGENETTE = (
    "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413 n03445777 n03888257".split()
)


class Named(NamedTuple):
    """One line of an annotation file: line number, image file name and class (synset)."""

    line: int
    image: str
    synset: str


def tinyimagenet(split: str, data_dir: Path, download: bool) -> FileImages:
    """200 classes, 64 x 64 pixels: 100,000 train and 10,000 val images. The test split has no labels and isn't read."""
    split = split_of("tinyimagenet", split, SPLITS)
    root = root_of(data_dir, TINY_INNER)

    def read() -> FileImages:
        return _tiny_files(split, [root / TINY_INNER, root])

    def fetch(folder: Path) -> None:
        from torchvision.datasets.utils import download_and_extract_archive

        download_and_extract_archive(TINY_URL, folder, md5=TINY_MD5)

    return read_or_fetch("tinyimagenet", root, read, fetch if download else None, (TINY_URL.rpartition("/")[2],))


def _tiny_files(split: str, bases: list[Path]) -> FileImages:
    title, way_out = f"tinyimagenet/{split}", f"name the folder that holds {TINY_INNER}, or use --download"
    folder = _split_folder(title, split, bases, way_out)
    synsets, annotations = folder.parent / "wnids.txt", folder / "val_annotations.txt"
    told = None
    if synsets.is_file():
        told = sorted(set(_text(synsets).split()))
        _check_classes(title, synsets, told, 200, way_out)
    if split == "train" or not annotations.is_file():
        return _by_folder(title, folder, 200, way_out, told)
    if told is None:
        raise ValueError(f"{title}: looked for wnids.txt, the names of the classes, in {found_in(folder.parent)}")
    named = []
    for line, text in enumerate(_text(annotations).splitlines(), start=1):
        image, _, rest = text.partition("\t")  # then the synset and the four sides of a box
        named.append(Named(line, image, rest.partition("\t")[0]))
    return _by_annotation(title, folder / "images", annotations, named, told)


def _text(path: Path) -> str:
    """Reads a list of images or classes. Raises ValueError if the file can't be read."""
    try:
        return read_bytes(path, most=LARGEST_TEXT).decode("utf-8", "replace")
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be read ({error.strerror})") from error


def imagenet(split: str, data_dir: Path, download: bool) -> FileImages:
    """ILSVRC 2012, 1000 classes: 1,281,167 train and 50,000 val images, in class folders or as Kaggle has them."""
    split = split_of("imagenet", split, SPLITS)
    title, way_out = f"imagenet/{split}", "name the folder that holds train and val"
    if download:
        raise ValueError("ImageNet can't be fetched by a program: get it from image-net.org, and leave --download out")
    folder = _split_folder(title, split, [*(data_dir / inner for inner in KAGGLE_INNER), data_dir], way_out)
    if split == "val" and not _class_folders(folder) and image_files(folder, recursive=False):
        return _kaggle_val(title, folder, data_dir)
    return _by_folder(title, folder, 1000, way_out)


def _kaggle_val(title: str, folder: Path, data_dir: Path) -> FileImages:
    """Reads Kaggle's flat folder. Labels are in a file beside it or in the folder where the archive was unpacked."""
    places = [data_dir, *folder.absolute().parents[:4]]  # the archive holds ILSVRC/Data/CLS-LOC/val
    solution = next((place / KAGGLE_LABELS for place in places if (place / KAGGLE_LABELS).is_file()), None)
    if solution is None:
        raise ValueError(
            f"{title}: {str(folder)!r} holds images that are in no class folders; "
            f"sort them into folders such as n01440764, or put Kaggle's {KAGGLE_LABELS} into {str(data_dir)!r}"
        )
    rows = csv.reader(_text(solution).splitlines(keepends=True))
    next(rows, None)  # ImageId,PredictionString
    named = [Named(rows.line_num, f"{row[0]}.JPEG", "".join(row[1:]).partition(" ")[0]) for row in rows if row]
    train = folder.parent / "train"
    classes = (_class_folders(train) if train.is_dir() else []) or sorted({entry.synset for entry in named})
    _check_classes(title, train if train.is_dir() else solution, classes, 1000, "get the complete data set")
    return _by_annotation(title, folder, solution, named, classes)


def imagenette(split: str, data_dir: Path, download: bool) -> FileImages:
    """Ten classes of ImageNet that are easily told apart: 9,469 train and 3,925 val images."""
    split = split_of("imagenette", split, SPLITS)
    title, way_out = f"imagenette/{split}", f"name the folder that holds {IMAGENETTE_INNER[0]}, or use --download"
    root = root_of(data_dir, IMAGENETTE_INNER[0])

    def read() -> FileImages:
        folder = _split_folder(title, split, [*(data_dir / inner for inner in IMAGENETTE_INNER), data_dir], way_out)
        return _by_folder(title, folder, len(IMAGENETTE), way_out, IMAGENETTE)

    def fetch(folder: Path) -> None:
        from torchvision.datasets import Imagenette

        Imagenette(folder, split, size="full", download=True)

    return read_or_fetch("imagenette", root, read, fetch if download else None, (f"{IMAGENETTE_INNER[0]}.tgz",))


def _split_folder(title: str, split: str, bases: list[Path], way_out: str) -> Path:
    """Folder of the split in the first of `bases` that has one, under any of the split's names."""
    for base in bases:
        found = split_folder(base, split) if base.is_dir() else None
        if found is not None:
            return found
    place = next((base for base in bases if base.is_dir()), bases[-1])
    raise ValueError(f"{title}: looked for a folder {split!r} in {found_in(place)}; {way_out}")


def _class_folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if SYNSET.fullmatch(entry.name) and entry.is_dir())


def _check_classes(title: str, place: Path, found: list[str], count: int, way_out: str) -> None:
    if len(found) != count:
        raise ValueError(
            f"{title}: {found_in(place)} has {len(found)} classes; there are {count}, such as n01440764; {way_out}"
        )


def _by_folder(title: str, folder: Path, count: int, way_out: str, expected: list[str] | None = None) -> FileImages:
    """Lists the images in class folders, sorted by class and file name."""
    classes = _class_folders(folder)
    _check_classes(title, folder, classes, count, way_out)
    if expected is not None and classes != expected:
        strange, lacking = sorted(set(classes) - set(expected)), sorted(set(expected) - set(classes))
        raise ValueError(
            f"{title}: {str(folder)!r} has class folders of another data set ({some(strange)}), and not {some(lacking)}"
        )
    files: list[Path] = []
    labels: list[int] = []
    left = LeftOut()
    for label, name in enumerate(classes):
        images = image_files(folder / name, left=left)
        if not images:
            raise ValueError(f"{title}: the class folder {str(folder / name)!r} holds no image; {way_out}")
        files += images
        labels += [label] * len(images)
    return _listed(title, files, labels, classes, folder, left)


def _by_annotation(title: str, folder: Path, told_by: Path, named: list[Named], classes: list[str]) -> FileImages:
    """Lists the images of a flat folder with annotations, sorted by class and file name."""
    if not folder.is_dir():
        raise ValueError(f"{title}: looked for the images that {told_by.name} names in {found_in(folder)}")
    left = LeftOut()
    there = {path.name: path for path in image_files(folder, left=left)}
    label_of = {synset: label for label, synset in enumerate(classes)}
    labels: dict[str, int] = {}
    for line, image, synset in named:
        if synset not in label_of:
            raise ValueError(f"{title}: line {line} of {str(told_by)!r} names {synset!r}, which is no class here")
        if image not in there:
            raise ValueError(
                f"{title}: line {line} of {str(told_by)!r} names {image!r}, which is not in {str(folder)!r}"
            )
        labels[image] = label_of[synset]
    without = sorted(there.keys() - labels.keys())
    if without:
        raise ValueError(
            f"{title}: {str(told_by)!r} gives no label to {some(without)} in {str(folder)!r}; get the complete file"
        )
    order = sorted(labels, key=lambda image: (labels[image], image))
    files, own = [there[image] for image in order], [labels[image] for image in order]
    return _listed(title, files, own, classes, folder, left)


def _listed(
    title: str, files: list[Path], labels: list[int], classes: list[str], place: Path, left: LeftOut
) -> FileImages:
    """Makes a published data set from its files; `title` is its name and split."""
    name, _, split = title.partition("/")
    usual = photograph_preprocessing(name)
    if name == "tinyimagenet":
        mean, std = TINY_STATISTICS
        usual = Preprocessing(size=(64, 64), mean=mean, std=std, source=name)
    notes = tuple(left.notes(published=True))
    return FileImages(
        name, split, np.array(labels), len(classes), usual, classes, notes=notes, files=files, place=place
    )
