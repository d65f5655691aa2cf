"""Data sets of the library `datasets`: tables with a column of images and, perhaps, one of class labels.

They are read from the hub's cache on this machine, from a folder that the library saved, or from a folder of parquet,
arrow or image files. No script runs, and images are decoded one by one.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..checks import reason, some
from ..options import DEFAULT_SPLIT, TableName, split_of, split_words
from ..reading import open_regular
from .files import decoded, says_turned
from .folder import usual_of
from .hub import hub_offline, hub_url, reachable
from .layout import found_in
from .raw import UNLABELLED, RawImages, told_contents

BUILDERS = ("parquet", "arrow", "imagefolder")  # those of the library that run no code of a file
KEPT = "cache"  # the builder of what the library has kept on this machine
SAVED = ("state.json", "dataset_dict.json")  # files of `save_to_disk`
LABELS = ("label", "labels")  # names by which a column of labels comes first
LOOKED_AT = 50  # images that decide whether all are gray
GRAY = ("1", "L", "LA")


@dataclass(eq=False, repr=False)
class TableImages(RawImages):
    """Images in the cells of a table, as bytes or as paths of files."""

    cells: Any = field(kw_only=True)  # a column of the library, which reads one cell at a time

    def open(self, index: int) -> Image.Image:
        """Decodes the image of one cell."""
        return decoded(partial(_opened, self.cells[index], self.title(index)), self.title(index))

    def turned(self, index: int) -> bool:
        """True if the EXIF orientation says to rotate or mirror the image."""
        return says_turned(partial(_opened, self.cells[index], self.title(index)))


def _opened(cell: Any, title: str) -> BinaryIO:
    if not isinstance(cell, Mapping) or (cell.get("bytes") is None and not cell.get("path")):
        raise ValueError(f"{title} is missing")
    return open_regular(cell["path"]) if cell.get("bytes") is None else io.BytesIO(cell["bytes"])


def table_images(name: TableName, split: str, download: bool) -> TableImages:
    """Reads one split of a data set.

    Args:
        name: Place of the data set, with choices of configuration, split and columns.
        split: Split that was asked for; it means a split of any usual name, such as `validation`.
        download: True to download a data set of the hub that is not on this machine.

    Raises:
        ValueError: If the library is missing; if the data set can't be found, read or reached; if it has no such split;
            or if the columns of images or labels are missing or ambiguous.
    """
    if find_spec("datasets") is None:
        raise ValueError(f"the data set {str(name)!r} needs the package datasets: pip install 'diffstab[datasets]'")
    if download and _is_folder(name):
        raise ValueError("download is asked for, but the data set is in your folder; leave it out")
    with _quiet():
        tables = _tables(name, download)
    table, own, notes = _chosen(name, tables, split)
    image, label = _columns(name, table.features)
    labels, classes, class_names, note = _labels(name, table, label)
    from datasets import Image as Pictures

    cells = table.select_columns([image]).cast_column(image, Pictures(decode=False))[image]
    if not len(cells):
        raise ValueError(f"{name} has no image in this split; choose another one")
    made = TableImages(
        str(name),
        own,
        labels,
        classes,
        usual_of(str(name), (1, 1)),
        class_names,
        notes=(*notes, *note),
        cells=cells,
    )
    return _described(made, name)


def _described(made: TableImages, name: TableName) -> TableImages:
    """Fills in the contents, and the preprocessing by the size and mode of images."""
    usual = usual_of(made.name, made.open(0).size)
    places = np.linspace(0, len(made) - 1, min(LOOKED_AT, len(made))).astype(int).tolist()
    gray = all(made.open(index).mode in GRAY for index in places)
    return replace(made, usual=usual.with_channels(1) if gray else usual, contents=told_contents(name.place, made))


def _is_folder(name: TableName) -> bool:
    return Path(name.place).expanduser().is_dir()


def _tables(name: TableName, download: bool) -> Any:
    """Loads every split: a `DatasetDict`, or a `Dataset` that has none."""
    if not _is_folder(name):
        return _of_hub(name, download)
    import datasets

    folder = Path(name.place).expanduser()
    cache = Path(datasets.config.HF_DATASETS_CACHE, "diffstab", _stamp(folder))
    try:
        with hub_offline(True), _never_online():
            if any((folder / file).exists() for file in SAVED):
                return datasets.load_from_disk(str(folder))
            return _built(name, str(folder), cache_dir=str(cache))
    except Exception as error:  # the library raises errors of many kinds
        raise ValueError(
            f"the data set {str(name)!r} can't be read ({reason(error):.200}) from {found_in(folder)}; a folder of "
            "save_to_disk, of parquet or arrow files, or of images is needed"
        ) from error


def _of_hub(name: TableName, download: bool) -> Any:
    place, _, revision = name.place.partition("@")
    try:
        if revision:
            raise ValueError("the cache does not tell its revisions apart")
        with hub_offline(True), _never_online():
            return _built(name, place)
    except Exception as error:  # not on this machine, or of a kind that is refused
        if not download:
            raise ValueError(
                f"the data set {str(name)!r} is neither a folder nor on this machine ({reason(error):.200}); "
                "use --download where the hub can be reached"
            ) from error
    if not reachable(hub_url()):
        raise ValueError(
            f"the data set {str(name)!r} is not on this machine and {hub_url()} can't be reached; run once with an "
            "internet connection, which caches it"
        )
    try:
        return _built(name, place, revision=revision or None)
    except Exception as error:
        raise ValueError(
            f"{name} could not be fetched ({reason(error):.200}); run where the hub can be reached, and check the name"
        ) from error


def _built(name: TableName, place: str, **more: Any) -> Any:
    """Loads by the library's own builder. Raises ValueError if that could run code, or reads files elsewhere."""
    import datasets

    builder = datasets.load_dataset_builder(place, name.config, **more)
    if builder.name not in (*BUILDERS, KEPT):
        raise ValueError(f"its files are of the kind {builder.name}; {', '.join(BUILDERS)} are allowed")
    files = [str(file) for files in (builder.config.data_files or {}).values() for file in files]
    outside = [file for file in files if not Path(file).resolve().is_relative_to(Path(place).resolve())]
    if _is_folder(name) and outside:
        raise ValueError(f"it names files elsewhere: {some(outside)}")
    builder.download_and_prepare()
    return builder.as_dataset()


def _stamp(folder: Path) -> str:
    """Returns a hash of sizes and times of a folder's files, by which the library's cache tells contents apart.

    The library looks at the time of modification alone, which copies of other files may share.

    Raises:
        ValueError: If there is a pipe, socket or device.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            digest.update(f"{path.relative_to(folder).as_posix()} {stamp}\n".encode())
        elif path.exists() and not path.is_dir():
            raise ValueError(f"{str(path)!r} is no regular file; remove it from the data set")
    return digest.hexdigest()[:16]


def _chosen(name: TableName, tables: Any, split: str) -> tuple[Any, str | None, tuple[str, ...]]:
    """Returns the table of the split, the split's name here (None if it has none), and notes."""
    if not isinstance(tables, Mapping):
        if name.split is not None or split != DEFAULT_SPLIT:
            asked = split if name.split is None else name.split
            raise ValueError(f"split is {asked!r}; {name} has no splits, so leave it out")
        return tables, None, ()
    there = list(tables)
    if name.split is not None:
        if name.split not in tables:
            raise ValueError(f"{name} has no split {name.split!r}; there are {some(there, 10)}: name one")
        return tables[name.split], None, ()
    words = split_words(there)
    known = [word for word in words if word]
    if not known or len(set(known)) < len(known):
        raise ValueError(f"{name} has the splits {some(there, 10)}; name one, as in {name},split={there[0]}")
    found = split_of(str(name), split, tuple(known))
    notes = () if found == split else (f"there is no split {split}; {found} is used instead",)
    return tables[there[words.index(found)]], found, notes


def _columns(name: TableName, features: Mapping[str, Any]) -> tuple[str, str | None]:
    """Returns the columns of images and of labels, the second None if there is none."""
    from datasets import ClassLabel, Value
    from datasets import Image as Pictures

    for part in ("image", "label"):
        column = getattr(name, part)
        if column is not None and column not in features:
            raise ValueError(f"{name} has no column {column!r}; there are {some(features, 10)}: name one")
    pictures = [column for column, kind in features.items() if isinstance(kind, Pictures)]
    if name.image is not None and name.image not in pictures:
        raise ValueError(f"the column {name.image!r} of {name} holds no images; leave it out, or name another")
    if not pictures:
        raise ValueError(f"{name} has the columns {some(features, 10)}; one of the library's kind Image is needed")
    if name.image is None and len(pictures) > 1:
        raise ValueError(
            f"{name} has several columns of images, {some(pictures)}; name one, as in {name},image={pictures[0]}"
        )
    if name.label is not None:
        return name.image or pictures[0], name.label
    classes = [column for column, kind in features.items() if isinstance(kind, ClassLabel)]
    whole = [c for c in LABELS if isinstance(kind := features.get(c), Value) and kind.dtype.startswith(("int", "uint"))]
    preferred = [column for column in classes if column in LABELS] or classes or whole
    if len(preferred) > 1:
        raise ValueError(
            f"{name} has several columns of labels, {some(preferred)}; name one, as in {name},label={preferred[0]}"
        )
    return name.image or pictures[0], preferred[0] if preferred else None


def _labels(
    name: TableName, table: Any, column: str | None
) -> tuple[NDArray[np.int64], int, Sequence[str], tuple[str, ...]]:
    """Returns labels, the number of classes, their names and notes; classes are 0 if there are no labels."""
    none = np.full(len(table), UNLABELLED)
    if column is None:
        return none, 0, (), ()
    given = table.select_columns([column])[:][column]
    names = tuple(getattr(table.features[column], "names", None) or ())
    if any(type(one) is not int for one in given):
        odd = next(one for one in given if type(one) is not int)
        raise ValueError(f"the column {column!r} of {name} holds {odd!r}; a whole number for each image is needed")
    labels = np.array(given, dtype=np.int64)
    if len(labels) and (labels == UNLABELLED).all():
        return none, 0, (), (f"every label in the column {column!r} is -1, for none",)
    return labels, len(names) or int(labels.max(initial=-1)) + 1, names, ()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides the library's progress bars and warnings inside the context."""
    import datasets

    shown, level = datasets.is_progress_bar_enabled(), datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if shown:
            datasets.enable_progress_bars()


@contextmanager
def _never_online() -> Iterator[None]:
    """Keeps the library from reading addresses inside the context."""
    from datasets import config

    before = config.HF_HUB_OFFLINE
    config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before
