"""Atomic writing: a file appears complete or not at all.

Content is first written to a temporary file beside the target. A temporary of a killed writer is removed when the same
target is written again. Writers lock their temporaries, so an unlocked one is known to be left over. Without locks
(Windows, some network disks) no temporary is removed.
"""

import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PART = ".diffstab-part"  # ending of temporary names, which no other program uses
NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
LONGEST = 100  # bytes of a target's name that its temporary's name repeats; systems allow 143 to 255 in all


def try_lock(handle: int) -> bool | None:
    """Locks an open file for this process alone; False if another holds it, None where there are no locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without locks
        return None
    return True


def check_writable(path: Path, *, within: Path | None = None) -> None:
    """Raises ValueError if `write_atomically` can't write there. Call it before long work."""
    if os.path.isdir(path):
        raise ValueError(f"{str(path)!r} can't be written (it is a folder)")
    if within is None and _is_special(path):
        return
    with _told(path):
        path = _target(path, within)
        _mode_for(path)
        with _temporary(path):
            pass


def make_folder(folder: Path) -> None:
    """Makes a folder and its parents if they are missing. Raises ValueError if it can't be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"folder {str(folder)!r} can't be made ({error.strerror})") from error


def write_atomically(path: Path, content: bytes, *, within: Path | None = None) -> None:
    """Writes to a temporary file beside `path`, then renames it, so that no half-written file is left.

    An existing file keeps its permissions. Links are followed: the file behind a link is replaced. Devices and pipes
    are written to directly.

    Args:
        path: Path of the file.
        content: Whole content of the file.
        within: Folder around `path` that others may have filled: then no link is followed, and any kind of file at
            `path` is replaced. None for the user's folders.

    Raises:
        ValueError: If the folder is missing or can't be written, the file is write-protected, or a folder between
            `within` and `path` is a link.
    """
    with _told(path):
        if within is None and _is_special(path):
            path.write_bytes(content)
            return
        path = _target(path, within)
        mode = _mode_for(path)
        with _temporary(path) as (stream, name):
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())  # otherwise the name could reach the disk before the content
            if mode is not None:
                os.chmod(name, mode)
            if sys.platform == "win32":
                stream.close()  # Windows can't rename an open file
            os.replace(name, path)


def refuse_links(root: Path, path: Path) -> None:
    """Raises ValueError if a folder or file between `root` and `path` is a link, since it could lead anywhere."""
    place = root
    for part in path.relative_to(root).parts:
        place = place / part
        if place.is_symlink():
            raise ValueError(f"{str(place)!r} is a link; nothing is written through it, so move it away")


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Removes temporaries that killed writers left in a folder. Temporaries of live writers and other files stay.

    Args:
        folder: Folder with the temporaries. Nothing happens if it is missing or can't be read.
        name: Name of the target whose temporaries are removed; None for all targets.
    """
    begin = "." if name is None else _prefix(name)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [one for one in entries if one.name.startswith(begin) and one.name.endswith(PART)]:
            with suppress(OSError):  # another writer may have removed it, or may own it
                _remove_dead(entry)


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Makes a new folder and removes it at the end, with left-over folders of the same name. Raises OSError."""
    folder, handle = _locked_folder(parent, name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _locked_folder(parent: Path, name: str) -> tuple[Path, int | None]:
    remove_leftovers(parent, name)
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=_prefix(name), suffix=PART))
        if sys.platform == "win32":
            return folder, None
        with suppress(FileNotFoundError):  # another process may remove it before it is locked
            handle = os.open(folder, os.O_RDONLY)
            if try_lock(handle) is not False and folder.exists():
                return folder, handle
            os.close(handle)


def _remove_dead(entry: os.DirEntry[str]) -> None:
    is_folder = entry.is_dir(follow_symlinks=False)
    if not is_folder and not entry.is_file(follow_symlinks=False):
        return
    handle = os.open(entry.path, os.O_RDONLY if is_folder else os.O_RDWR)  # network disks lock only writable handles
    try:
        if try_lock(handle):
            (shutil.rmtree if is_folder else os.unlink)(entry.path)
    finally:
        os.close(handle)


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Opens a new, locked file beside `path`; gives it and its name. Removed at the end unless it was renamed."""
    handle, name = _locked_file(path)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream, name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _locked_file(path: Path) -> tuple[int, str]:
    remove_leftovers(path.parent, path.name)
    while True:
        name = f"{path.parent / _prefix(path.name)}{secrets.token_hex(4)}{PART}"
        handle = os.open(name, NEW_FILE, 0o666)  # the process's umask sets the permissions
        if try_lock(handle) is not False and os.path.lexists(name):
            return handle, name
        os.close(handle)  # another writer saw it before it was locked, and removed it


def _prefix(name: str) -> str:
    """Beginning of the names of a target's temporaries: the target's name, or its hash if the name is long."""
    own = os.fsencode(name)
    return f".{name}." if len(own) <= LONGEST else f".{hashlib.sha256(own).hexdigest()[:32]}."


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error


def _target(path: Path, within: Path | None) -> Path:
    """Path of the file to replace: the file behind a link, or `path` itself if `within` is given."""
    if within is not None:
        refuse_links(within, path.parent)
        return path
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _is_special(path: Path) -> bool:
    """True for a device or a pipe, which is written to directly and not replaced."""
    return os.path.exists(path) and not os.path.isfile(path)


def _mode_for(path: Path) -> int | None:
    """Permissions of the file to replace; None for a new file. Raises ValueError if it is write-protected."""
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode):
            if not os.access(path, os.W_OK):
                raise ValueError(f"{str(path)!r} can't be written (it is write-protected); allow it, or name another")
            return mode & 0o777
    return None
