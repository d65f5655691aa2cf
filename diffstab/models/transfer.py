"""Loads ImageNet weights into a small-image network, all but the read-out's, to start transfer learning."""

from typing import Any

from torch import Tensor, nn

from ..options import base_name
from .from_torchvision import fetched_state


def start_from_imagenet(network: nn.Module, model: str, channels: int) -> None:
    """Copies torchvision's published weights into the paper's network of the same name, freshly initialised.

    For gray images, the first filters are summed over the colours, which equals a colour image with equal channels.

    Raises:
        ValueError: If no published weights fit, or they can't be fetched.
    """
    name = base_name(model.rpartition(":")[2])
    state = fetched_state(name)
    own = network.state_dict()
    head = read_out(network)[0]
    taken: dict[str, Tensor] = {}
    for key, value in own.items():
        if key.startswith(f"{head}."):
            continue
        if key not in state or _fitted(state[key], value, channels).shape != value.shape:
            kind = "lack" if key not in state else f"have {tuple(state[key].shape)} for"
            raise ValueError(
                f"start is 'imagenet' and model is {model!r}; torchvision's weights of {name} {kind} its {key}; "
                "take efficientnet_b0 or efficientnet_b2, or start from init"
            )
        taken[key] = _fitted(state[key], value, channels)
    network.load_state_dict({**own, **taken})


def _fitted(published: Tensor, own: Tensor, channels: int) -> Tensor:
    gray = channels == 1 and published.ndim == 4 and published.shape[1] == 3 and own.shape[1] == 1
    return published.sum(1, keepdim=True) if gray else published


def read_out(network: nn.Module) -> tuple[str, Any]:
    """Returns name and module of the last layer with weights.

    >>> read_out(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 5), nn.Softmax(1)))
    ('2', Linear(in_features=2, out_features=5, bias=True))
    """
    return [(name, layer) for name, layer in network.named_modules() if layer._parameters][-1]
