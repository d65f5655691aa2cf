"""Losses: cross-entropy, and the soft hinge of feature and lazy training."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from ..options.train import SOFT_HINGE_BETA, TrainOptions

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_of(options: TrainOptions) -> Loss:
    """The mean loss of outputs `[B, classes]` and labels `[B]`; over alpha^2 where there is an alpha (Eq. 7)."""
    loss = soft_hinge if options.loss == "soft-hinge" else F.cross_entropy
    if options.alpha is None:
        return loss
    factor = options.alpha**-2
    return lambda outputs, labels: factor * loss(outputs, labels)


def soft_hinge(outputs: Tensor, labels: Tensor) -> Tensor:
    """The mean over images and classes of sp(1 - F_k y_k), sp the softplus of beta = 20.

    y_k is 1 for the image's own class and -1 for the others: the binary loss of Geiger et al. (2020), class by class.

    >>> import torch
    >>> soft_hinge(torch.tensor([[2.0, -2.0]]), torch.tensor([0])) < 1e-6
    tensor(True)
    """
    signs = 2 * F.one_hot(labels, outputs.shape[1]).to(outputs.dtype) - 1
    return F.softplus(1 - outputs * signs, beta=SOFT_HINGE_BETA).mean()
