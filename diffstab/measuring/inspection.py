"""Checks with a few images whether a network's numbers can be trusted.

It checks whether the network repeats its outputs, whether an image's output depends on the other images of its batch,
in which precision its operations really run, and which part of its input reaches its output.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..precision import sent
from ..statistics import Array
from .batches import Batch
from .blind import blind_part
from .memory import Memory
from .modules import is_compiled
from .network_state import Network
from .outputs import flat_output
from .setup import Setup

SAME_IMAGES = 4  # images that are run again, to see whether the network repeats its outputs
SAME_WITHIN = 1e-4  # of the outputs' norm; rounding on a GPU that sums in any order stays far below
SAME_WITHIN_AMP = 0.05  # under autocast: bfloat16 has 8 bits, and its kernels depend on the size of the batch
MUCH = 0.1  # of the outputs' norm: too much for rounding
LIKE = 0.1  # times the change in another batch: a change above it has the same cause
QUANTISED = (torch.quint8, torch.qint8)
BESIDE = -1  # index of an image that only fills the batch


@dataclass(eq=False)
class MixesImagesError(Exception):
    """An image's output depends on the other images of its batch, by `share` of its norm."""

    share: float


@dataclass(frozen=True)
class Inspected:
    """The outcome of the inspection.

    Attributes:
        lowered: Lowest precision below the measurement's in which an operation ran, such as `bfloat16`; None for none.
        seen: Share of the input's values that reach the output, 0 to 1; None if it is unknown.
        ignored: Description of the others; empty if there are none.
    """

    lowered: str | None = None
    seen: float | None = None
    ignored: str = ""


def inspect(
    model: Network, batch: Batch, setup: Setup, memory: Memory, measured: Mapping[int, Array], *, whole: bool
) -> Inspected:
    """Runs a few images again in a smaller batch, and compares the outputs with the measured ones.

    Args:
        model: The network, in the mode it is measured in.
        batch: The first batch.
        setup: Setup of the measurement.
        memory: Memory of the device.
        measured: Measured outputs `[outputs]` by the image's index; some images of the batch are enough.
        whole: True if the batch is part of f, so that only whole batches can be compared.

    Raises:
        ValueError: If the network gives different outputs for the same images; if layers are observed, also if images
            that run beside their changes have different outputs than alone.
        MixesImagesError: If an image's output depends on the other images of its batch although `whole` is False.
    """
    part = batch if whole else _in_other_company(batch)
    try:
        (lowered, *_) = memory.run(lambda one: _run_again(model, one, setup, measured, alike=whole), part)
    except (RuntimeError, AssertionError):  # a network may be made for one size of batch
        (lowered, *_) = memory.run(lambda one: _run_again(model, one, setup, measured, alike=True), batch)
    return Inspected(lowered, *blind_part(model, batch, setup))


def _in_other_company(batch: Batch) -> Batch:
    """Returns a few images of a batch without the others; a single image gets its mirror image beside it."""
    if len(batch.keys) > 1:
        few = min(SAME_IMAGES, -(-len(batch.keys) // 2))
        return Batch(*(column[:few] for column in batch))
    keys = torch.cat([batch.keys, torch.full_like(batch.keys, BESIDE)])
    return Batch(keys, torch.cat([batch.images, batch.images.flip(-1)]), batch.labels.repeat(2))


def _run_again(model: Network, batch: Batch, setup: Setup, measured: Mapping[int, Array], *, alike: bool) -> str | None:
    """Returns the lowest precision that ran; raises the errors of `inspect`.

    `alike` is True if the batch is the one that was measured.
    """
    images = setup.base(setup.placed(batch))
    with nullcontext() if is_compiled(model) else _Precisions() as seen:
        found = flat_output(model, images, setup)
    keys = [key for key in batch.keys.tolist() if key != BESIDE]  # which come first
    before = sent(torch.from_numpy(np.stack([measured[key] for key in keys])), found.device)
    share, lowered = _difference(found[: len(keys)], before), setup.settings.amp
    if share > SAME_WITHIN or lowered:
        own = _difference(found, flat_output(model, images, setup))
        alone = setup.layers is None and alike and not lowered  # nothing differs from what was measured
        if max(own, share if alone else 0.0) > SAME_WITHIN:
            raise ValueError(
                f"the network gives other outputs for the same images, by {100 * max(own, share):.3g}%: something "
                "random is left on in evaluation mode, such as torch.nn.functional.dropout without "
                "training=self.training; switch it off"
            )
        if not alone and share > (SAME_WITHIN_AMP if lowered else SAME_WITHIN) and not (setup.layers and lowered):
            _tell_mixing(model, images, share, setup)
    return None if seen is None else seen.below(setup.dtype)


def _tell_mixing(model: Network, images: Tensor, share: float, setup: Setup) -> None:
    """Raises the errors of `inspect`, unless rounding explains that outputs differ by `share` in a smaller batch.

    Rounding depends on the size of the batch, and some outputs are small differences of large numbers. It is equal in
    two batches of the same size that differ in their other images.
    """
    if setup.layers is None:
        others = images.flip(-1), images.flip(-2).roll(1, 0) / 2
        both = [flat_output(model, torch.cat([images, one]), setup)[: len(images)] for one in others]
        if share > MUCH or _difference(*both) > LIKE * share:
            raise MixesImagesError(share)
        return
    raise ValueError(
        f"the network gives other outputs, by {share:.1%}, for images that run beside their changes: it mixes "
        "the images of a batch, so its layers can't be measured; leave layers out"
    )


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / one.norm()) if one.isfinite().all() else 0.0


class _Precisions(TorchDispatchMode):
    """Records the dtype of every tensor that an operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        if func.namespace.startswith("quantized"):  # may return floats
            self.found.add(QUANTISED[0])
        self.found |= {one.dtype for one in tree_leaves(given) if isinstance(one, Tensor) and one.numel() > 1}
        return given

    def below(self, dtype: torch.dtype) -> str | None:
        """Returns the lowest precision below that of `dtype`, quantised or floating point; None if there is none."""
        quantised = [one for one in self.found if one in QUANTISED]
        floats = [one for one in self.found if one.is_floating_point and torch.finfo(one).eps > torch.finfo(dtype).eps]
        lowest = quantised or sorted(floats, key=lambda one: torch.finfo(one).eps)[-1:]
        return str(lowest[0]).removeprefix("torch.") if lowest else None
