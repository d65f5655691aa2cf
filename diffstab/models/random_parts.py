"""Finds the parts of a network with published weights that are random, because the weights are for another head.

Libraries load the weights that fit and leave the rest as initialised, each by its own rules. So the network is built
twice, from two seeds: the tensors that differ were not in the weights.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..checks import some
from .transfer import read_out

INIT, FEATURES = "init", "none"  # states of a head: random while the rest is trained; missing, so outputs are features


def head_left(model: str, network: nn.Module, again: Callable[[], nn.Module]) -> str | None:
    """Returns the state of the classifier: `init` if it is random, `none` if it is missing, None if it has weights.

    Args:
        model: Name of the network, for messages.
        network: The network with its published weights.
        again: Function that builds the network once more, from another seed.

    Raises:
        ValueError: If anything but the classifier is random.
    """
    random = random_names(network, again())
    if not random:
        return FEATURES if getattr(network, "num_classes", None) == 0 else None
    heads = tuple(f"{name}." for name in _classifiers(network))
    others = [name for name in random if not name.startswith(heads)]
    if others:
        raise ValueError(
            f"the weights of {model} lack {some(others)}, so these would be random; leave out the "
            "options that its weights don't fit, use --weights init, or --checkpoint FILE"
        )
    return INIT


def random_names(network: nn.Module, other: nn.Module) -> list[str]:
    """Returns the names of parameters and buffers that differ between two networks built from two seeds."""
    second = other.state_dict()
    return [
        name
        for name, value in network.state_dict().items()
        if isinstance(value, torch.Tensor) and not value.equal(second[name])
    ]


def _classifiers(network: nn.Module) -> list[str]:
    """Names of the layers that compute the logits: those that the network tells, otherwise the last with weights."""
    own: tuple[str, ...] | None = getattr(network, "classifiers", None)
    if own is not None:
        return list(own)
    config: Any = getattr(network, "pretrained_cfg", None) or {}
    told = config.get("classifier")
    return [read_out(network)[0]] if not told else [told] if isinstance(told, str) else list(told)
