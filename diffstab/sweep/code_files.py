"""Files of the user's own code that a network's module imports, read from the source without running it.

So a job knows its network by the files beside it too. What is imported by a name that is made when the code runs, and
files that the code reads, are not seen here: the network itself is compared before a cell is left out (`changed`).
"""

import ast
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ..reading import LARGEST_TEXT, read_bytes


def imported_files(file: Path, module: str) -> dict[str, Path]:
    """The files that a module's file imports, and those that these import, by their place below the code's folder.

    Only files of the same folder of code count: packages that are installed have a version.

    Args:
        file: Of the module.
        module: Its name with dots, which tells the folder.
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
        except (OSError, SyntaxError, ValueError):  # which building the network tells
            continue
        for level, name in names:
            for path in _files_of(name, root if level == 0 else one.parents[level - 1], root):
                if path not in found and path != file.resolve() and path.is_relative_to(root):
                    found[path] = None
                    waiting.append(path)
    return {path.relative_to(root).as_posix(): path for path in sorted(found)}


def _installed() -> list[Path]:
    """Folders of installed packages and of Python's own modules."""
    kinds = ("purelib", "platlib", "stdlib", "platstdlib")
    return [Path(sysconfig.get_path(kind)).resolve() for kind in kinds]


@cache
def _names_in(file: Path, size: int, modified: int) -> list[tuple[int, str]]:
    """(level, dotted name) of everything that may be a module, anywhere in a file as it was then."""
    found: dict[tuple[int, str], None] = {}
    for node in ast.walk(ast.parse(read_bytes(file, most=LARGEST_TEXT))):
        if isinstance(node, ast.Import):
            found |= dict.fromkeys((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            found |= dict.fromkeys((node.level, ".".join([*base, alias.name])) for alias in node.names)
    return list(found)


def _files_of(name: str, folder: Path, root: Path) -> Iterator[Path]:
    """The file of a module, or of the one that holds the name, with those of the packages around it."""
    place = folder
    for part in name.split("."):
        place = place / part
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                yield path.resolve() if path.resolve().is_relative_to(root) else path


def _packages(file: Path, root: Path) -> Iterator[Path]:
    """The `__init__.py` of each package that a file stands in, which is run before it."""
    for folder in file.parents:
        if folder == root:
            return
        init = folder / "__init__.py"
        if init.is_file() and init != file:
            yield init
