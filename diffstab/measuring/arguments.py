"""The arguments of `measure`: network, images, how they are read and reported, and every setting of a measurement."""

import inspect
import re
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from textwrap import wrap
from typing import ParamSpec, TypeVar, get_type_hints

import torch
from torch import Tensor

from ..options import MeasureSettings, settings_of
from ..perturbations import Transformation
from ..processes import ALONE, Processes
from .assemble import LabelOutputs
from .batches import Images
from .memory import Note
from .network_state import Network
from .second_pass import Progress

P = ParamSpec("P")
Made = TypeVar("Made")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Given:
    """The network and images that are measured, and how they are read and reported; `measure` says what each is."""

    model: Network
    images: Images
    transformation: Transformation | str | None = None
    _: KW_ONLY
    labels: Tensor | None = None
    label_outputs: LabelOutputs = range
    indices: Tensor | None = None
    count: int | None = None
    workers: int = 0
    device: torch.device | str | None = None
    name: str | None = None
    progress: Progress | bool = False
    note: Note | None = None
    processes: Processes = ALONE


@dataclass(frozen=True, eq=False, kw_only=True)
class Arguments(MeasureSettings, Given):
    """Everything that `measure` is called with."""

    def __post_init__(self) -> None:
        for name, one in settings_of(MeasureSettings).items():  # options read numbers in texts, as YAML needs it
            if one.kind is float and isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is {getattr(self, name)!r}; a number is needed")
        super().__post_init__()


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
        call.__doc__ = (function.__doc__ or "").replace("{settings}", _meanings())
        return call

    return decorate


def _meanings() -> str:
    """Returns a line of a docstring's arguments for each setting, with the names that Python has for options."""
    told = []
    for name, one in settings_of(MeasureSettings).items():
        text = re.sub(r"--([a-z-]+)", lambda found: f"`{found[1].replace('-', '_')}`", one.help)
        text = re.sub(r" +\[default: ([^;\]]*).*\]", r" None: \1.", text)
        told.append("\n".join(wrap(f"{name}: {text}", 100, subsequent_indent=" " * 12)))
    return ("\n" + " " * 8).join(told)
