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

Outputs = Iterator[tuple[Tensor, str | None]]  # output `[B, ...]` of each input, and its place in what was returned


def forward(
    model: Network, inputs: Iterable[Tensor], batch: Batch, setup: Setup, following: Following | None
) -> tuple[Outputs, LayerChanges | None]:
    """Runs one input after the other; or all in one batch, to observe the layers and how far they follow the image.

    Batch norm that uses batch statistics treats each input as a batch of its own.
    """
    if setup.layers is None:
        return (network_output(model, images, setup) for images in inputs), None
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
