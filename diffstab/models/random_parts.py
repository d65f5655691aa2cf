"""What of a network with published weights is random all the same, because its weights are for another head.

Libraries load what fits and leave the rest as it was initialised. Each has its own rules for that, so they are not
looked at: the network is built twice, from two seeds, and what differs was not in the weights.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .transfer import read_out

INIT, FEATURES = "init", "none"  # of a head: random beside trained weights; not there, so that outputs are features


def head_left(model: str, network: nn.Module, again: Callable[[], nn.Module]) -> str | None:
    """`init` where the classifier is random, `none` where there is none, None where it has its weights.

    Args:
        model: Its name, for messages.
        network: With its published weights.
        again: Builds it once more, from another seed.

    Raises:
        ValueError: If anything but the classifier is random.
    """
    random = random_names(network, again())
    if not random:
        return FEATURES if getattr(network, "num_classes", None) == 0 else None
    heads = tuple(f"{name}." for name in _classifiers(network))
    others = [name for name in random if not name.startswith(heads)]
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise ValueError(
            f"the weights of {model} lack {', '.join(others[:3])}{more}, which would be random in a network called "
            "pretrained; leave out the options that its weights are not for, use --weights init, or --checkpoint FILE"
        )
    return INIT


def random_names(network: nn.Module, other: nn.Module) -> list[str]:
    """Parameters and buffers in which two networks differ that were built alike, but from two seeds."""
    second = other.state_dict()
    return [
        name
        for name, value in network.state_dict().items()
        if isinstance(value, torch.Tensor) and not value.equal(second[name])
    ]


def _classifiers(network: nn.Module) -> list[str]:
    """Names of the layers that give the logits: as timm knows them, otherwise the last with weights."""
    config: Any = getattr(network, "pretrained_cfg", None) or {}
    told = config.get("classifier")
    return [read_out(network)[0]] if not told else [told] if isinstance(told, str) else list(told)
