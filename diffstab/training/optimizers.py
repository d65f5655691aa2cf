"""Optimisers and learning-rate schedules, torch's own, as the options name them."""

from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, ExponentialLR, LRScheduler

from ..models.transfer import read_out
from ..recipes import TrainOptions


def make_optimizer(network: nn.Module, options: TrainOptions) -> torch.optim.Optimizer:
    """SGD with momentum, or Adam."""
    groups = parameter_groups(network, options)
    rate: Any = options.lr
    if options.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate)
    return torch.optim.SGD(groups, lr=rate, momentum=options.momentum or 0.0)


def parameter_groups(network: nn.Module, options: TrainOptions) -> list[dict[str, Any]]:
    """Trained parameters by learning rate (the last layer's may differ) and weight decay (vectors may have none)."""
    head = {id(parameter) for parameter in read_out(network)[1].parameters()} if options.head_lr is not None else set()
    groups: dict[tuple[Any, Any], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            rate = options.head_lr if id(parameter) in head else options.lr
            decay = options.weight_decay if options.decay_vectors or parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": own, "lr": rate, "weight_decay": decay} for (rate, decay), own in groups.items()]


def make_schedule(optimizer: torch.optim.Optimizer, options: TrainOptions, epochs: int) -> LRScheduler:
    """The rate from epoch to epoch.

    A cosine is at 0 after `cosine_span` of the epochs; below 1 it rises again, as in the published code.
    """
    if options.schedule == "cosine":
        return CosineAnnealingLR(optimizer, max(1, round((options.cosine_span or 1.0) * epochs)))
    if options.schedule == "exponential":
        return ExponentialLR(optimizer, options.gamma or 1.0)
    return ConstantLR(optimizer, factor=1.0)
