"""Which of a checkpoint's tensors are a network's weights: found by names and shapes, whatever the keys are called.

A checkpoint is nested dictionaries. Those that hold tensors are state dicts; where one stands is its path, as in
`state_dict_ema`. Wrappers put a prefix before the names in it, as in `module._orig_mod.conv1.weight`. A path and a
prefix, without the parts that wrappers add, make the key by which weights are chosen: `state_dict.model`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

State = dict[str, Tensor]
# Parts of names that wrappers add: torch.compile, DataParallel, FSDP and activation checkpointing.
WRAPPING = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
FIRST = ("model", "state_dict", "model_state_dict")  # are taken before others that fit as well
DEEPEST = 8  # containers within one another
SHOWN = 5


class Weights(NamedTuple):
    """Part of a state dict, with what is known of it.

    Attributes:
        path: Where the state dict stands in the file; empty if the file is one itself.
        prefix: Before the network's names in it, with its last point.
        state: Its tensors by the network's names; others by their own, without the prefix.
        outside: Names of tensors beside the prefix.
        renamed: Whether parts that wrappers add stood within names too.
    """

    path: str
    prefix: str
    state: State
    outside: tuple[str, ...]
    renamed: bool

    @property
    def key(self) -> str:
        """Path and prefix without the parts that wrappers add; empty if nothing else is left."""
        return ".".join(filter(None, [self.path, *_plain(self.prefix.rstrip("."))]))


class Chosen(NamedTuple):
    """The weights that are taken, and the keys of others in the file that fit as well."""

    weights: Weights
    others: tuple[str, ...]


def state_dicts(content: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, State]]:
    """(path, tensors) of every dictionary in a checkpoint that holds tensors.

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


def weights_for(content: Any, own: Mapping[str, Tensor], origin: str, key: str | None = None) -> Chosen:
    """The weights in a checkpoint that are a network's; where none are, those that come nearest.

    Args:
        content: Of the checkpoint.
        own: The network's tensors by name.
        origin: The file, for messages.
        key: Of the weights that are wanted; None takes those that fit: under `FIRST` where there are such, otherwise
            the first in the file.

    Raises:
        ValueError: If there are no weights, none under that key, or several of one state dict fit and none is chosen.
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
                f"checkpoint {origin} holds several weights that fit, under {_some(beside)}; choose by --weights-key"
            )
        return Chosen(taken, tuple(part.key for part in fitting[1:]))
    if key is not None and not wanted:
        known = {part.key for part in parts if _fits(part, own)} or {path for path, state in held if path}
        there = f"under {_some(sorted(known - {''}))}" if known - {""} else "at its top alone; leave weights_key out"
        raise ValueError(f"weights_key is {key!r}; checkpoint {origin} holds weights {there}")
    return Chosen(max(wanted, key=lambda part: len(part.state.keys() & own.keys())), ())


def _rank(part: Weights) -> int:
    first = part.path.partition(".")[0]
    return FIRST.index(first) if first in FIRST else len(FIRST)


def _is_meant(part: Weights, key: str) -> bool:
    """Whether a key names these weights, or what they stand in; with the parts that wrappers add or without them."""
    whole = ".".join(filter(None, [part.path, part.prefix.rstrip(".")]))
    return any(f"{name}.".startswith(f"{key.rstrip('.')}.") for name in (part.key, whole) if name)


def _plain_names(own: Mapping[str, Tensor]) -> dict[tuple[str, ...], str]:
    """The network's names by their parts but those that wrappers add, unless these alone tell two names apart."""
    names = {_plain(name): name for name in own}
    return names if len(names) == len(own) else {tuple(name.split(".")): name for name in own}


def _parts(
    path: str, state: State, own: Mapping[str, Tensor], plain: Mapping[tuple[str, ...], str]
) -> Iterator[Weights]:
    """A state dict as it is read with each prefix under which the network's names may stand in it."""
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
    """Parts of a name but those that wrappers add."""
    return tuple(part for part in name.split(".") if part and part not in WRAPPING)


def _prefix(name: str, own: str) -> str | None:
    """Before one of the network's names in a state dict's, with wrappers' parts anywhere; None if it is another name.

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
    """Wrappers' parts that every name begins with."""
    first = names[0].split(".")
    count = next((k for k, part in enumerate(first) if part not in WRAPPING), 0)
    prefix = "".join(f"{part}." for part in first[:count])
    return prefix if all(name.startswith(prefix) for name in names) else ""


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:SHOWN])) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def told_of(chosen: Chosen, own: Mapping[str, Tensor], origin: str) -> str | None:
    """One line of what was taken from a checkpoint and what was not; None if it is the network's state dict alone."""
    part = chosen.weights
    told = [f"read under {part.path!r}"] * bool(part.path) + [f"prefix {part.prefix!r} taken off"] * bool(part.prefix)
    told += ["parts that wrappers add to names taken out or put in"] if part.renamed else []
    told += [f"left out: {', '.join(part.outside[:SHOWN])}" + " ..." * (len(part.outside) > SHOWN)] * bool(part.outside)
    narrow = sorted({str(t.dtype) for n, t in part.state.items() if own[n].dtype.itemsize > t.dtype.itemsize})
    told += [f"stored in half precision ({', '.join(narrow)})"] if narrow and told else []
    if chosen.others:
        told.append(f"others fit as well, under {_some(list(chosen.others))}: --weights-key chooses")
    return f"weights of {origin}: {'; '.join(told)}" if told else None
