"""A network from the user's own code: `package.module:callable` or `file.py:callable`, called with what it takes."""

import copy
import inspect
from collections.abc import Mapping
from contextlib import ExitStack
from functools import reduce
from typing import Any, NamedTuple

from torch import nn

from ..checks import in_short
from .own_files import imported, place_of


class OwnNetwork(NamedTuple):
    """A network, or another callable, and the offered arguments that it was made with."""

    network: Any
    taken: dict[str, Any]


def build_own(spec: str, arguments: Mapping[str, Any], offered: Mapping[str, Any]) -> OwnNetwork:
    """What the callable gives; of a network that stands there already, a copy.

    Args:
        spec: `package.module:callable` or `file.py:callable`.
        arguments: It is called with these, whether it takes them or not.
        offered: And with those of these that its signature takes.

    Raises:
        ValueError: If the module can't be imported, lacks that name, or the call fails.
        TypeError: If what comes is no network.
    """
    place = place_of(spec)
    with ExitStack() as stack:  # what is called may import too
        try:
            module = stack.enter_context(imported(place))
        except (Exception, SystemExit) as error:  # whatever the user's code raises
            raise ValueError(f"model is {spec!r}; importing {place.module} fails ({in_short(error)})") from error
        try:
            made: Any = reduce(getattr, place.attribute.split("."), module)
        except AttributeError as error:
            public = ", ".join(name for name in vars(module) if not name.startswith("_")) or "no public name"
            raise ValueError(
                f"model is {spec!r}; {place.module} has no {place.attribute!r} (it has: {public:.200})"
            ) from error
        taken = {name: value for name, value in offered.items() if takes(made, name)}
        whole = {**taken, **arguments}
        network = _copied(spec, made, whole) if isinstance(made, nn.Module) else _called(spec, made, whole)
    if not callable(network):
        raise TypeError(
            f"model is {spec!r}, which gives a {type(network).__name__}; a torch.nn.Module, or another callable from "
            "[B, C, H, W] to [B, ...], is needed"
        )
    return OwnNetwork(network, taken)


def takes(made: Any, name: str) -> bool:
    """Whether a class or function has an argument of that name, or takes any; a network that is there has none.

    >>> takes(lambda num_classes: None, "num_classes"), takes(lambda **more: None, "depth"), takes(nn.Flatten, "x")
    (True, True, False)
    """
    if isinstance(made, nn.Module) or getattr(made, "__init__", None) is nn.Module.__init__:  # takes any, to refuse it
        return False
    try:
        parameters = inspect.signature(made).parameters.values()
    except (ValueError, TypeError):  # of a builtin
        return False
    return any(
        one.kind is one.VAR_KEYWORD or (one.name == name and one.kind is not one.POSITIONAL_ONLY) for one in parameters
    )


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
