"""The compiled kernel: whether it is installed, which level of the processor it uses, and how to switch it off.

The module imports no torch, so that `diffstab --version` answers at once.
"""

import ctypes
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

NAME = "_diffstab_native"  # of the library, beside the package in site-packages
VARIABLE = "DIFFSTAB_NATIVE"  # environment variable with one of CHOICES
LEVELS = ("plain", "avx2", "avx512")  # in the order of kernel.c
OFF, AUTO = "off", "auto"
CHOICES = (AUTO, OFF, *LEVELS)
TORCH = "torch"  # what runs where the kernel does not
SOURCES = ("kernel.c", "rows.h", "philox.h", "avx2.h", "avx512.h")


class Found(NamedTuple):
    """The library, if it can be used.

    Attributes:
        library: The loaded library; None if it can't be used.
        best: Place in LEVELS of the processor's best level.
        reason: Reason why it can't be used.
    """

    library: ctypes.CDLL | None
    best: int = -1
    reason: str = ""


_chosen: list[str] = []  # what `use` was called with, unless that was AUTO


def use(level: str = AUTO) -> None:
    """Chooses the level that this process uses from now on, in place of the environment variable.

    Args:
        level: `auto` (what the environment variable says, or else `avx512`, `avx2` or `off`), `off` (torch alone),
            `plain`, which is slower than torch, `avx2` or `avx512`.

    Raises:
        ValueError: If the level is unknown, or the kernel or the processor lacks it.

    >>> use("off")
    >>> running()
    'off'
    >>> use("auto")
    """
    _place(level, "level")
    _chosen[:] = [] if level == AUTO else [level]


def running() -> str:
    """Returns the level in use; `off` if torch does everything. Raises ValueError for an unknown VARIABLE."""
    place = level_in_use()
    return OFF if place < 0 else LEVELS[place]


@contextmanager
def using(level: str) -> Iterator[None]:
    """Context with another level, for tests and benchmarks."""
    before = list(_chosen)
    use(level)
    try:
        yield
    finally:
        _chosen[:] = before


def level_in_use() -> int:
    """Returns the place in LEVELS of the level in use; -1 if torch does everything."""
    return _place(_chosen[0], "level") if _chosen else _place(os.environ.get(VARIABLE) or AUTO, VARIABLE)


def status() -> str:
    """Returns what deforms images on the CPU, and why, as `diffstab --version` prints it.

    >>> "on the CPU" in status()
    True
    """
    library, best, reason = find()
    if library is not None:
        reason = "the processor lacks AVX2" if best == 0 else f"{VARIABLE} or use() says so"
    return f"deformations on the CPU: {f'torch ({reason})' if running() == OFF else f'native ({running()})'}"


@lru_cache(maxsize=8)
def _place(level: str, option: str) -> int:
    library, best, reason = find()
    if level not in CHOICES:
        raise ValueError(f"{option} is {level!r}; allowed: {', '.join(CHOICES)}")
    if level == OFF or (level == AUTO and best < LEVELS.index("avx2")):
        return -1
    if library is None:
        raise ValueError(f"{option} is {level!r} and {reason}; allowed: {AUTO}, {OFF}")
    if level != AUTO and LEVELS.index(level) > best:
        able = ", ".join((AUTO, OFF, *LEVELS[: best + 1]))
        raise ValueError(f"{option} is {level!r}, which this processor lacks; allowed: {able}")
    return best if level == AUTO else LEVELS.index(level)


@lru_cache(maxsize=1)
def find() -> Found:
    """Finds and loads the library. One that was compiled from other sources is not used."""
    spec = find_spec(NAME)
    if spec is None or spec.origin is None:
        return Found(None, reason="no compiled kernel is installed")
    try:
        library = ctypes.CDLL(spec.origin)
        library.diffstab_source.restype = ctypes.c_char_p
        made_of = library.diffstab_source()
    except (OSError, AttributeError) as error:
        return Found(None, reason=f"the compiled kernel can't be loaded ({error})")
    if made_of != digest(Path(__file__).parent).encode():
        return Found(None, reason="the compiled kernel is of another version; install the package again")
    return Found(library, library.diffstab_level())


def digest(folder: Path) -> str:
    """Returns the digest of the sources in a folder, which the library has too."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in SOURCES)).hexdigest()[:16]


@lru_cache(maxsize=1)
def parallel_for() -> ctypes.c_void_p:
    """Returns the address of torch's loop over its own threads, so that `torch.set_num_threads` holds; else null."""
    import torch

    names = {"win32": "torch_cpu.dll", "darwin": "libtorch_cpu.dylib"}
    name = names.get(sys.platform, "libtorch_cpu.so")
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / name))
        return ctypes.cast(library.torch_parallel_for, ctypes.c_void_p)
    except (OSError, AttributeError):  # a torch that is laid out in another way: the kernel runs in one thread
        return ctypes.c_void_p()
