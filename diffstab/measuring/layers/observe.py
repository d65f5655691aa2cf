"""Observes a network's layers: forward hooks reduce each output to squared distances at once.

An image and all its changes go through the network in one batch, so that no output is kept until the next pass. A hook
sees an output before a following in-place operation overwrites it. A module that runs several times is seen each time.
The hooks exist only during the forward pass.
"""

import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..equivariance import Following
from ..network_state import batch_norms
from ..outputs import measured_output
from .moments import Moments, moments


class Layer(NamedTuple):
    """One run of one layer: its properties that stay the same from batch to batch.

    Attributes:
        name: Name of the layer; `:2` is added at its second run in a forward pass.
        matrices: Number of layers with weights in two or more dimensions (convolutions, linear maps) that ran so far.
        shape: Shape of the output for one image.
        part: Place among several outputs; None if there is one.
    """

    name: str
    matrices: int
    shape: tuple[int, ...]
    part: str | None


@dataclass
class Observed:
    """The layers seen in one forward pass.

    Attributes:
        layers: Moments of the outputs over the batch, by layer in the order of execution.
        followed: Squared difference from the map moved along with the image, and the two values of its floor (see
            `equivariance`), `[B, draws, 3]`, by layer.
        skipped: Reasons why layers could not be measured, by name.
        ran: Layers with weights in two or more dimensions, by their place among the network's modules, as they ran.
    """

    layers: dict[Layer, Moments] = field(default_factory=dict)
    followed: dict[Layer, Tensor] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    ran: list[int] = field(default_factory=list)
    _runs: dict[str, int] = field(default_factory=dict)
    _tensors: dict[str, tuple[weakref.ref[Tensor], int]] = field(default_factory=dict)

    def run_of(self, name: str) -> str:
        """Returns the name of a layer's next run."""
        run = self._runs[name] = self._runs.get(name, 0) + 1
        return name if run == 1 else f"{name}:{run}"

    def remember(self, name: str, tensor: Tensor) -> None:
        """Records the tensor that a layer returned and its version, to recognise it later."""
        self._tensors[name] = (weakref.ref(tensor), tensor._version)

    def gave(self, output: Tensor) -> frozenset[str]:
        """Returns the names of layers that returned this very tensor, if it was not changed since."""
        return frozenset(
            name for name, (seen, version) in self._tensors.items() if seen() is output and version == output._version
        )


@contextmanager
def observing(
    network: nn.Module, layers: Mapping[str, nn.Module], images: int, groups: int, following: Following | None = None
) -> Iterator[Observed]:
    """Observes layers while a network runs on images and their changes.

    Args:
        network: The network that runs inside the context.
        layers: Modules to observe, by name.
        images: Number B of images.
        groups: Number of times that the images are in the input: once unchanged, then once for each change.
        following: Moves maps along with the images; None if the changes are no deformations.

    >>> import torch
    >>> network = nn.Sequential(nn.Linear(3, 2), nn.ReLU(inplace=True))
    >>> with observing(network, {"0": network[0]}, images=4, groups=2) as seen:
    ...     output = network(torch.rand(8, 3))
    >>> [(layer.name, found.squares.shape) for layer, found in seen.layers.items()]
    [('0', torch.Size([4, 1]))]
    """
    seen = Observed()
    within_norms = {id(part) for norm in batch_norms(network) for part in norm.modules() if part is not norm}
    with ExitStack() as hooks:
        for place, module in enumerate(network.modules()):
            if place and any(p is not None and p.ndim > 1 for p in module._parameters.values()):
                hooks.enter_context(module.register_forward_hook(lambda *_, place=place: seen.ran.append(place)))
        for name, module in layers.items():
            reducer = _Reducer(seen, name, images, groups, following, in_parts=id(module) in within_norms)
            hooks.enter_context(module.register_forward_hook(reducer))
        yield seen


class _Reducer:
    """The hook of one layer.

    Args:
        seen: Collects what the hook sees.
        name: Name of the layer.
        images: Number B of images.
        groups: Number of times that the images are in the input.
        following: Moves maps along with the images, or None.
        in_parts: True if the layer may run once for each group, as an activation inside a batch norm with batch
            statistics does.
    """

    def __init__(
        self, seen: Observed, name: str, images: int, groups: int, following: Following | None, *, in_parts: bool
    ) -> None:
        self.seen, self.name, self.images, self.groups, self.in_parts = seen, name, images, groups, in_parts
        self.following = following
        self.parts: list[Tensor] = []

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if self.in_parts and isinstance(output, Tensor) and output.shape[:1] == (self.images,):
            self.parts.append(output.clone())  # the next operation may overwrite it
            if len(self.parts) < self.groups:
                return
            output, self.parts = torch.cat(self.parts), []
        run = self.seen.run_of(self.name)
        rows = self.images * self.groups
        values, part = _per_image(output, rows)
        if values is None:
            self.seen.skipped[run] = f"it gives {part} for {rows} images, not floats for each"
            return
        self.seen.remember(run, values)
        layer = Layer(run, len(self.seen.ran), tuple(values.shape[1:]), part)
        self.seen.layers[layer] = moments(values, self.groups)
        followed = None if self.following is None else self.following.of_layer(values, self.groups)
        if followed is not None:
            self.seen.followed[layer] = followed


def _per_image(output: Any, rows: int) -> tuple[Tensor, str | None] | tuple[None, str]:
    """Returns the first float tensor with a row for each image, and its place; or None and what came instead."""
    try:
        first, where = measured_output(output)
    except TypeError:
        return None, f"a {type(output).__name__}"
    several = [first, *output] if isinstance(output, (tuple, list)) else [first]
    for place, one in enumerate(several):
        if isinstance(one, Tensor) and one.is_floating_point() and one.shape[:1] == (rows,):
            return one, where if place == 0 else f"tensor {place} of {len(several) - 1}"
    return None, f"{str(first.dtype).removeprefix('torch.')} {tuple(first.shape)}"
