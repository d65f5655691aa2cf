"""Loss, optimiser and schedule of the learning rate."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, ExponentialLR, LRScheduler

from ..models import read_out
from ..options import SOFT_HINGE_BETA, TrainOptions

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_of(options: TrainOptions) -> Loss:
    """Returns the mean loss of outputs `[B, classes]` and labels `[B]`; divided by alpha^2 if alpha is set (Eq. 7)."""
    loss = soft_hinge if options.loss == "soft-hinge" else F.cross_entropy
    if options.alpha is None:
        return loss
    factor = options.alpha**-2
    return lambda outputs, labels: factor * loss(outputs, labels)


def soft_hinge(outputs: Tensor, labels: Tensor) -> Tensor:
    """Returns the mean over images and classes of sp(1 - F_k y_k), where sp is the softplus with beta = 20.

    F_k is output k, y_k is 1 for the image's class and -1 for the others: the binary loss of Geiger et al. (2020) for
    each class.

    >>> import torch
    >>> soft_hinge(torch.tensor([[2.0, -2.0]]), torch.tensor([0])) < 1e-6
    tensor(True)
    """
    signs = 2 * F.one_hot(labels, outputs.shape[1]).to(outputs.dtype) - 1
    return F.softplus(1 - outputs * signs, beta=SOFT_HINGE_BETA).mean()


def make_optimizer(network: nn.Module, options: TrainOptions) -> torch.optim.Optimizer:
    """Makes SGD with momentum, or Adam, as the options say."""
    groups = parameter_groups(network, options)
    if options.optimizer == "adam":
        return torch.optim.Adam(groups, lr=options.lr)
    return torch.optim.SGD(groups, lr=options.lr, momentum=options.momentum)


def parameter_groups(network: nn.Module, options: TrainOptions) -> list[dict[str, Any]]:
    """Groups trained parameters by learning rate (`head_lr` for the last layer) and weight decay (0 for vectors)."""
    head = {id(parameter) for parameter in read_out(network)[1].parameters()} if options.head_lr is not None else set()
    groups: dict[tuple[Any, Any], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            rate = options.head_lr if id(parameter) in head else options.lr
            decay = options.weight_decay if options.decay_vectors or parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": own, "lr": rate, "weight_decay": decay} for (rate, decay), own in groups.items()]


def make_schedule(optimizer: torch.optim.Optimizer, options: TrainOptions, epochs: int) -> LRScheduler:
    """Makes the schedule of the learning rate, stepped once per epoch.

    A cosine reaches 0 after the share `cosine_span` of the epochs. If that is below 1 the rate then rises again, as in
    the published code.

    Args:
        optimizer: Optimiser whose rate changes.
        options: Options of the training.
        epochs: Number of epochs.
    """
    if options.schedule == "cosine":
        return CosineAnnealingLR(optimizer, max(1, round(options.cosine_span * epochs)))
    if options.schedule == "exponential":
        return ExponentialLR(optimizer, options.gamma)
    return ConstantLR(optimizer, factor=1.0)
