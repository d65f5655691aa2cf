"""Sets the state in which a network is measured, and restores it: evaluation mode, batch norm, device, precision."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .modules import modules_in

Network = Callable[[Tensor], Tensor]


def batch_norm_used(network: Network, chosen: str) -> str:
    """Returns the statistics that batch norm uses: `batch` if a layer has no running ones, `none` without layers."""
    norms = batch_norms(network)
    if any(norm.running_mean is None for norm in norms):
        return "batch"
    return chosen if norms else "none"


def batch_norms(network: Network) -> list[Any]:
    """Returns the batch-norm layers among the network's `modules_in`."""
    return [module for module in modules_in(network) if _is_batch_norm(module)]


def _is_batch_norm(module: nn.Module) -> bool:
    """Returns True for batch norm, including that of TorchScript."""
    return isinstance(module, _BatchNorm) or "BatchNorm" in getattr(module, "original_name", "")


class Held:
    """Saves the modes and buffers of a network, to restore them later."""

    def __init__(self, network: Network) -> None:
        self.modules = modules_in(network)
        self.buffers = [(module, dict(module._buffers.items())) for module in self.modules]
        self.values = [
            (f"{type(module).__name__}.{name}", buffer, buffer.clone())
            for module, held in self.buffers
            for name, buffer in held.items()
            if buffer is not None
        ]
        self.training = [(one, one.training) for one in self.modules if hasattr(one, "training")]  # frozen: none
        self.switching = [one for one, mode in self.training if mode and type(one).train is not nn.Module.train]

    def changed(self) -> list[str]:
        """Names of buffers whose values changed, such as `BatchNorm2d.running_mean`."""
        return [name for name, buffer, value in self.values if not torch.equal(buffer, value)]

    def evaluate(self) -> None:
        """Switches every module to evaluation mode; one with a `train` of its own does more then, so that is called."""
        for module in self.switching:
            module.eval()
        for module, _ in self.training:
            module.training = False

    def put_back(self) -> None:
        """Restores the mode of each module and the values of each buffer."""
        for module in self.switching:
            module.train()
        for module, mode in self.training:
            module.training = mode
        with torch.no_grad():
            for _, buffer, value in self.values:
                if not torch.equal(buffer, value):
                    buffer.copy_(value)
        for module, held in self.buffers:
            if isinstance(module._buffers, dict):  # TorchScript's buffers always hold the same tensors
                module._buffers.update(held)


@contextmanager
def measuring_mode(network: Network, batch_norm: str) -> Iterator[Held]:
    """Switches to evaluation mode, with batch norm on its running statistics or on those of the batch (App. E.1).

    On exit, also by an exception, modes and buffers are restored, including the running statistics that batch norm in
    batch mode updates.

    Args:
        network: An `nn.Module`, or any callable, whose modules are searched.
        batch_norm: Statistics of batch norm, `running` or `batch`.
    """
    held = Held(network)
    try:
        held.evaluate()
        if batch_norm == "batch":
            for norm in batch_norms(network):
                norm.training = True
        yield held
    finally:
        held.put_back()


@contextmanager
def batch_norm_by_group(network: Network, groups: int) -> Iterator[None]:
    """Makes batch norm with batch statistics treat each of `groups` equal parts of a batch as a batch of its own."""
    norms = [norm for norm in batch_norms(network) if norm.training or norm.running_mean is None]
    before = [norm.__dict__.get("forward") for norm in norms]

    def by_group(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda values: torch.cat([forward(part) for part in values.chunk(groups)])

    try:
        for norm in norms:
            norm.forward = by_group(norm.forward)  # type: ignore[method-assign, assignment]
        yield
    finally:
        for norm, own in zip(norms, before, strict=True):
            norm.__dict__.pop("forward", None)
            if own is not None:
                norm.__dict__["forward"] = own


def place_and_precision(network: Network, images: object) -> tuple[torch.device | None, torch.dtype]:
    """Returns device and floating dtype of a network's parameters; without parameters, None and the images' dtype.

    Raises:
        ValueError: If a parameter is in half precision, where rounding hides the measured differences, or on the device
            `meta`, where it has no values.
    """
    modules = modules_in(network)
    held = (one for module in modules for one in (*module.parameters(recurse=False), *module.buffers(recurse=False)))
    tensors = [tensor for tensor in held if tensor.is_floating_point()]
    for tensor in tensors:
        if tensor.is_meta:
            raise ValueError("the network is on the device 'meta', where it has no weights; load it on cpu or cuda")
        if tensor.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"the network is in {tensor.dtype}; measure it in float32 or float64 (network.float())")
    if tensors:
        return tensors[0].device, tensors[0].dtype
    double = isinstance(images, Tensor) and images.dtype == torch.float64
    return None, torch.float64 if double else torch.float32
