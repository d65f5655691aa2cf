"""Reads files of weights: recognises their kind, and returns their tensors. Nothing in a file is run as code."""

import os
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..reading import open_regular

DAMAGED = (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile)
PLAIN = "save it as .safetensors, or with torch.save(network.state_dict(), ...)"

# First bytes of files that are no checkpoints, with their meaning and the cure.
OTHER_KINDS = (
    (b"version https://git-lfs", "a pointer of Git LFS and not the file itself; run git lfs pull"),
    (b"<", "a page (HTML or XML), perhaps from a failed download; fetch the file again"),
    (b"\x89HDF", f"an HDF5 file, as Keras writes it; load it there, and {PLAIN}"),
    (b"\x1f\x8b", "packed by gzip; unpack it first"),
    (b"\x93NUMPY", f"an array of NumPy; {PLAIN}"),
)
TORCHSCRIPT = (
    "a TorchScript archive (torch.jit.save), a network with its code; pass torch.jit.load(FILE) to measure in Python, "
    "or save its weights: torch.save(torch.jit.load(FILE).state_dict(), 'weights.pt')"
)
EXPORTED = (
    "an exported program (torch.export.save), a network with its code; pass torch.export.load(FILE).module() to "
    "measure in Python, or save its weights: torch.save(torch.export.load(FILE).state_dict, 'weights.pt')"
)


class Unread:
    """Replaces settings that training scripts save with the weights; holds nothing and runs nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


# Classes of settings: arguments, paths, numbers of NumPy. A file with any other class is refused.
SETTINGS = (
    *("argparse.Namespace", "numpy.dtype", "numpy.ndarray"),
    *(f"pathlib.{kind}" for kind in ("Path", "PosixPath", "WindowsPath", "PurePosixPath")),
    *(f"pathlib._local.{kind}" for kind in ("PosixPath", "WindowsPath")),
    *(f"numpy.{core}.multiarray.{kind}" for core in ("core", "_core") for kind in ("scalar", "_reconstruct")),
)


def read_file(path: Path) -> Any:
    """Reads a file: tensors by name from .safetensors; tensors, numbers and containers from a torch file.

    Raises:
        ValueError: If the file is missing, truncated, of another kind, or holds pickled code.
    """
    _refuse_no_file(path)
    try:
        kind, reason = _kind(path)
        if reason is None:
            return load_file(path) if kind == "safetensors" else _load_plain(path)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"checkpoint {str(path)!r} is not plain tensors ({_planted(error)}it may run code when loaded) and is "
            f"refused; {PLAIN}"
        ) from error
    except DAMAGED as error:
        raise ValueError(f"checkpoint {str(path)!r} is truncated or damaged; copy or save it again") from error
    raise ValueError(f"checkpoint {str(path)!r} is {reason}")


def _refuse_no_file(path: Path) -> None:
    if os.path.isdir(path):
        raise ValueError(f"checkpoint is {str(path)!r}, a folder; name the file of weights in it")
    try:
        open_regular(path).close()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(f"checkpoint is {str(path)!r}; there is no such file") from error
    except OSError as error:
        raise ValueError(f"checkpoint {str(path)!r} can't be read ({error.strerror})") from error


def _load_plain(path: Path) -> Any:
    """Reads a torch file of tensors, numbers, containers and settings. weights_only runs no code."""
    with warnings.catch_warnings(), torch.serialization.safe_globals([(Unread, name) for name in SETTINGS]):
        warnings.simplefilter("ignore")  # about pickles, whose code is refused anyway
        with open_regular(path) as file:
            return torch.load(file, map_location="cpu", weights_only=True)


def _planted(error: Exception) -> str:
    """Names the class or function that a file asks for, if torch's error has it."""
    found = re.search(r"GLOBAL ([\w.]+) was not an allowed global", str(error))
    return f"it holds {found[1]}: " if found else ""


def _kind(path: Path) -> tuple[str, str | None]:
    """Returns the kind of a file by its content, and a reason if it can't be read.

    Raises:
        ValueError: If the kind is unknown.
    """
    with open_regular(path) as file:
        start = file.read(32)
    if start[8:9] == b"{":  # eight bytes of length, then a JSON header
        return "safetensors", None
    if start.startswith(b"PK"):
        return "torch", _archive(path)
    if start.startswith(b"\x80"):
        return "torch", None
    for beginning, meaning in OTHER_KINDS:
        if start.startswith(beginning):
            return "other", meaning
    raise ValueError(f"{str(path)!r} starts with {start[:9]!r}")


def is_swelling(archive: zipfile.ZipFile, size: int) -> bool:
    """Returns True if a zip file's members unpack to more than `size` bytes, which torch.save's never do."""
    return sum(member.file_size for member in archive.infolist()) > size


def _archive(path: Path) -> str | None:
    """Returns the reason why a zip file is no file of weights; None if torch.save wrote it."""
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        names, swells = archive.namelist(), is_swelling(archive, path.stat().st_size)
    endings = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in endings:
        return TORCHSCRIPT
    if endings & {"archive_format", "serialized_exported_program.json"}:
        return EXPORTED
    if names and all(name.endswith(".npy") for name in names):
        return f"an archive of NumPy (.npz); {PLAIN}"
    if swells:
        return f"a zip file of packed members, which torch.save does not write; {PLAIN}"
    return None if "data.pkl" in endings else f"a zip file that torch.save did not write; unpack it, or {PLAIN}"
