"""The files of MNIST and FashionMNIST: arrays in the IDX format, packed (`.gz`) as published, or unpacked.

Both data sets have the same file names, so files are identified by their content.
"""

import gzip
import os
import struct
import zlib
from collections.abc import Sequence
from hashlib import md5
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..checks import reason, some
from ..reading import open_regular, read_bytes
from .layout import found_in

PACKED = ".gz"
FILES = {  # images and labels of each split, with the number of bytes of the published files, unpacked
    "train": {"train-images-idx3-ubyte": 47_040_016, "train-labels-idx1-ubyte": 60_008},
    "test": {"t10k-images-idx3-ubyte": 7_840_016, "t10k-labels-idx1-ubyte": 10_008},
}
PUBLISHED = {  # by md5 of the unpacked content, since Debian packs the same files differently
    "6bbc9ace898e44ae57da46a324031adb": ("mnist", "train-images-idx3-ubyte"),
    "a25bea736e30d166cdddb491f175f624": ("mnist", "train-labels-idx1-ubyte"),
    "2646ac647ad5339dbf082846283269ea": ("mnist", "t10k-images-idx3-ubyte"),
    "27ae3e4e09519cfbb04c329615203637": ("mnist", "t10k-labels-idx1-ubyte"),
    "f4a8712d7a061bf5bd6d2ca38dc4d50a": ("fashionmnist", "train-images-idx3-ubyte"),
    "9018921c3c673c538a1fc5bad174d6f9": ("fashionmnist", "train-labels-idx1-ubyte"),
    "8181f5470baa50b63fa0f6fddb340f0a": ("fashionmnist", "t10k-images-idx3-ubyte"),
    "15d484375f8d13e6eb1aabb0c3f46965": ("fashionmnist", "t10k-labels-idx1-ubyte"),
}
SLACK = 2**20  # bytes by which packing may lengthen a file


def read_split(name: str, split: str, folders: Sequence[Path], inner: str) -> list[NDArray[np.uint8]]:
    """Reads the images and the labels of one split.

    Args:
        name: `mnist` or `fashionmnist`.
        split: `train` or `test`.
        folders: Folders to search. The first folder that has both files is taken; unpacked files come before packed.
        inner: Usual name of that folder, for the error message if files are missing.

    Returns:
        Pixels `[N, H, W]` and labels `[N]`.

    Raises:
        ValueError: If files are missing, damaged, larger than the published ones, or from another data set.
    """
    for folder in folders:
        paths = {file: path for file in FILES[split] if (path := _find(folder / file))}
        if len(paths) == len(FILES[split]):
            return [_read(name, file, path) for file, path in paths.items()]
    place = next((folder for folder in folders if folder.is_dir()), folders[-1])
    missing = [file for file in FILES[split] if not _find(place / file)]
    wanted = some([f"{inner}/{missing[0]}", *missing[1:]])
    raise ValueError(f"looked for {wanted} (or {PACKED}) in {found_in(place)}; name the folder that holds them")


def _find(path: Path) -> Path | None:
    """Path of the unpacked file, or else of the packed one; None if there is neither."""
    return next((one for one in (path, path.with_name(path.name + PACKED)) if os.path.exists(one)), None)


def _read(name: str, file: str, path: Path) -> NDArray[np.uint8]:
    most = next(files[file] for files in FILES.values() if file in files)
    try:
        content = _unpacked(path, most) if path.suffix == PACKED else read_bytes(path, most=most)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{str(path)!r} is damaged ({reason(error)}); get the published file") from error
    published = PUBLISHED.get(md5(content, usedforsecurity=False).hexdigest(), (name, file))
    if published != (name, file):
        raise ValueError(f"{str(path)!r} is {' '.join(published)}; {' '.join((name, file))} is needed")
    return _array(path, content, axes=3 if "images" in file else 1)


def _unpacked(path: Path, most: int) -> bytes:
    """Content of a packed file. Raises ValueError if it unpacks to more than `most` bytes."""
    with open_regular(path, most=most + SLACK) as stream, gzip.GzipFile(fileobj=stream) as unpacked:
        content = unpacked.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{str(path)!r} unpacks to more than the {most:,} bytes that are allowed")
    return content


def _array(path: Path, content: bytes, axes: int) -> NDArray[np.uint8]:
    """Parses an IDX file: bytes 0, 0, 8 (uint8), number of axes, sizes as big-endian int32, then the values."""
    begin, start = bytes([0, 0, 8, axes]), 4 + 4 * axes
    fault = f"it begins with {content[:4].hex() or 'nothing'}, not {begin.hex()}"
    if content.startswith(begin):
        fault = f"it ends after {len(content)} bytes"
        if len(content) >= start:
            sizes = struct.unpack(f">{axes}I", content[4:start])
            if prod(sizes) == len(content) - start and all(sizes):
                return np.frombuffer(bytearray(content), np.uint8, offset=start).reshape(sizes)
            fault = f"it has {len(content) - start:,} values for {' x '.join(map(str, sizes))}"
    raise ValueError(f"{str(path)!r} is damaged ({fault}); get the published file")
