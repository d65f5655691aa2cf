"""Finds and imports the user's code: `package.module:callable`, or `path/to/file.py:callable`.

It is a module of its own, apart from `own_code`, since only this file changes `sys.path` and `sys.modules`.
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
    """The place of a callable: a module's name, or a file that has no module name, and the callable's name in it."""

    module: str
    attribute: str
    file: Path | None = None


def place_of(spec: str) -> Place:
    """Parses a spec. A file that can be imported by its module's name becomes that module: `net.py:Net` is `net:Net`.

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
    """Returns True if a module has this name, in the current folder or installed; its import may still fail.

    Packages are imported only if none of their files is the module, since they may create it or find it elsewhere.
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
    except Exception:  # a parent package exists and fails; `build_own` will raise its error
        return True


def code_file(spec: str) -> Path | None:
    """Returns the file of a spec's module without importing it; None if it has no file."""
    place = place_of(spec)
    return place.file or _origin(place.module)


def _origin(module: str) -> Path | None:
    found = _spec_of(module)
    return Path(found.origin) if found and found.origin and Path(found.origin).is_file() else None


def _spec_of(name: str) -> ModuleSpec | None:
    """Finds a module without importing the packages around it, which `importlib.util.find_spec` would do."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    spec: ModuleSpec | None = None
    folders: list[str] | None = None
    with _first_on_path(os.getcwd()):
        for whole in accumulate(name.split("."), "{}.{}".format):
            if spec is not None and folders is None:  # a module that is no package
                return None
            parent = sys.modules.get(whole)
            spec = getattr(parent, "__spec__", None) if parent else _looked_for(whole, folders)
            if spec is None:
                return None
            folders = list(getattr(parent, "__path__", None) or spec.submodule_search_locations or ()) or None
    return spec


def _looked_for(whole: str, folders: list[str] | None) -> ModuleSpec | None:
    """Finds a module as `import` does, in the folders of its package; top-level modules have None as folders."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(whole, folders)
        except KeyError:  # a folder without __init__.py inside another: Python searches it among imported modules
            spec = ModuleSpec(whole, None, is_package=True)
            places = (Path(folder, whole.rpartition(".")[2]) for folder in folders or ())
            spec.submodule_search_locations = [str(place) for place in places if place.is_dir()]
        if spec is not None:
            return spec
    return None


@contextmanager
def imported(place: Place) -> Iterator[ModuleType]:
    """Imports the module; inside the context, its folder comes first for further imports.

    The modules beside a file are forgotten afterwards, since another folder may have modules with the same names.
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
    """Sets aside imported modules that share names with a folder's; on exit removes the folder's and restores them."""
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
    """Returns True for a module from a file outside installed packages."""
    file = getattr(module, "__file__", None)
    return file is not None and not {"site-packages", "dist-packages"} & set(Path(file).parts)


@contextmanager
def _first_on_path(folder: str) -> Iterator[None]:
    """Puts a folder first in the search for modules, as `python -m` and `python FILE` do."""
    with taking_turns():
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path.remove(folder)
