"""Code that strangers planted, which leaves a file where it ran; and what Python was asked to open meanwhile."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

MARK = "PWNED"  # in the current folder
RUNS = f"import pathlib\npathlib.Path({MARK!r}).touch()\n"
BUILDS = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
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


def everything(folder):
    """Every entry under a folder: the content of files, the targets of links, times of the last change."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (content, path.lstat().st_mtime_ns)
    return found
