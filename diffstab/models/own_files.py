"""Where own code stands: `package.module:callable`, or `path/to/file.py:callable`; and its import.

Apart from `own_code`, which makes a network of what stands there: this file alone touches `sys.path` and `sys.modules`.
"""

import hashlib
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ..processes import taking_turns


class Place(NamedTuple):
    """A module by its name, or a file that no module's name means; and the name of what is called in it."""

    module: str
    attribute: str
    file: Path | None = None


def place_of(spec: str) -> Place:
    """What a spec names. A file that its module's name means too is that module: `net.py:Net` is `net:Net`.

    >>> place_of("nets.small:Net")
    Place(module='nets.small', attribute='Net', file=None)
    """
    before, ending, attribute = spec.rpartition(".py:")
    if not ending:
        module, _, attribute = spec.partition(":")
        return Place(module, attribute)
    file = Path(f"{before}.py").expanduser()
    plain = file.parent.resolve() == Path.cwd() and file.stem.isidentifier()
    module = file.stem if plain else before
    if not file.is_file() or (plain and _origin(module) == file.resolve()):
        return Place(module, attribute)
    return Place(before, attribute, file)


def module_exists(name: str) -> bool:
    """Whether there is a module of that name, in the current folder or installed; it may fail when it is imported.

    Packages are imported only where none of their files is the module: they may make it, or look for it elsewhere.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    if _spec_of(name) is not None:
        return True
    try:
        with _first_on_path(os.getcwd()):
            return find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # no such parent package; a script's own __main__
        return False
    except Exception:  # a parent package is there and fails, which `build_own` will tell
        return True


def code_file(spec: str) -> Path | None:
    """The file of a spec's module, where it has one. Nothing is imported."""
    place = place_of(spec)
    return place.file or _origin(place.module)


def _origin(module: str) -> Path | None:
    found = _spec_of(module)
    return Path(found.origin) if found and found.origin and Path(found.origin).is_file() else None


def _spec_of(name: str) -> ModuleSpec | None:
    """Where a module is, without importing the packages around it, as `importlib.util.find_spec` does."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    spec: ModuleSpec | None = None
    folders: list[str] | None = None
    with _first_on_path(os.getcwd()):
        for whole in accumulate(name.split("."), "{}.{}".format):
            if spec is not None and folders is None:  # a module, and no package
                return None
            parent = sys.modules.get(whole)
            spec = getattr(parent, "__spec__", None) if parent else _looked_for(whole, folders)
            if spec is None:
                return None
            folders = list(getattr(parent, "__path__", None) or spec.submodule_search_locations or ()) or None
    return spec


def _looked_for(whole: str, folders: list[str] | None) -> ModuleSpec | None:
    """As `import` looks for it, in the folders of its package; without those, for one that is in no package."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(whole, folders)
        except KeyError:  # a folder without __init__.py in another one, which Python looks for among imported modules
            spec = ModuleSpec(whole, None, is_package=True)
            places = (Path(folder, whole.rpartition(".")[2]) for folder in folders or ())
            spec.submodule_search_locations = [str(place) for place in places if place.is_dir()]
        if spec is not None:
            return spec
    return None


@contextmanager
def imported(place: Place) -> Iterator[ModuleType]:
    """The module, while its folder is looked through first for what it and its callables import.

    A file's neighbours are modules within alone: files of other folders may have neighbours of the same names.
    """
    if place.file is None:
        with _first_on_path(os.getcwd()):
            yield importlib.import_module(place.module)
        return
    file = place.file.resolve()
    with _first_on_path(str(file.parent)), _own_neighbours(file.parent):
        yield _module_of(file)


def _module_of(file: Path) -> ModuleType:
    name = f"{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, file)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _own_neighbours(folder: Path) -> Iterator[None]:
    """Puts modules aside that have a folder's names and came from elsewhere; on leaving, takes out the folder's."""
    names = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    names -= {*sys.stdlib_module_names, __name__.partition(".")[0]}
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}
    aside = [name for name, module in before.items() if _is_loose(module) and not _is_in(folder, module)]
    for name in aside:
        del sys.modules[name]
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in names and module is not before.get(name) and _is_in(folder, module):
                del sys.modules[name]
        sys.modules.update({name: before[name] for name in aside})


def _is_in(folder: Path, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and folder in Path(file).resolve().parents


def _is_loose(module: ModuleType) -> bool:
    """Whether it is a file of somebody's and not of an installed package."""
    file = getattr(module, "__file__", None)
    return file is not None and not {"site-packages", "dist-packages"} & set(Path(file).parts)


@contextmanager
def _first_on_path(folder: str) -> Iterator[None]:
    """Modules are looked for in that folder first, as `python -m` and `python FILE` do."""
    with taking_turns():
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path.remove(folder)
