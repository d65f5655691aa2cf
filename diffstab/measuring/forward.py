"""The network on a batch: x, tau x and x + eta in turn, or all at once where its layers are observed."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..precision import doubled
from ..statistics import Array
from .batches import Batch
from .layers.gather import BatchOfLayers, batch_of_layers
from .layers.observe import observing
from .memory import Memory
from .network_state import Network, batch_norm_by_group, batch_norm_used
from .outputs import measured_output
from .setup import Setup

SAME_IMAGES = 8  # that are run twice, to see whether the network gives the same outputs
SAME_WITHIN = 1e-4  # of the outputs' norm; rounding on a GPU that sums in any order stays far below


def in_turn(model: Network, inputs: Iterable[Tensor], setup: Setup) -> Iterator[tuple[Tensor, str | None]]:
    """The output `[B, ...]` of each input, and where it stood in what the network returned."""
    return (network_output(model, images, setup) for images in inputs)


def at_once(
    model: Network, inputs: Iterable[Tensor], setup: Setup
) -> tuple[list[tuple[Tensor, str | None]], BatchOfLayers]:
    """As `in_turn`, from one run over all inputs, and what was seen of the layers.

    Batch norm that works on its own batch takes each input as one.
    """
    assert setup.layers is not None
    assert isinstance(model, torch.nn.Module)
    parts = list(inputs)
    with (
        batch_norm_by_group(model, len(parts)),
        observing(model, setup.layers, len(parts[0]), len(parts)) as seen,
    ):
        output, where = network_output(model, torch.cat(parts), setup)
    return [(part, where) for part in output.chunk(len(parts))], batch_of_layers(seen, output)


def network_output(model: Network, images: Tensor, setup: Setup) -> tuple[Tensor, str | None]:
    """The network's output `[B, ...]`, checked but for its values, and where it stood."""
    with torch.autocast(setup.device.type) if setup.settings.amp else nullcontext():
        output, where = measured_output(_returned(model, images))
    if output.ndim < 1 or len(output) != len(images) or not output.numel() or not output.is_floating_point():
        came = f"{output.dtype} {tuple(output.shape)}"
        raise ValueError(f"the network returned {came} for {len(images)} images; floats [B, ...] are needed")
    return output, where


def _returned(model: Network, images: Tensor) -> Any:
    """What the network returns; an error of its own that says nothing of the images tells them."""
    try:
        return model(images.clone())  # a network may change its input in place
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        shape = "x".join(map(str, images.shape))
        raise ValueError(f"the network fails on images of {shape} ({type(error).__name__}: {error})") from error


def flat(output: Tensor) -> Tensor:
    """In float64, `[B, outputs]`: a copy, since a network may use its output's memory again."""
    return doubled(output.reshape(len(output), -1))


def check_repeats(model: Network, batch: Batch, setup: Setup, memory: Memory, measured: Mapping[int, Array]) -> None:
    """Raises ValueError if a few images give other outputs when they are run again.

    Where layers are observed, images run beside their changes: then also if they give others on their own.

    Args:
        measured: Outputs as they were measured, `[outputs]`, by the image's index; some of the batch's are enough.
    """
    few = Batch(*(column[:SAME_IMAGES] for column in batch))
    whole = setup.layers is not None and batch_norm_used(model, setup.settings.batch_norm) == "batch"
    expected = {} if setup.layers is None or setup.settings.amp else measured
    try:
        memory.run(lambda part: _run_twice(model, part, setup, expected), batch if whole else few)
    except (RuntimeError, AssertionError):  # a network may be made for one size of batch
        memory.run(lambda part: _run_twice(model, part, setup, {}), batch)


def _run_twice(model: Network, batch: Batch, setup: Setup, expected: Mapping[int, Array]) -> None:
    images = setup.base(setup.placed(batch))
    first, second = (flat(network_output(model, images, setup)[0]) for _ in range(2))
    share = _difference(first, second)
    if share > SAME_WITHIN:
        raise ValueError(
            f"the network gives other outputs for the same images, by {share:.1%}: something random is left on in "
            "evaluation mode, such as torch.nn.functional.dropout without training=self.training; switch it off"
        )
    places = [place for place, key in enumerate(batch.keys.tolist()) if key in expected]
    if places:
        beside = torch.from_numpy(np.stack([expected[int(batch.keys[place])] for place in places]))
        share = _difference(first[places], beside.to(first.device))
        if share > SAME_WITHIN:
            raise ValueError(
                f"the network gives other outputs, by {share:.1%}, for images that run beside their changes: it mixes "
                "the images of a batch, so its layers can't be measured; leave layers out"
            )


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / one.norm()) if one.isfinite().all() else 0.0


@contextmanager
def told_as_value_error(model: str, shape: tuple[int, ...]) -> Iterator[None]:
    """Turns a network's own errors on images of a shape `[C, H, W]` into a ValueError."""
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        size, reason = "x".join(map(str, shape)), str(error) or "it gives no reason"
        raise ValueError(f"model {model} fails on images of {size} ({reason:.200})") from error
