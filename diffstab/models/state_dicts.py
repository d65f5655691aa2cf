"""Finds a network's weights in a checkpoint by names and shapes, under any keys.

A checkpoint is nested dictionaries. A dictionary that holds tensors is a state dict; its place is its path, such as
`state_dict_ema`. Wrappers put a prefix before the names in it, as in `module._orig_mod.conv1.weight`. Path and prefix,
without the parts that wrappers add, form the key that chooses weights: `state_dict.model`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from ..checks import some

State = dict[str, Tensor]
# Parts of names that wrappers add: torch.compile, DataParallel, FSDP and activation checkpointing.
WRAPPING = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
FIRST = ("model", "state_dict", "model_state_dict")  # preferred over other state dicts that fit as well
DEEPEST = 8  # levels of nested containers
SHOWN = 5


class Weights(NamedTuple):
    """A part of a state dict that may be a network's weights.

    Attributes:
        path: Path of the state dict in the file; empty if the file is a state dict.
        prefix: Prefix before the network's names in it, with its last point.
        state: Tensors by the network's names; other tensors by their names without the prefix.
        outside: Names of tensors without the prefix.
        renamed: True if names contained parts that wrappers add.
    """

    path: str
    prefix: str
    state: State
    outside: tuple[str, ...]
    renamed: bool

    @property
    def key(self) -> str:
        """Path and prefix without the parts that wrappers add; empty if nothing is left."""
        return ".".join(filter(None, [self.path, *_plain(self.prefix.rstrip("."))]))


def state_dicts(content: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, State]]:
    """Yields (path, tensors) of every dictionary in a checkpoint that holds tensors.

    >>> import torch
    >>> [path for path, _ in state_dicts({"epoch": 3, "net": {"w": torch.ones(2)}, "nets": [{"w": torch.ones(2)}]})]
    ['net', 'nets.0']
    """
    if depth > DEEPEST or not isinstance(content, (dict, list, tuple)):
        return
    entries = content.items() if isinstance(content, dict) else enumerate(content)
    inner = [(str(name), value) for name, value in entries]
    tensors = {name: value for name, value in inner if isinstance(value, Tensor)}
    if tensors and isinstance(content, dict):
        yield path, tensors
    for name, value in inner:
        yield from state_dicts(value, f"{path}.{name}" if path else name, depth + 1)


def weights_for(
    content: Any, own: Mapping[str, Tensor], origin: str, key: str | None = None
) -> tuple[Weights, list[str]]:
    """Chooses the weights in a checkpoint that fit a network; if none fit, those with most of its names.

    Returns them, and the keys of others in the file that fit as well.

    Args:
        content: Content of the checkpoint.
        own: The network's tensors by name.
        origin: Name of the file, for messages.
        key: Key of the wanted weights; None takes those that fit: under a key in `FIRST`, otherwise the first in the
            file.

    Raises:
        ValueError: If there are no weights, none under the key, or several of one state dict fit and no key is given.
    """
    held = list(state_dicts(content))
    if not held:
        raise ValueError(f"checkpoint {origin} holds no weights; a dictionary from names to tensors is needed")
    names = _plain_names(own)
    parts = [part for path, state in held for part in _parts(path, state, own, names)]
    wanted = parts if key is None else [part for part in parts if _is_meant(part, key)]
    fitting = sorted((part for part in wanted if _fits(part, own)), key=_rank)
    if fitting:
        taken = fitting[0]
        beside = [part.key for part in fitting if part.path == taken.path]
        if len(beside) > 1:
            raise ValueError(
                f"checkpoint {origin} holds several weights that fit, under {some(map(repr, beside), SHOWN)}; choose "
                "by --weights-key"
            )
        return taken, [part.key for part in fitting[1:]]
    if key is not None and not wanted:
        known = {part.key for part in parts if _fits(part, own)} or {path for path, state in held if path}
        there = (
            f"under {some(map(repr, sorted(known - {''})), SHOWN)}"
            if known - {""}
            else "at its top alone; leave weights_key out"
        )
        raise ValueError(f"weights_key is {key!r}; checkpoint {origin} holds weights {there}")
    return max(wanted, key=lambda part: len(part.state.keys() & own.keys())), []


def _rank(part: Weights) -> int:
    first = part.path.partition(".")[0]
    return FIRST.index(first) if first in FIRST else len(FIRST)


def _is_meant(part: Weights, key: str) -> bool:
    """Returns True if a key names these weights or a container of them, with or without the wrappers' parts."""
    whole = ".".join(filter(None, [part.path, part.prefix.rstrip(".")]))
    return any(f"{name}.".startswith(f"{key.rstrip('.')}.") for name in (part.key, whole) if name)


def _plain_names(own: Mapping[str, Tensor]) -> dict[tuple[str, ...], str]:
    """The network's names by their parts without the wrappers'; with them if names would coincide otherwise."""
    names = {_plain(name): name for name in own}
    return names if len(names) == len(own) else {tuple(name.split(".")): name for name in own}


def _parts(
    path: str, state: State, own: Mapping[str, Tensor], plain: Mapping[tuple[str, ...], str]
) -> Iterator[Weights]:
    """Yields the state dict as read with each prefix that its names may have before the network's."""
    listed = list(own)
    anchors = {max(listed, key=lambda name: name.count(".")), listed[0], listed[-1]} if listed else set()
    found = dict.fromkeys(prefix for name in state for one in anchors if (prefix := _prefix(name, one)) is not None)
    for prefix in found or [_common(list(state))]:
        inside = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
        named = {name if name in own else plain.get(_plain(name), name): value for name, value in inside.items()}
        if len(named) < len(inside):  # two of its names mean one
            named = inside
        outside = tuple(name for name in state if not name.startswith(prefix))
        yield Weights(path, prefix, named, outside, named.keys() != inside.keys())


def _fits(part: Weights, own: Mapping[str, Tensor]) -> bool:
    return part.state.keys() == own.keys() and all(part.state[name].shape == own[name].shape for name in own)


def _plain(name: str) -> tuple[str, ...]:
    """Parts of a name, without those that wrappers add."""
    return tuple(part for part in name.split(".") if part and part not in WRAPPING)


def _prefix(name: str, own: str) -> str | None:
    """Returns the prefix of `name` before the network's name `own`, with wrappers' parts anywhere.

    None means that `name` is another name.

    >>> _prefix("module._orig_mod.features.module.0.weight", "features.0.weight")
    'module._orig_mod.'
    """
    if name == own or name.endswith(f".{own}"):
        return name[: len(name) - len(own)]
    parts, wanted = name.split("."), list(_plain(own))
    while wanted and parts:
        if parts[-1] == wanted[-1]:
            wanted.pop()
        elif parts[-1] not in WRAPPING:
            return None
        parts.pop()
    return None if wanted else "".join(f"{part}." for part in parts)


def _common(names: list[str]) -> str:
    """The wrappers' parts with which every name begins."""
    first = names[0].split(".")
    count = next((k for k, part in enumerate(first) if part not in WRAPPING), 0)
    prefix = "".join(f"{part}." for part in first[:count])
    return prefix if all(name.startswith(prefix) for name in names) else ""


def told_of(part: Weights, others: list[str], own: Mapping[str, Tensor], origin: str) -> str | None:
    """Describes in one line which weights of a checkpoint were used; None if it is just the network's state dict."""
    told = [f"read under {part.path!r}"] * bool(part.path) + [f"prefix {part.prefix!r} taken off"] * bool(part.prefix)
    told += ["parts that wrappers add to names taken out or put in"] if part.renamed else []
    told += [f"left out: {', '.join(part.outside[:SHOWN])}" + " ..." * (len(part.outside) > SHOWN)] * bool(part.outside)
    narrow = sorted({str(t.dtype) for n, t in part.state.items() if own[n].dtype.itemsize > t.dtype.itemsize})
    told += [f"stored in half precision ({', '.join(narrow)})"] if narrow and told else []
    if others:
        told.append(f"others fit as well, under {some(map(repr, others), SHOWN)}: --weights-key chooses")
    return f"weights of {origin}: {'; '.join(told)}" if told else None
