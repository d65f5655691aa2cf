"""Sidecars: files with raw values or weights beside the rows, named by the sha256 of their content.

So a row names exactly the bytes it was computed from, two writers never disagree about a file, and stores can be
merged by copying.
"""

import hashlib
import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import some
from ..reading import file_sha256, open_regular, read_bytes
from ..results import RawValues
from ..writing import make_folder, refuse_links, write_atomically

RAW, WEIGHTS = "raw", "weights"
SUFFIX = {RAW: ".npz", WEIGHTS: ".safetensors"}
COLUMN = {RAW: "raw", WEIGHTS: "checkpoint_sha256"}  # column of the row that holds the hash
DIGEST = re.compile("[0-9a-f]{64}")
LARGEST = {RAW: 2**31, WEIGHTS: 2**33}  # bytes of a file
MOST_UNPACKED, SPARE = 100, 2**26  # limit: 100 times the packed size plus these bytes (flips may all be 0)
ZIP_BEGINS, ZIP_ENDS, ZIP_END = b"PK\x03\x04", b"PK\x05\x06", 22  # the last is the length of the end record, in bytes
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, MemoryError)
DIMENSIONS: dict[str, tuple[str, ...]] = {  # by array: N images, K outputs, L layers, P pairs
    **dict.fromkeys(("indices", "image_norm", "copies"), ("N",)),
    **dict.fromkeys(("deformation", "noise", "displacement_norm", "gradient_norm", "moved"), ("N", "draws")),
    **dict.fromkeys(("flips_deformation", "flips_noise"), ("N", "draws")),
    "outputs": ("N", "K"),
    **dict.fromkeys(("deformation_by_output", "noise_by_output", "moved_by_output"), ("N", "draws", "K")),
    "noise_exponent": (),
    "floor": ("N", "draws", "2"),
    "layer_followed": ("N", "L", "draws", "3"),
    **dict.fromkeys(("layer_deformation", "layer_noise"), ("N", "L", "draws")),
    **dict.fromkeys(("layer_first", "layer_second"), ("P",)),
    "layer_distances": ("L", "P"),
    **dict.fromkeys(("layer_mean_distance", "layer_noise_exponent"), ("L",)),
}


def sha256(content: bytes) -> str:
    """Returns the hexadecimal sha256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def path_of(folder: Path, kind: str, digest: str) -> Path:
    """Returns a sidecar's path, `KIND/ab/abcd....SUFFIX`. Raises ValueError if the digest is no sha256."""
    if not DIGEST.fullmatch(digest):
        raise ValueError(
            f"a sidecar is named {digest!r:.80}; 64 hexadecimal digits are needed, so measure the row again"
        )
    return folder / kind / digest[:2] / f"{digest}{SUFFIX[kind]}"


def folders(folder: Path) -> Iterator[Path]:
    """Yields the folders of a store's sidecars, without links."""
    for kind in SUFFIX:
        if (folder / kind).is_dir() and not (folder / kind).is_symlink():
            with os.scandir(folder / kind) as entries:
                yield from [Path(one.path) for one in entries if one.is_dir(follow_symlinks=False)]


def write(folder: Path, kind: str, content: bytes) -> str:
    """Writes a sidecar unless it is there undamaged, and returns its sha256. A failure leaves no partial file."""
    digest = sha256(content)
    path = path_of(folder, kind, digest)
    refuse_links(folder, path.parent)
    there = stamp(folder, kind, digest)
    if there is None or there[0] != len(content) or file_sha256(path, most=LARGEST[kind]) != digest:
        make_folder(path.parent)
        write_atomically(path, content, within=folder)
    return digest


def stamp(folder: Path, kind: str, digest: str) -> tuple[int, int] | None:
    """Returns a sidecar's size and time of change; None if there is no regular file."""
    try:
        status = os.stat(path_of(folder, kind, digest))
    except (OSError, ValueError):  # ValueError: the digest is no sha256
        return None
    return (status.st_size, status.st_mtime_ns) if S_ISREG(status.st_mode) else None


def is_whole(folder: Path, kind: str, digest: str) -> bool:
    """Checks quickly that a sidecar is whole: weights by their hash, raw values by the two ends of the archive."""
    try:
        path = path_of(folder, kind, digest)
        if kind == WEIGHTS:
            return file_sha256(path, most=LARGEST[kind]) == digest
        with open_regular(path) as stream:
            begins = stream.read(len(ZIP_BEGINS)) == ZIP_BEGINS
            stream.seek(-ZIP_END, os.SEEK_END)
            return begins and stream.read().startswith(ZIP_ENDS)
    except (OSError, ValueError):
        return False


def read(folder: Path, kind: str, digest: str) -> bytes:
    """Returns a sidecar's content. Raises ValueError if it is missing, too large, no regular file, or damaged."""
    path = path_of(folder, kind, str(digest))
    try:
        content = read_bytes(path, most=LARGEST[kind])
    except OSError as error:
        raise ValueError(f"sidecar {str(path)!r} can't be read ({error.strerror}); copy it with its row") from error
    if sha256(content) != digest:
        raise ValueError(f"sidecar {str(path)!r} is damaged (its sha256 is not its name); copy it again")
    return content


def packed(raw: RawValues) -> bytes:
    """Returns raw values as a compressed npz file, without loss: f(x) is float32 if that holds it exactly."""
    arrays = raw.arrays()
    narrow = raw.outputs.astype(np.float32)
    if np.array_equal(narrow, raw.outputs):
        arrays["outputs"] = narrow
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def unpacked(content: bytes, row: Mapping[str, Any]) -> RawValues:
    """Returns the raw values that `packed` packed for a row.

    Archives that would unpack to more than about a hundred times their size are refused before unpacking.

    Args:
        content: Content of the npz file.
        row: Row of the measurement.

    Raises:
        ValueError: If the content is no such file, is too large, or its arrays don't fit the row's images and draws.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _refuse_large(archive, len(content))
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        for name, array in found.items():
            _refuse_other(name, array, row)
        whole = {name: a if a.dtype == np.int64 else a.astype(np.float64, copy=False) for name, a in found.items()}
        return RawValues.of_arrays(whole)
    except (
        ValueError,
        TypeError,
        KeyError,
        OSError,
        EOFError,
        RuntimeError,
        NotImplementedError,
        *ZIP_ERRORS,
    ) as error:
        raise ValueError(f"the sidecar holds no raw values of its row ({error}); measure the row again") from error


def _refuse_large(archive: zipfile.ZipFile, packed_size: int) -> None:
    """Raises ValueError if an archive has unknown members or would unpack to too many bytes."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) < len(names) or any(name.removesuffix(".npy") not in DIMENSIONS for name in names):
        raise ValueError(f"its members are {some(names)}, unknown or doubled; the arrays of raw values are needed")
    size, most = sum(member.file_size for member in members), MOST_UNPACKED * packed_size + SPARE
    if size > most:
        raise ValueError(f"it unpacks to {size:,} bytes; at most {most:,} are allowed for {packed_size:,} packed ones")


def _refuse_other(name: str, array: NDArray[Any], row: Mapping[str, Any]) -> None:
    """Raises ValueError if an array's shape or type does not fit the row."""
    wanted = DIMENSIONS[name]
    known = {letter: int(letter) for letter in wanted if letter.isdigit()}
    known |= {"N": row["images"], "draws": row["draws"]}
    fits = len(array.shape) == len(wanted) and all(
        known.get(letter, size) == size for letter, size in zip(wanted, array.shape, strict=True)
    )
    if not fits or array.dtype not in (np.int64, np.float32, np.float64):
        raise ValueError(f"{name} is {array.dtype} {array.shape}; it must be numbers [{', '.join(wanted)}] of {known}")
