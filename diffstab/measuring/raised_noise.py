"""Measures how <b>, the squared change by noise, grows with the noise norm r: d log <b> / d log r, from a few images.

The norm r is an average over the images, so that other images would have another r, and another <b>. The intervals of
G and R need this growth. It comes from running a few images again with larger noise.
"""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..precision import sent
from ..statistics import Array
from .batches import Batch, Radius
from .forward import forward
from .memory import Memory
from .network_state import Network
from .outputs import flat, flat_output
from .setup import Setup

IMAGES = 12  # spread over all images; more would cost more time than the intervals gain
LARGER = 1.2  # times the noise norm
OUTPUT = ""  # key of the network's output, among the names of layers

Raised = dict[str, Array]  # b at the noise norm and at the larger one, `[P, 2]`: of the output, and of layers by name


def spread_over(keys: NDArray[np.int64]) -> frozenset[int]:
    """Returns the indices of a few images, evenly spread over all, independent of batches."""
    places = np.linspace(0, len(keys) - 1, min(IMAGES, len(keys))).round().astype(int)
    return frozenset(np.sort(keys)[places].tolist())


class RaisedNoise:
    """Gathers images as they are measured, and finally runs them with larger noise.

    Args:
        wanted: Indices of the images; None takes the whole first batch, for networks whose batch is part of f.
    """

    def __init__(self, wanted: frozenset[int] | None) -> None:
        self.wanted = wanted
        self.first: Batch | None = None
        self.kept: list[Batch] = []
        self.measured: dict[int, tuple[Array, float]] = {}

    def take(self, batch: Batch, outputs: Array, noise: Array) -> None:
        """Keeps a batch's wanted images, with f(x) `[B, outputs]` and b of the first draw `[B]` as measured."""
        if self.wanted is not None and not self.wanted:
            return
        keys = batch.keys.tolist()
        places = [place for place, key in enumerate(keys) if self.wanted is None or key in self.wanted]
        if self.first is None:
            self.first, noted = batch, list(range(len(keys)))
        else:
            noted = places
        self.measured |= {keys[place]: (outputs[place], float(noise[place])) for place in noted}
        if places and self.wanted is not None:
            self.kept.append(Batch(*(column[places] for column in batch)))

    def run(self, model: Network, setup: Setup, memory: Memory, radius: Radius) -> Raised:
        """Returns b at the noise norm and at the larger one; empty if no image was wanted, or none can be run."""
        if self.first is None or (self.wanted is not None and not self.kept):
            return {}
        if self.kept:
            chosen = Batch(*(torch.cat(column) for column in zip(*self.kept, strict=True)))
            with suppress(RuntimeError, AssertionError):  # a network may be made for one size of batch
                return self._run(chosen, model, setup, memory, radius)
        return self._run(self.first, model, setup, memory, radius)

    def _run(self, batch: Batch, model: Network, setup: Setup, memory: Memory, radius: Radius) -> Raised:
        work = self._of_output if setup.layers is None else _of_layers
        return joined_raised(memory.run(lambda part: work(model, part, setup, radius(part)[:, 0]), batch))

    def _of_output(self, model: Network, batch: Batch, setup: Setup, radii: Tensor) -> Raised:
        """Runs images with the larger noise only; the other outputs were measured before."""
        images = setup.base(setup.placed(batch))
        noisy = setup.noisy(images, setup.keys(batch, 0), LARGER * radii)
        output = flat_output(model, noisy, setup)
        outputs, before = zip(*(self.measured[key] for key in batch.keys.tolist()), strict=True)
        reference = sent(torch.from_numpy(np.stack(outputs)), output.device)
        larger = (output - reference).square().sum(1).cpu().numpy()
        return {OUTPUT: np.stack([np.array(before), larger], axis=1)}


def _of_layers(model: Network, batch: Batch, setup: Setup, radii: Tensor) -> Raised:
    """Runs image, noise and larger noise at once, since outputs of layers are not kept."""
    images = setup.base(setup.placed(batch))
    noisy = [setup.noisy(images, setup.keys(batch, 0), factor * radii) for factor in (1, LARGER)]
    outputs, layers = forward(model, [images, *noisy], batch, setup, None)
    assert layers is not None
    reference, *changed = (flat(output) for output, _ in outputs)
    squares = torch.stack([(one - reference).square().sum(1) for one in changed], dim=1)
    by_layer = {layer.name: layers.squares[0][:, place] for place, layer in enumerate(layers.layers or ())}
    return {OUTPUT: squares.cpu().numpy(), **by_layer}


def joined_raised(parts: Sequence[Raised]) -> Raised:
    """Joins several batches, or several processes."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: np.concatenate([part[name] for part in parts if name in part]) for name in names}


def noise_exponent(raised: Raised, name: str, average: str) -> float | None:
    """Returns d log <b> / d log r of the output or a layer, dimensionless; None if it is unknown.

    >>> linear = {OUTPUT: np.array([[1.0, 1.44], [2.0, 2.88]])}
    >>> round(noise_exponent(linear, OUTPUT, "median"), 12)
    2.0
    """
    if name not in raised:
        return None
    before, larger = raised[name].T
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.median(larger / before) if average == "median" else larger.sum() / before.sum()
        found = float(np.log(growth) / np.log(LARGER))
    return found if np.isfinite(found) else None
