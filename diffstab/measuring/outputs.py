"""Runs a network, and picks the one tensor that is measured from what it returns: its logits, or its first tensor."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from ..options import PROBABILITIES
from ..precision import doubled
from .network_state import Network
from .setup import Setup

# names in classifiers, in torchvision's segmentation networks, and in encoders of transformers
FIRST = ("logits", "out", "pooler_output")


def measured_output(output: Any) -> tuple[Tensor, str | None]:
    """Returns the tensor `[B, ...]` that is measured, and its place in `output`; None if it is the whole output.

    Raises:
        TypeError: If there is no tensor.

    >>> import torch
    >>> measured_output({"aux": torch.zeros(2, 3), "out": torch.ones(2, 3)})[1]
    "'out' of aux, out"
    """
    if isinstance(output, Tensor):
        return output, None
    named = _named(output)
    if named is not None:
        for name in (*FIRST, *named):
            if isinstance(named.get(name), Tensor):
                return named[name], f"{name!r} of {', '.join(named)}"
    elif isinstance(output, Sequence) and not isinstance(output, str):
        for place, one in enumerate(output):
            if isinstance(one, Tensor):
                return one, f"tensor {place + 1} of {len(output)} in a {type(output).__name__}"
    raise TypeError(f"the network returned a {type(output).__name__}; wrap it to return one tensor [B, ...]")


def network_output(model: Network, images: Tensor, setup: Setup) -> tuple[Tensor, str | None]:
    """Returns the network's output `[B, ...]`, with shape and type checked, and its place in what was returned."""
    with torch.autocast(setup.device.type) if setup.settings.amp else nullcontext():
        if setup.inside is None:
            output, where = measured_output(returned(model, images))
        else:
            output, where = setup.inside(model, images)
    if output.layout != torch.strided or output.is_nested or output.is_quantized:
        kind = "nested" if output.is_nested else "quantised" if output.is_quantized else str(output.layout)
        raise ValueError(
            f"the network returned a {kind} tensor; wrap it to return a plain one, as output.to_dense() or "
            "output.dequantize() gives"
        )
    if output.ndim < 1 or len(output) != len(images) or not output.numel() or not output.is_floating_point():
        came = f"{output.dtype} {tuple(output.shape)}"
        raise ValueError(f"the network returned {came} for {len(images)} images; floats [B, ...] are needed")
    return _probabilities(output) if setup.settings.of == PROBABILITIES else output, where


def _probabilities(output: Tensor) -> Tensor:
    """Returns the softmax over the classes of `[B, classes, ...]`. Raises ValueError if there are not several."""
    if output.ndim < 2 or output.shape[1] < 2:
        raise ValueError(
            f"of is 'probabilities' and the network has an output of {tuple(output.shape[1:])} for an image; several "
            "classes are needed, or of='logits'"
        )
    return output.softmax(1)


def returned(model: Network, images: Tensor) -> Any:
    """Calls the network; re-raises its error with the shape of the images."""
    try:
        return model(images.clone())  # a network may change its input in place
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        shape = "x".join(map(str, images.shape))
        raise ValueError(f"the network fails on images of {shape} ({type(error).__name__}: {error})") from error


def flat_output(model: Network, images: Tensor, setup: Setup) -> Tensor:
    """Returns the network's output as float64 `[B, outputs]`."""
    return flat(network_output(model, images, setup)[0])


def flat(output: Tensor) -> Tensor:
    """Returns a float64 copy `[B, outputs]` of the output, since a network may reuse its output's memory."""
    return doubled(output.reshape(len(output), -1))


def _named(output: Any) -> Mapping[str, Any] | None:
    """Returns outputs by name if `output` is a mapping, a named tuple, or an object with `logits`; else None."""
    if isinstance(output, Mapping):
        return {str(name): value for name, value in output.items() if value is not None}
    if hasattr(output, "_asdict"):
        return dict(output._asdict())
    return {"logits": output.logits} if hasattr(output, "logits") else None
