"""Picks the one tensor that is measured from what a network returns: its logits, or its first tensor."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ..precision import doubled

LOGITS = ("logits", "out")  # names in classifiers and in torchvision's segmentation networks


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
        for name in (*LOGITS, *named):
            if isinstance(named.get(name), Tensor):
                return named[name], f"{name!r} of {', '.join(named)}"
    elif isinstance(output, Sequence) and not isinstance(output, str):
        for place, one in enumerate(output):
            if isinstance(one, Tensor):
                return one, f"tensor {place + 1} of {len(output)} in a {type(output).__name__}"
    raise TypeError(f"the network returned a {type(output).__name__}; wrap it to return one tensor [B, ...]")


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
