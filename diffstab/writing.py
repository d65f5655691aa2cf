"""Files appear whole or not at all, and what a killed writer left goes when the same target is written again.

While a file is written, its temporary beside the target is locked: so a live writer's is told from a dead one's. Where
there are no locks (Windows, some network disks) nothing is taken for a dead one's.
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

PART = ".diffstab-part"  # ends the name of a temporary; files of other programs don't
NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
LONGEST = 100  # bytes of a target's name that its temporary's repeats: a system takes 143 to 255 in all

if sys.platform == "win32":

    def try_lock(handle: int) -> bool | None:
        """Locks an open file for this process alone; False if another holds it, None where there are no locks."""
        return None

else:
    import fcntl

    def try_lock(handle: int) -> bool | None:
        """Locks an open file for this process alone; False if another holds it, None where there are no locks."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a disk without locks
            return None
        return True


def check_writable(path: Path, *, within: Path | None = None) -> None:
    """Raises ValueError now, before long work, if `write_atomically` can't write there."""
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
    """With those above it, if it is not there. Raises ValueError if it can't be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"folder {str(folder)!r} can't be made ({error.strerror})") from error


def write_atomically(path: Path, content: bytes, *, within: Path | None = None) -> None:
    """Writes to a temporary name beside `path`, then renames, so no half-written file is left.

    A file that is there keeps its permissions. A device, a pipe, and the file that a link leads to are written to.

    Args:
        path: Of the file.
        content: All of it.
        within: A folder that others may have filled, with `path` in it: whatever is there is replaced, and no link is
            followed.

    Raises:
        ValueError: If the folder is missing or can't be written, or the file is write-protected, or a folder between
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
            os.fsync(stream.fileno())  # or the name could reach the disk before the content
            if mode is not None:
                os.chmod(name, mode)
            if sys.platform == "win32":
                stream.close()  # which renames no open file
            os.replace(name, path)


def refuse_links(root: Path, path: Path) -> None:
    """Raises ValueError if a folder or file below `root`, down to `path`, is a link, which leads to files elsewhere."""
    place = root
    for part in path.relative_to(root).parts:
        place = place / part
        if place.is_symlink():
            raise ValueError(f"{str(place)!r} is a link; nothing is written through it, so move it away")


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Removes temporaries that killed writers left in a folder; those of live ones, and other files, stay.

    Args:
        folder: Where they are; nothing happens if it is missing or can't be read.
        name: Of the one target whose temporaries are meant; None for all.
    """
    begin = "." if name is None else _prefix(name)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [one for one in entries if one.name.startswith(begin) and one.name.endswith(PART)]:
            with suppress(OSError):  # another writer's, who may have removed it, or whose it is
                _remove_dead(entry)


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """A new folder that is removed in the end, with what killed ones left of the same name. Raises OSError."""
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
        with suppress(FileNotFoundError):  # as in `_locked_file`
            handle = os.open(folder, os.O_RDONLY)
            if try_lock(handle) is not False and folder.exists():
                return folder, handle
            os.close(handle)


def _remove_dead(entry: os.DirEntry[str]) -> None:
    is_folder = entry.is_dir(follow_symlinks=False)
    if not is_folder and not entry.is_file(follow_symlinks=False):
        return
    handle = os.open(entry.path, os.O_RDONLY if is_folder else os.O_RDWR)  # network disks lock what can be written
    try:
        if try_lock(handle):
            (shutil.rmtree if is_folder else os.unlink)(entry.path)
    finally:
        os.close(handle)


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """A new file beside `path`, open and locked, and its name; it is removed unless it was renamed."""
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
        handle = os.open(name, NEW_FILE, 0o666)  # with the permissions that the process gives to new files
        if try_lock(handle) is not False and os.path.lexists(name):
            return handle, name
        os.close(handle)  # another writer saw it before it was locked, and removes it


def _prefix(name: str) -> str:
    """How the temporaries of a target begin: with its name, or the hash of one too long to repeat."""
    own = os.fsencode(name)
    return f".{name}." if len(own) <= LONGEST else f".{hashlib.sha256(own).hexdigest()[:32]}."


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error


def _target(path: Path, within: Path | None) -> Path:
    """The file that is replaced: where a link leads, which stays one, but for one in a folder of others."""
    if within is not None:
        refuse_links(within, path.parent)
        return path
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, which is written to and not replaced."""
    return os.path.exists(path) and not os.path.isfile(path)


def _mode_for(path: Path) -> int | None:
    """The permissions of the file that is replaced; None of a new one. Raises ValueError if it is write-protected."""
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode):
            if not os.access(path, os.W_OK):
                raise ValueError(f"{str(path)!r} can't be written (it is write-protected); allow it, or name another")
            return mode & 0o777
    return None
