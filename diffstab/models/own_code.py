"""Makes a network from the user's code: `package.module:callable` or `file.py:callable`, called with its arguments."""

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
    """A network, or another callable, and those of the offered arguments that it was made with."""

    network: Any
    taken: dict[str, Any]


def build_own(spec: str, arguments: Mapping[str, Any], offered: Mapping[str, Any]) -> OwnNetwork:
    """Calls the user's callable and returns the network; copies a network that exists already.

    Args:
        spec: Name of the callable, `package.module:callable` or `file.py:callable`.
        arguments: Arguments that the callable gets in any case.
        offered: Arguments that the callable gets if its signature has them.

    Raises:
        ValueError: If the module can't be imported, lacks this name, or the call fails.
        TypeError: If the callable returns no network.
    """
    place = place_of(spec)
    with ExitStack() as stack:  # stays open for the call, which may import too
        try:
            module = stack.enter_context(imported(place))
        except (Exception, SystemExit) as error:  # the user's code may raise anything
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
    """Returns True if a class or function has an argument `name`, or takes any; False for a network itself.

    >>> takes(lambda num_classes: None, "num_classes"), takes(lambda **more: None, "depth"), takes(nn.Flatten, "x")
    (True, True, False)
    """
    # nn.Module.__init__ accepts any argument in its signature, and then refuses it
    if isinstance(made, nn.Module) or getattr(made, "__init__", None) is nn.Module.__init__:
        return False
    try:
        parameters = inspect.signature(made).parameters.values()
    except (ValueError, TypeError):  # a builtin has no signature
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
    """Copies a network of the user's module, so that a checkpoint or another precision does not change the original."""
    if arguments:
        raise ValueError(f"model is {spec!r}, a network already; it takes no {', '.join(arguments)}")
    try:
        return copy.deepcopy(made)
    except Exception as error:
        raise ValueError(
            f"model is {spec!r}, a network that can't be copied ({in_short(error)}); name a function that makes it"
        ) from error
