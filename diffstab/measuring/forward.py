"""Runs the network on a batch: x, tau x and x + eta one after the other, or all at once to observe layers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from .batches import Batch
from .equivariance import Following
from .layers.gather import LayerChanges, changes_of
from .layers.observe import observing
from .network_state import Network, batch_norm_by_group
from .outputs import flat, measured_output
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


def network_output(model: Network, images: Tensor, setup: Setup) -> tuple[Tensor, str | None]:
    """Returns the network's output `[B, ...]`, with shape and type checked, and its place in what was returned."""
    with torch.autocast(setup.device.type) if setup.settings.amp else nullcontext():
        output, where = measured_output(_returned(model, images))
    if output.layout != torch.strided or output.is_nested or output.is_quantized:
        kind = "nested" if output.is_nested else "quantised" if output.is_quantized else str(output.layout)
        raise ValueError(
            f"the network returned a {kind} tensor; wrap it to return a plain one, as output.to_dense() or "
            "output.dequantize() gives"
        )
    if output.ndim < 1 or len(output) != len(images) or not output.numel() or not output.is_floating_point():
        came = f"{output.dtype} {tuple(output.shape)}"
        raise ValueError(f"the network returned {came} for {len(images)} images; floats [B, ...] are needed")
    return output if setup.settings.of == "logits" else _probabilities(output), where


def _probabilities(output: Tensor) -> Tensor:
    """Returns the softmax over the classes of `[B, classes, ...]`. Raises ValueError if there are not several."""
    if output.ndim < 2 or output.shape[1] < 2:
        raise ValueError(
            f"of is 'probabilities' and the network has an output of {tuple(output.shape[1:])} for an image; several "
            "classes are needed, or of='logits'"
        )
    return output.softmax(1)


def _returned(model: Network, images: Tensor) -> Any:
    """Calls the network; re-raises its error with the shape of the images."""
    try:
        return model(images.clone())  # a network may change its input in place
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        shape = "x".join(map(str, images.shape))
        raise ValueError(f"the network fails on images of {shape} ({type(error).__name__}: {error})") from error


def flat_output(model: Network, images: Tensor, setup: Setup) -> Tensor:
    """Returns the network's output as float64 `[B, outputs]`."""
    return flat(network_output(model, images, setup)[0])


@contextmanager
def told_as_value_error(model: str, shape: tuple[int, ...]) -> Iterator[None]:
    """Turns a network's own errors on images of a shape `[C, H, W]` into a ValueError."""
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        size, reason = "x".join(map(str, shape)), str(error) or "it gives no reason"
        raise ValueError(f"model {model} fails on images of {size} ({reason:.200})") from error
