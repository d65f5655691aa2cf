"""Optimisers and learning-rate schedules, torch's own, as the options name them."""

from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, ExponentialLR, LRScheduler

from ..models.transfer import read_out
from ..options.train import TrainOptions


def make_optimizer(network: nn.Module, options: TrainOptions) -> torch.optim.Optimizer:
    """SGD with momentum, or Adam."""
    groups, recipe = parameter_groups(network, options), options.filled
    if recipe.optimizer == "adam":
        return torch.optim.Adam(groups, lr=recipe.lr)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)


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
    recipe = options.filled
    if recipe.schedule == "cosine":
        return CosineAnnealingLR(optimizer, max(1, round(recipe.cosine_span * epochs)))
    if recipe.schedule == "exponential":
        return ExponentialLR(optimizer, recipe.gamma)
    return ConstantLR(optimizer, factor=1.0)
