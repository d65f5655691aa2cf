"""Finding the files of a data set in a folder, and downloading missing ones."""

import os
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from shutil import copyfile
from typing import TypeVar

from ..checks import reason, some
from ..writing import temporary_folder

Read = TypeVar("Read")


def found_in(folder: Path) -> str:
    """Describes a folder for an error message: missing, a file, empty, or its first entries."""
    if not folder.exists():
        return f"{str(folder)!r} (no such folder)"
    if not folder.is_dir():
        return f"{str(folder)!r} (a file)"
    names = sorted(entry.name for entry in os.scandir(folder))
    return f"{str(folder)!r} (which holds {some(names)})" if names else f"{str(folder)!r} (an empty folder)"


def root_of(data_dir: Path, inner: str) -> Path:
    """The folder that holds `inner`: `data_dir`, or one above it if `data_dir` ends with `inner` or its beginning.

    >>> root_of(Path("/data/MNIST/raw"), "MNIST/raw").as_posix()
    '/data'
    """
    data_dir, parts = data_dir.absolute(), Path(inner).parts
    if not (data_dir / inner).is_dir():
        for count in range(len(parts), 0, -1):
            if data_dir.parts[-count:] == parts[:count]:
                return data_dir.parents[count - 1]
    return data_dir


def read_or_fetch(
    name: str,
    root: Path,
    read: Callable[[], Read],
    fetch: Callable[[Path], object] | None,
    archives: Iterable[str] = (),
) -> Read:
    """Returns the result of `read`. If it raises ValueError and `fetch` is given, downloads the files and reads again.

    `fetch` writes into a temporary folder, and only a complete download moves into `root`. Archives in `root` are
    copied there first, so that `fetch` need not download those again.

    Args:
        name: Name of the data set, for error messages.
        root: Folder of the data set.
        read: Function that reads the data set from `root`.
        fetch: Function that downloads the data set into the folder it is given; None to download nothing.
        archives: Paths of the archives within `root` that `fetch` would download.

    Raises:
        ValueError: If the files are missing or damaged and `fetch` is None, or the download fails.
    """
    try:
        return read()
    except ValueError:
        if fetch is None:
            raise
    try:
        root.mkdir(parents=True, exist_ok=True)
        with temporary_folder(root, "download") as folder, redirect_stdout(sys.stderr), _tame_archives():
            _fetch_into(folder, root, fetch, list(archives))
    except Exception as error:  # networks, archives and disks raise errors of different kinds
        raise ValueError(
            f"{name} could not be fetched into {str(root)!r} ({reason(error)}); "
            "run the command where the network can be reached, or copy the files there"
        ) from error
    return read()


@contextmanager
def _tame_archives() -> Iterator[None]:
    """Unpacks tar archives by the rules of Python 3.14 inside the context: nothing is written outside their folder."""
    rules = getattr(tarfile, "data_filter", None)  # from Python 3.11.4 on
    before = getattr(tarfile.TarFile, "extraction_filter", None)
    if rules is not None:
        tarfile.TarFile.extraction_filter = staticmethod(rules)
    try:
        yield
    finally:
        tarfile.TarFile.extraction_filter = before and staticmethod(before)


def _fetch_into(folder: Path, root: Path, fetch: Callable[[Path], object], archives: list[str]) -> None:
    for archive in archives:
        if (root / archive).is_file():
            (folder / archive).parent.mkdir(parents=True, exist_ok=True)
            copyfile(root / archive, folder / archive)
    fetch(folder)
    for archive in archives:
        (folder / archive).unlink(missing_ok=True)
    for entry in folder.iterdir():
        _settle(entry, root / entry.name)


def _settle(source: Path, target: Path) -> None:
    """Moves a tree into place: in one step, or file by file if the folder exists already."""
    if source.is_dir() and target.is_dir():
        for entry in source.iterdir():
            _settle(entry, target / entry.name)
    else:
        os.replace(source, target)
