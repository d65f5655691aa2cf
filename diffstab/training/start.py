"""Start of a training: its number of epochs and its state before the first."""

import math

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..measuring import told_as_value_error
from ..models import AlphaNetwork, Shape, resolve_model, start_from_imagenet
from ..options import TrainOptions
from .optimisation import make_optimizer, make_schedule
from .state import TrainingState


def epochs_of(options: TrainOptions, size: int, full: int) -> int:
    """Returns the number of epochs over `size` images with as many steps as `options.epochs` over the full set.

    A smaller training set so gets more epochs (App. E.1).

    >>> epochs_of(TrainOptions(epochs=10, batch_size=100), 500, 1000)
    20
    """
    steps, own = (math.ceil(count / options.batch_size) for count in (full, size))
    return math.ceil(options.epochs * steps / own)


def fresh_state(options: TrainOptions, shape: Shape, device: torch.device, epochs: int) -> TrainingState:
    """Makes the state before the first epoch, with a network that was tried on one image of that shape."""
    loaded = resolve_model(
        options.model, shape, dataset=options.dataset, weights="init", seed=options.seed, trust=options.trusted
    )
    network = loaded.network
    if options.start == "imagenet":
        start_from_imagenet(network, options.model, shape.channels)
    if options.alpha is not None:
        network = AlphaNetwork(network, options.alpha)
    network.to(device)
    if options.channels_last:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with told_as_value_error(options.model, shape[:3]), torch.no_grad():
        network(torch.zeros(1, *shape[:3], device=device))
    average = None
    if options.ema:
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(options.ema), use_buffers=True)
    optimizer = make_optimizer(network, options)
    return TrainingState(network, optimizer, make_schedule(optimizer, options, epochs), average)
