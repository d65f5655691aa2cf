"""Sidecars: per-image values and weights beside the rows, named by the sha256 of their content.

So a row names exactly the bytes it was computed from, two writers never disagree about a file, and folders of stores
can be copied together.
"""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from ..results import RawValues
from ..writing import make_folder, write_atomically

RAW, WEIGHTS = "raw", "weights"
SUFFIX = {RAW: ".npz", WEIGHTS: ".safetensors"}
COLUMN = {RAW: "raw", WEIGHTS: "checkpoint_sha256"}  # of the row, where the hash stands


def sha256(content: bytes) -> str:
    """Hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def path_of(folder: Path, kind: str, digest: str) -> Path:
    """Where a sidecar of a store lies: `KIND/ab/abcd....SUFFIX`."""
    return folder / kind / digest[:2] / f"{digest}{SUFFIX[kind]}"


def write(folder: Path, kind: str, content: bytes) -> str:
    """Writes a sidecar, whole or not at all, unless it is there and whole; its sha256."""
    digest = sha256(content)
    path = path_of(folder, kind, digest)
    if not path.exists() or sha256(path.read_bytes()) != digest:
        make_folder(path.parent)
        write_atomically(path, content)
    return digest


def read(folder: Path, kind: str, digest: str) -> bytes:
    """The content. Raises ValueError if the file is missing or has another hash."""
    path = path_of(folder, kind, str(digest))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"sidecar {str(path)!r} can't be read ({error.strerror}); copy it with its row") from error
    if sha256(content) != digest:
        raise ValueError(f"sidecar {str(path)!r} is damaged (its sha256 is not its name); copy it again")
    return content


def packed(raw: RawValues) -> bytes:
    """Raw values as a compressed npz file, without loss: f(x) in float32 where that holds it exactly."""
    arrays = raw.arrays()
    narrow = raw.outputs.astype(np.float32)
    if np.array_equal(narrow, raw.outputs):
        arrays["outputs"] = narrow
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def unpacked(content: bytes) -> RawValues:
    """What `packed` packed. Raises ValueError if it is something else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        whole = {name: a if a.dtype == np.int64 else a.astype(np.float64, copy=False) for name, a in arrays.items()}
        return RawValues.of_arrays(whole)
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"the sidecar holds no raw values ({error})") from error
