"""The alpha trick: alpha (f - f_0), which for a large alpha trains lazily and for a small one learns features.

Chizat and Bach (2019); Geiger, Spigler, Jacot and Wyart (2020), Eq. 7.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

RANDOM = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


class AlphaNetwork(nn.Module):
    """F(x) = alpha (f(x) - f_0(x)), with f_0 the network as it came in, which is not trained.

    Args:
        network: f. Its weights now are those of f_0.
        alpha: Dimensionless, above 0.

    Raises:
        ValueError: If the network has batch normalisation or dropout: f_0 would be no fixed function.

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
        """alpha (f - f_0) of images `[B, C, H, W]`: `[B, classes]`."""
        difference: Tensor = self.network(images) - self.initial(images)
        return self.alpha * difference


def is_alpha_state(state: Mapping[str, Tensor]) -> bool:
    """Whether weights are those of an `AlphaNetwork`."""
    return "alpha" in state and all(name == "alpha" or name.startswith(("network.", "initial.")) for name in state)
