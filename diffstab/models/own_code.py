"""A network from the user's own code: `package.module:callable`, found from the current folder too."""

import copy
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from ..checks import in_short


def module_exists(name: str) -> bool:
    """Whether there is a module of that name, in the current folder or installed; it may fail when it is imported."""
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    try:
        return _spec_of(name) is not None
    except (ModuleNotFoundError, ValueError):  # no such parent package; a script's own __main__
        return False
    except Exception:  # a parent package is there and fails, which `build_own` will tell
        return True


def code_file(spec: str) -> Path | None:
    """The file of a spec's module, where it has one."""
    module = spec.partition(":")[0]
    try:
        found = _spec_of(module) if module_exists(module) else None
    except Exception:  # a parent package fails
        return None
    return Path(found.origin) if found and found.origin and Path(found.origin).is_file() else None


def _spec_of(name: str) -> ModuleSpec | None:
    with _current_folder():
        return find_spec(name)


def build_own(spec: str, arguments: Mapping[str, Any]) -> Any:
    """What `package.module:callable` gives when it is called with these arguments; of a network there, a copy.

    Raises:
        ValueError: If the module can't be imported, lacks that name, or the call fails.
        TypeError: If what comes is no network.
    """
    module_name, _, attribute = spec.partition(":")
    with _current_folder():  # what is called may import too
        try:
            module = importlib.import_module(module_name)
        except (Exception, SystemExit) as error:  # whatever the user's code raises
            raise ValueError(f"model is {spec!r}; importing {module_name} fails ({in_short(error)})") from error
        try:
            made: Any = reduce(getattr, attribute.split("."), module)
        except AttributeError as error:
            public = ", ".join(name for name in vars(module) if not name.startswith("_")) or "no public name"
            raise ValueError(
                f"model is {spec!r}; {module_name} has no {attribute!r} (it has: {public:.200})"
            ) from error
        network = _copied(spec, made, arguments) if isinstance(made, nn.Module) else _called(spec, made, arguments)
    if not callable(network):
        raise TypeError(
            f"model is {spec!r}, which gives a {type(network).__name__}; a torch.nn.Module, or another callable from "
            "[B, C, H, W] to [B, ...], is needed"
        )
    return network


def _called(spec: str, made: Any, arguments: Mapping[str, Any]) -> Any:
    try:
        return made(**arguments)
    except (Exception, SystemExit) as error:
        raise ValueError(f"model is {spec!r}; calling it with {dict(arguments)} fails ({in_short(error)})") from error


def _copied(spec: str, made: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
    """The module keeps its own: a checkpoint or another precision would change it for whoever names it next."""
    if arguments:
        raise ValueError(f"model is {spec!r}, a network already; it takes no {', '.join(arguments)}")
    try:
        return copy.deepcopy(made)
    except Exception as error:
        raise ValueError(
            f"model is {spec!r}, a network that can't be copied ({in_short(error)}); name a function that makes it"
        ) from error


@contextmanager
def _current_folder() -> Iterator[None]:
    """Modules are looked for in the current folder first, as `python -m` does."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)
