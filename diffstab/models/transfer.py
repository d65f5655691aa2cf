"""ImageNet weights in a small-image net, all but the read-out's: where transfer learning starts."""

from typing import Any

from torch import Tensor, nn

from ..options import base_name
from .from_torchvision import fetched_state


def start_from_imagenet(network: nn.Module, model: str, channels: int) -> None:
    """Puts torchvision's published weights into the paper's net of that name, freshly initialised.

    Gray images take the sum of the first filters over the colours, which is what a gray colour image would meet.

    Raises:
        ValueError: If there are no published weights that fit, or they can't be had.
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
    """Name and module of the last layer: the last module with weights of its own.

    >>> read_out(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 5), nn.Softmax(1)))
    ('2', Linear(in_features=2, out_features=5, bias=True))
    """
    return [(name, layer) for name, layer in network.named_modules() if layer._parameters][-1]
