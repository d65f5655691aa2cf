"""Code that strangers planted, which leaves a file where it ran; and what Python was asked to open meanwhile."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save
from support.measured_stores import measured
from support.named_networks import DIGITS, GRAY

from diffstab import Store
from diffstab.results import content_key
from diffstab.store.entry import Entry, measured_entry
from diffstab.training.trained import write_network

MARK = "PWNED"  # in the current folder
RUNS = f"import pathlib\npathlib.Path({MARK!r}).touch()\n"
BUILDS = """
from torch import nn


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def wide(width):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, width))
"""
EVENTS = {"open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"}

_listening: list[list[str]] = []


class Pickled:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, (f"touch {MARK}",)


def _hear(event, arguments):
    if _listening and event in EVENTS:
        _listening[-1].append(str(arguments[0] if event != "socket.connect" else arguments[1]))


sys.addaudithook(_hear)  # which can't be taken away again


@contextmanager
def heard():
    """Files that are opened, hosts that are asked for and programs that are started within."""
    _listening.append([])
    try:
        yield _listening[-1]
    finally:
        _listening.pop()


def ran():
    """Whether planted code ran in the current folder, here or in another process."""
    return Path(MARK).exists()


def package(folder, name="planted"):
    """A package whose `__init__` leaves the mark, as does its module `nets`; the model's name."""
    place = Path(folder) / name
    place.mkdir(parents=True)
    (place / "__init__.py").write_text(RUNS)
    (place / "nets.py").write_text(RUNS + BUILDS)
    return f"{name}.nets:build"


def forget():
    """Modules of the package, so that another test imports its own."""
    for name in ("planted", "planted.nets"):
        sys.modules.pop(name, None)


def trained(folder, model):
    """A folder as `diffstab train` leaves one of that model; its outputs for a black image are 0 to 9."""
    folder.mkdir()
    weights = {"1.weight": torch.arange(7840.0).reshape(10, 784).sin(), "1.bias": torch.arange(10.0)}
    write_network(folder, save(weights), model, DIGITS, GRAY)
    return f"local-dir:{folder}"


def everything(folder):
    """Every entry under a folder: the content of files, the targets of links, times of the last change."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (content, path.lstat().st_mtime_ns)
    return found


def forged(folder, **changes):
    """A store of one measured row with these columns, its key and checksum as they should be; the key."""
    row = measured_entry(measured(resamples=100)).row
    row |= {"model_source": "timm", "dataset": "mnist5k", "split": "test", "images": 10, "weights": "init"}
    row |= {"asked": {}, **changes}
    row["key"] = content_key(row)
    store = Store(folder, create=True)
    store.add(Entry(row))
    store.close()
    return row["key"]
