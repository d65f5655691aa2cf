"""Files that the module of a user's network imports, found in the source without running it.

They become part of a job's id, so that a change in them makes a new job. Imports by a name that is computed when the
code runs, and files that the code reads, are not found here; `changed` compares the network itself.
"""

import ast
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ..reading import LARGEST_TEXT, read_bytes


def imported_files(file: Path, module: str) -> dict[str, Path]:
    """Returns the files that a module imports, directly or through others, by their path below the code's folder.

    Installed packages are left out: they have a version.

    Args:
        file: File of the module.
        module: Dotted name of the module, which determines the code's folder.
    """
    above = module.removesuffix(".py").count(".") + (file.name == "__init__.py")
    root = file.resolve().parents[above]
    if any(root.is_relative_to(folder) for folder in _installed()):
        return {}
    found: dict[Path, None] = dict.fromkeys(_packages(file.resolve(), root))
    waiting = [file.resolve(), *found]
    while waiting:
        one = waiting.pop()
        try:
            status = one.stat()
            names = _names_in(one, status.st_size, status.st_mtime_ns)
        except (OSError, SyntaxError, ValueError):  # building the network shows the error
            continue
        for level, name in names:
            for path in _files_of(name, root if level == 0 else one.parents[level - 1], root):
                if path not in found and path != file.resolve() and path.is_relative_to(root):
                    found[path] = None
                    waiting.append(path)
    return {path.relative_to(root).as_posix(): path for path in sorted(found)}


@cache
def _installed() -> list[Path]:
    """Returns the folders of installed packages and of Python's standard library."""
    kinds = ("purelib", "platlib", "stdlib", "platstdlib")
    return [Path(sysconfig.get_path(kind)).resolve() for kind in kinds]


@cache
def _names_in(file: Path, size: int, modified: int) -> list[tuple[int, str]]:
    """Returns (level, dotted name) of every import in a file; size and time of change are for the cache."""
    found: dict[tuple[int, str], None] = {}
    for node in ast.walk(ast.parse(read_bytes(file, most=LARGEST_TEXT))):
        if isinstance(node, ast.Import):
            found |= dict.fromkeys((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            found |= dict.fromkeys((node.level, ".".join([*base, alias.name])) for alias in node.names)
    return list(found)


def _files_of(name: str, folder: Path, root: Path) -> Iterator[Path]:
    """Yields the file of a module, or of the module that defines the name, and those of its packages."""
    place = folder
    for part in name.split("."):
        place = place / part
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                yield path.resolve() if path.resolve().is_relative_to(root) else path


def _packages(file: Path, root: Path) -> Iterator[Path]:
    """Yields the `__init__.py` of each package around a file, which runs before the file."""
    for folder in file.parents:
        if folder == root:
            return
        init = folder / "__init__.py"
        if init.is_file() and init != file:
            yield init
