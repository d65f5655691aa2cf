"""Files appear whole or not at all."""

import os
import secrets
from pathlib import Path


def check_writable(path: Path) -> None:
    """Raises ValueError now, before long work, if a file can't be made there."""
    if path.is_dir():
        raise ValueError(f"{str(path)!r} can't be written (it is a folder)")
    if _is_special(path):
        return
    handle, name = _temporary(_target(path))
    os.close(handle)
    os.unlink(name)


def _temporary(path: Path) -> tuple[int, str]:
    """A new file beside it, with the permissions that the process gives to new files."""
    name = f"{path.parent / f'.{path.name}.'}{secrets.token_hex(4)}"
    try:
        return os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666), name
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error


def make_folder(folder: Path) -> None:
    """With those above it, if it is not there. Raises ValueError if it can't be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"folder {str(folder)!r} can't be made ({error.strerror})") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Writes to a temporary name beside `path`, then renames, so no half-written file is left.

    A device or a pipe is written to as it is.

    Raises:
        ValueError: If the folder is missing or can't be written.
    """
    if _is_special(path):
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error
        return
    path = _target(path)
    handle, name = _temporary(path)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())  # or the name could reach the disk before the content
        os.replace(name, path)
    except BaseException as error:
        os.unlink(name)
        if isinstance(error, OSError):
            raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error
        raise


def _target(path: Path) -> Path:
    """Where a link leads; it stays one."""
    return path.resolve() if path.is_symlink() else path


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, which is written to and not replaced."""
    return path.exists() and not path.is_file()
