"""One setting: a field that says once what it means, which values it takes and where it counts.

The command line, the Python signature, a sweep's keys, the columns of a row, the hashes that identify a result, the
comparison of rows and the schemas read these fields; none of them keeps a list of names. The module imports nothing
heavy.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Flag, auto
from functools import wraps
from textwrap import wrap
from types import NoneType
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

from ..checks import a_text, one_of, positive_integer

T = TypeVar("T")
P = ParamSpec("P")
Made = TypeVar("Made")
Result = TypeVar("Result")
Check = Callable[[str, Any], Any]
ABOUT = "about"  # key of a setting in the metadata of its field
DIALECT = "https://json-schema.org/draft/2020-12/schema"  # of JSON Schema
JSON_TYPES = {int: ["integer"], float: ["number"], bool: ["boolean"], str: ["string"]}


class Role(Flag):
    """Roles of a setting. By default it counts in the hash of what was asked for wherever it is not at its default."""

    NONE = 0
    COLUMN = auto()  # a column of a row has its value
    COMPARED = auto()  # rows are compared only if they agree in it
    BESIDE = auto()  # a network that is measured beside another one takes over its value
    DEFORMS = auto()  # only smooth deformations have it; its column is None for other transformations
    KEY = auto()  # counts in the hash of a result
    KEY_IF_SET = auto()  # counts in the hash of a result if it is not at its default
    FIRST = auto()  # counts at its default too in the hash of what was asked for, as in the first stores
    EXECUTION = auto()  # changes no number, so it counts in no hash
    ASKED = auto()  # a row has it in its column `asked`, if it is not at its default
    BUILDS = auto()  # the network depends on it, although it is a setting of the measurement
    RULES = auto()  # defaults of other settings follow from it
    ASIDE = auto()  # the network does not depend on it


@dataclass(frozen=True)
class Whole:
    """A check for a whole number from `least` to `most`."""

    least: int = 1
    most: int | None = None

    def __call__(self, name: str, value: Any) -> int:
        """Returns the number. Raises TypeError or ValueError for any other value."""
        return positive_integer(name, value, least=self.least, most=self.most)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting of a class of options.

    Attributes:
        help: Meaning, as the command's help prints it.
        check: Function from (name, value) to the canonical value; raises ValueError or TypeError.
        allowed: Allowed texts; empty if there is no such list.
        usual: Value that is filled in for a default of None, and that the help shows.
        metavar: Word for the value in the help.
        flags: Names of the command's flags, if they are not `--name`.
        path: True for the path of a file or folder.
        several: True if the option may be repeated.
        section: Section of the command's help that lists it, if that does not name it.
        before: Setting of a parent class that it precedes.
        column: Column of a row that has its value: its own name if `after` or a role says that there is one.
        after: Column that its own column follows; without it, that comes last.
        roles: Roles, which say where it counts.
        name, kind, default: Name, type (without None) and default of its field.
    """

    help: str
    check: Check
    allowed: tuple[str, ...] = ()
    usual: Any = None
    metavar: str | None = None
    flags: str = ""
    path: bool = False
    several: bool = False
    section: str = ""
    before: str = ""
    column: str = ""
    after: str = ""
    roles: Role = Role.NONE
    name: str = ""
    kind: Any = None
    default: Any = None

    @property
    def shown(self) -> Any:
        """The default that is told; None if it depends on other settings."""
        return self.usual if self.default is None else self.default

    def schema(self) -> dict[str, Any]:
        """Returns the JSON Schema of a value; null stands for the default."""
        if self.allowed:
            return {"enum": [*self.allowed, None]}
        found: dict[str, Any] = {"type": [*JSON_TYPES[self.kind], "null"]}
        if isinstance(self.check, Whole):
            limits = {"minimum": self.check.least, "maximum": self.check.most}
            found |= {name: limit for name, limit in limits.items() if limit is not None}
        return found

    def has(self, roles: Role) -> bool:
        """Returns True if it has one of these roles."""
        return bool(self.roles & roles)


def setting(default: T, help: str, check: Check | None = None, *, allowed: tuple[str, ...] = (), **more: Any) -> T:
    """Makes a field of options. Type checkers see a field with this default.

    Args:
        default: Value if it is left out; None if other settings decide it.
        help: Meaning in plain words; `--name` refers to another setting.
        check: Function from (name, value) to the canonical value; by default one of `allowed`, or a text.
        allowed: Allowed texts.
        more: Further attributes of `Setting`.
    """
    check = check or (among(allowed) if allowed else a_text)
    made: T = field(default=default, metadata={ABOUT: Setting(help=help, check=check, allowed=allowed, **more)})
    return made


def first(default: T, help: str, check: Check | None = None, *, roles: Role = Role.NONE, **more: Any) -> T:
    """Makes a setting that the first stores had: it counts at its default too in the hash of what was asked for."""
    return setting(default, help, check, roles=Role.FIRST | roles, **more)


def among(allowed: tuple[str, ...]) -> Check:
    """Returns a check for one of some texts."""
    return lambda name, value: one_of(name, value, allowed)


_known: dict[type, Mapping[str, Setting]] = {}


def settings_of(options: type) -> Mapping[str, Setting]:
    """Returns the settings of a class of options by name, in the order in which they are told."""
    if options in _known:
        return _known[options]
    found: list[Setting] = []
    for f in fields(options):
        one: Setting | None = f.metadata.get(ABOUT)
        if one is None:
            continue
        kind = next(kind for kind in get_args(f.type) or (f.type,) if kind is not NoneType)
        column = one.column or (f.name if one.after or one.has(Role.COLUMN) else "")
        names = [other.name for other in found]
        place = names.index(one.before) if one.before in names else len(found)
        found.insert(place, replace(one, name=f.name, kind=kind, default=f.default, column=column))
    return _known.setdefault(options, {one.name: one for one in found})


def names_with(options: type, roles: Role) -> tuple[str, ...]:
    """Returns the names of the settings that have one of these roles."""
    return tuple(name for name, one in settings_of(options).items() if one.has(roles))


def called_with(arguments: Callable[P, Made]) -> Callable[[Callable[[Made], Result]], Callable[P, Result]]:
    """Makes a function of one object take that object's own arguments, with their types, defaults and meanings.

    The line `{settings}` of its docstring becomes the meanings of the settings.
    """

    def decorate(function: Callable[[Made], Result]) -> Callable[P, Result]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Result:
            return function(arguments(*args, **kwargs))

        signature = inspect.signature(arguments).replace(return_annotation=get_type_hints(function)["return"])
        setattr(call, "__signature__", signature)  # noqa: B010 -- functions have no such attribute for a type checker
        call.__doc__ = (function.__doc__ or "").replace("{settings}", _meanings(arguments))
        return call

    return decorate


def _meanings(arguments: Any) -> str:
    """Returns a line of a docstring's arguments for each setting, with the names that Python has for options."""
    told = []
    for name, one in settings_of(arguments).items():
        text = re.sub(r"--([a-z-]+)", lambda found: f"`{found[1].replace('-', '_')}`", one.help)
        text = re.sub(r" +\[default: ([^;\]]*).*\]", r" None: \1.", text)
        told.append("\n".join(wrap(f"{name}: {text}", 100, subsequent_indent=" " * 12)))
    return ("\n" + " " * 8).join(told)
