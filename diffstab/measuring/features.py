"""Finds the tensor inside a network that is measured instead of its output: its features, or a layer's output."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..options import ALL, FEATURES, UNIT_FEATURES
from .layers.names import layers_meant
from .outputs import measured_output, returned

ITSELF = "the output itself, since no linear layer returns it"
Inside = Callable[[Any, Tensor], tuple[Tensor, str]]  # from network and images to f(x) `[B, ...]` and its place


def inside(network: Any, of: str) -> Inside:
    """Returns the function that runs the network on images and returns the tensor that `of` means, and its place.

    Args:
        network: The network, an `nn.Module`.
        of: Form of the output: `features` (the input of the linear layer that returns the output, or the output itself
            if none does), `unit-features` (the same, divided by its norm for each image), or the name of a layer, with
            `*` and `?`.

    Raises:
        ValueError: If the network shows no layers, or the name means none of them or several; and, when it runs, if the
            layer runs never or several times in a forward pass.

    >>> import torch
    >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> features, place = inside(network, "features")(network, torch.rand(5, 4))
    >>> features.shape, place
    (torch.Size([5, 3]), 'the input of 2')
    """
    if of in (FEATURES, UNIT_FEATURES):
        linear = {
            name: module
            for name, module in layers_meant(network, ALL, "of", of).items()
            if isinstance(module, (nn.Linear, nn.Conv2d))
        }
        return lambda model, images: _features(model, images, linear, unit=of == UNIT_FEATURES)
    found = layers_meant(network, of, "of")
    if len(found) > 1:
        raise ValueError(f"of is {of!r}, which means {len(found)} layers ({', '.join([*found][:3])}, ...); name one")
    [(name, layer)] = found.items()
    return lambda model, images: _of_layer(model, images, name, layer)


def _features(model: Any, images: Tensor, linear: Mapping[str, nn.Module], *, unit: bool) -> tuple[Tensor, str]:
    last: list[tuple[str, Tensor, Tensor, int]] = []

    def look(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        last[:] = [(name, inputs[0], output, output._version)] if inputs else []

    with ExitStack() as hooks:
        for name, module in linear.items():
            hooks.enter_context(module.register_forward_hook(partial(look, name)))
        output, where = measured_output(returned(model, images))
    features, place = output, where or ITSELF
    if last:
        name, came, gave, version = last[0]
        if _is_same(output, gave) and gave._version == version:
            features, place = came, f"the input of {name}"
    return (_on_sphere(features), f"{place}, divided by its norm") if unit else (features, place)


def _is_same(output: Tensor, gave: Tensor) -> bool:
    """Returns True if the network's output is what a layer gave, perhaps in another shape."""
    return output.data_ptr() == gave.data_ptr() and output.shape.numel() == gave.shape.numel()


def _on_sphere(features: Tensor) -> Tensor:
    """Returns features `[B, ...]` divided by their norm for each image; not finite where that is 0."""
    norms = torch.linalg.vector_norm(features.flatten(1), dim=1)
    unit: Tensor = features / norms.view(-1, *[1] * (features.ndim - 1))
    return unit


def _of_layer(model: Any, images: Tensor, name: str, layer: nn.Module) -> tuple[Tensor, str]:
    seen: list[Tensor] = []

    def look(module: nn.Module, inputs: Any, output: Any) -> None:
        seen.append(measured_output(output)[0].clone())  # the next operation may overwrite it

    with layer.register_forward_hook(look):
        returned(model, images)
    if len(seen) != 1:
        raise ValueError(
            f"of is {name!r}, a layer that runs {len(seen)} times in a forward pass; name one that runs once"
        )
    return seen[0], f"the output of {name}"
