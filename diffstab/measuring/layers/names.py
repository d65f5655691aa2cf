"""Finds the layers that the user chose: `auto`, `all`, or names with wildcards."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from torch import nn
from torch.nn.modules import activation, batchnorm, instancenorm, normalization

from ...options import ALL, AUTO, FEATURES, OUTPUT_FORMS, UNIT_FEATURES

OTHERS = {"layers": "auto, all, names with *", "of": ", ".join((*OUTPUT_FORMS, FEATURES, UNIT_FEATURES))}
OUTPUT = "output"  # name of the network's output, the last layer of `auto` and `all`
HOLDERS = (nn.ModuleList, nn.ModuleDict)  # containers that never run themselves
SHAPING = (nn.Flatten, nn.Unflatten, nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
POINTWISE = {module.__name__ for module in (activation, batchnorm, instancenorm, normalization)}


def layers_meant(network: object, layers: str, option: str = "layers", told: str = "") -> dict[str, nn.Module]:
    """Returns the modules that a choice of layers means, by name; a module with several names comes once.

    Args:
        network: The network.
        layers: Choice of layers: `auto` (the points at which timm reads features, otherwise the top-level blocks, with
            the members of a sequence one by one), `all` (every module), or names with `*` and `?`, separated by
            commas.
        option, told: Option that asks for them and its value, if it is another one, for messages.

    Raises:
        ValueError: If the network is no `nn.Module`, its modules are hidden, or a pattern matches none of them; the
            message has the nearest names.

    >>> list(layers_meant(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2)), "auto"))
    ['1', '3']
    """
    asked = f"{option} is {told or layers!r}"
    if not isinstance(network, nn.Module):
        raise ValueError(f"{asked} but the network is a {type(network).__name__}; an nn.Module is needed")
    if any(getattr(module, "_compiled_call_impl", None) is not None for module in network.modules()):
        raise ValueError(
            f"{asked} but the network was compiled in place (network.compile()), which hides its layers; "
            "hand over one that was not"
        )
    every = network.named_modules(remove_duplicate=False)
    named = {name: module for name, module in every if name and not isinstance(module, HOLDERS)}
    if type(network).__module__.startswith("torch.jit") or not named:
        raise ValueError(f"{asked} but a {type(network).__name__} shows no layers; measure it without")
    if layers == ALL:
        found = named
    elif layers == AUTO:
        points = _feature_points(network)
        whole = bool(points) and all(name in named for name in points)
        found = {name: named[name] for name in points} if whole else dict(_blocks(network))
    else:
        found = {name: named[name] for pattern in layers.split(",") for name in _matching(pattern, named, option)}
    first = {id(module): name for name, module in reversed(found.items())}
    return {name: module for name, module in found.items() if first[id(module)] == name}


def _matching(pattern: str, named: Mapping[str, nn.Module], option: str) -> list[str]:
    found = [name for name in named if fnmatchcase(name, pattern)]
    if not found:
        near = get_close_matches(pattern, named, n=3, cutoff=0.5) or [*named][:3]
        raise ValueError(f"no layer is called {pattern!r}; near: {', '.join(near)} (or {OTHERS[option]})")
    return found


def _feature_points(network: nn.Module) -> list[str]:
    """Names of the modules at which timm reads features; none for other networks."""
    info: Any = getattr(network, "feature_info", None)
    try:
        return [str(point["module"]) for point in info]
    except (TypeError, KeyError, IndexError):
        return []


def _blocks(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yields top-level modules, with sequences by their members; a layer with its norm and activation counts as one."""
    members = list(_members(network, ""))
    following = [module for _, module in members[1:]] + [None]
    for (name, module), after in zip(members, following, strict=True):
        if not isinstance(module, SHAPING) and (after is None or not _is_pointwise(after) or _is_pool(module)):
            yield name, module


def _members(network: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for name, module in network.named_children():
        if type(module) in (nn.Sequential, *HOLDERS):
            yield from _members(module, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", module


def _is_pointwise(module: nn.Module) -> bool:
    """Returns True for a norm or an activation, of torch or timm."""
    home = type(module).__module__
    return home in POINTWISE or home.startswith(("timm.layers.activations", "timm.layers.norm"))


def _is_pool(module: nn.Module) -> bool:
    return "pool" in type(module).__name__.lower()
