"""The alpha trick: the network alpha (f - f_0) trains lazily if alpha is large, and learns features if it is small.

Chizat and Bach (2019); Geiger, Spigler, Jacot and Wyart (2020), Eq. 7.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

RANDOM = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


class AlphaNetwork(nn.Module):
    """The network F(x) = alpha (f(x) - f_0(x)); f_0 is a copy of f with its present weights, and is not trained.

    Args:
        network: The network f.
        alpha: Scale alpha, dimensionless, above 0.

    Raises:
        ValueError: If the network has batch normalisation or dropout, since f_0 would not be a fixed function.

    >>> network = AlphaNetwork(nn.Linear(3, 2), 100.0)
    >>> network(torch.ones(1, 3))
    tensor([[0., 0.]], grad_fn=...)
    """

    alpha: Tensor

    def __init__(self, network: nn.Module, alpha: float) -> None:
        super().__init__()
        varying = next((layer for layer in network.modules() if isinstance(layer, RANDOM)), None)
        if varying is not None:
            raise ValueError(
                f"alpha is {alpha:g} and the network has {type(varying).__name__}, so f_0 is no fixed function; "
                "take a network without batch normalisation and dropout, such as fc_l4 or vgg11"
            )
        self.network = network
        self.initial = copy.deepcopy(network).requires_grad_(False)
        self.register_buffer("alpha", torch.tensor(float(alpha)))

    def forward(self, images: Tensor) -> Tensor:
        """Returns alpha (f - f_0), `[B, classes]`, of images `[B, C, H, W]`."""
        difference: Tensor = self.network(images) - self.initial(images)
        return self.alpha * difference


def alpha_in(state: Mapping[str, Tensor]) -> float | None:
    """Returns alpha from the weights of an `AlphaNetwork`, wrapped or not; None for weights of another network."""
    alpha = next((name for name in state if name.rpartition(".")[2] == "alpha"), None)
    if alpha is None or state[alpha].numel() != 1 or len(state) == 1:
        return None
    prefix = alpha.removesuffix("alpha")
    parts = tuple(f"{prefix}{part}." for part in ("network", "initial"))
    return float(state[alpha]) if all(name == alpha or name.startswith(parts) for name in state) else None
