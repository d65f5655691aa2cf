"""Folders that a stranger spoiled: links, pipes, devices, sockets, odd names, sizes and contents; and a guard."""

import os
import shutil
import signal
import socket
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

SECONDS = 10
NAMES = ["\x1b[2J", "a\nb", "\u202egpj", os.fsdecode(b"\xff\xfe"), "x" * 240, "a'b", "..b", " ", "%s", "[red]"]
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod"}
CODE = {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "os.fork"}
_guard: dict[str, object] = {"allowed": None, "broken": []}


class Planted:
    """Runs a command when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def _watch(event, arguments):
    allowed = _guard["allowed"]
    if allowed is None:
        return
    if event in CODE:
        _guard["broken"].append((event, arguments))
    elif event == "open" and isinstance(arguments[0], (str, bytes)) and (arguments[2] or 0) & WRITES:
        _allow(arguments[0], allowed, follows=not (arguments[2] or 0) & os.O_NOFOLLOW)
    elif event in CHANGES:
        for path in arguments[: 2 if event in ("os.rename", "os.link") else 1]:
            if isinstance(path, (str, bytes, os.PathLike)):
                _allow(path, allowed, follows=False)


def _allow(path, allowed, *, follows):
    path = os.fsdecode(path)
    place = os.path.realpath(path) if follows else os.path.realpath(os.path.dirname(path))
    if not place.startswith((*allowed, "/dev/", "/proc/")):
        _guard["broken"].append(path)


sys.addaudithook(_watch)


class HangError(BaseException):
    """More than SECONDS went by."""


@contextmanager
def guarded(*folders):
    """Fails if anything outside these folders is written, a process is started, or ten seconds go by."""

    def late(*_):
        raise HangError

    _guard["broken"] = []
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    _guard["allowed"] = tuple(os.path.realpath(folder) for folder in folders)
    try:
        yield
    finally:
        _guard["allowed"] = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not _guard["broken"], _guard["broken"]


def spoil(rng, root: Path, outside: Path):
    """Puts something else in the place of a file or folder below `root`, or something more beside it."""
    paths = sorted(root.rglob("*"))
    path = rng.choice(paths)
    if rng.random() < 0.3:
        path = path.parent / (rng.choice(NAMES) + rng.choice(["", path.suffix]))
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    if os.path.lexists(path):  # an odd name that was taken before: writing to a pipe would wait
        return
    with suppress(OSError, RuntimeError):  # a name that is too long, or there; torch tells it in its way
        rng.choice(WAYS)(rng, path, outside)


def _link(rng, path, outside):
    targets = [
        outside,
        outside / "file",
        outside / "none",
        path,
        "/dev/zero",
        "/dev/full",
        "/proc/self/mem",
        path.parent,
    ]
    path.symlink_to(rng.choice(targets))


def _pipe(rng, path, outside):
    os.mkfifo(path)


def _socket(rng, path, outside):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def _folder(rng, path, outside):
    path.mkdir()
    (path / "inside").write_bytes(b"")


def _bytes(rng, path, outside):
    path.write_bytes(bytes(rng.randrange(256) for _ in range(rng.choice((0, 1, 22, 300)))))


def _vast(rng, path, outside):
    with open(path, "wb") as stream:
        stream.truncate(10 ** rng.choice((7, 9, 12)))


def _pickle(rng, path, outside):
    torch.save({"state_dict": Planted(outside / "PWNED"), "weight": torch.zeros(1)}, path)


def _text(rng, path, outside):
    path.write_text(
        rng.choice(["{}", "[]", "null", '{"schema": 1}', "[" * 9999, "\ufeff{}", '{"architecture": "os:system"}'])
    )


WAYS = [_link, _link, _link, _pipe, _socket, _folder, _bytes, _vast, _pickle, _text]
