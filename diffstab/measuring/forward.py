"""Runs the network on a batch: x, tau x and x + eta one after the other, or all at once to observe layers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from .batches import Batch
from .equivariance import Following
from .layers.gather import LayerChanges, changes_of
from .layers.observe import observing
from .network_state import Network, batch_norm_by_group
from .outputs import network_output
from .setup import Setup

# The output `[B, ...]` of each input with its place in what the network returned, and the changes of observed layers.
Outputs = tuple[Iterator[tuple[Tensor, str | None]], LayerChanges | None]


def in_turn(
    model: Network, inputs: Iterable[Tensor], batch: Batch, setup: Setup, following: Following | None
) -> Outputs:
    """Runs one input after the other."""
    return (network_output(model, images, setup) for images in inputs), None


def at_once(
    model: Network, inputs: Iterable[Tensor], batch: Batch, setup: Setup, following: Following | None
) -> Outputs:
    """Runs all inputs in one batch, to observe the layers, and how far they follow the image.

    Batch norm that uses batch statistics treats each input as a batch of its own.
    """
    assert setup.layers is not None
    assert isinstance(model, torch.nn.Module)
    parts = list(inputs)
    with (
        batch_norm_by_group(model, len(parts)),
        observing(model, setup.layers, len(parts[0]), len(parts), following) as seen,
    ):
        output, where = network_output(model, torch.cat(parts), setup)
    return ((part, where) for part in output.chunk(len(parts))), changes_of(seen, output, batch.keys)


@contextmanager
def told_as_value_error(model: str, shape: tuple[int, ...]) -> Iterator[None]:
    """Turns a network's own errors on images of a shape `[C, H, W]` into a ValueError."""
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        size, reason = "x".join(map(str, shape)), str(error) or "it gives no reason"
        raise ValueError(f"model {model} fails on images of {size} ({reason:.200})") from error
