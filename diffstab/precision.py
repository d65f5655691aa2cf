"""IEEE float32 in every product, whatever torch's global settings allow; they are put back on leaving.

TF32 and bfloat16 lose the small differences that are measured: at ||eta|| / ||x|| = 1e-3 the squared change comes out
2.4 times too large in TF32 and 112 times in bfloat16. A sampling grid would be off by tenths of a pixel.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Restore = Callable[[], object]


def doubled(tensor: Tensor) -> Tensor:
    """A float64 copy, on the tensor's device or, where that has none (Apple's mps), on the CPU."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).to(torch.float64, copy=True)


def sent(tensor: Tensor, device: torch.device | str | None, dtype: torch.dtype | None = None) -> Tensor:
    """The tensor on a device, without waiting for what runs there, as a plain `.to` from the CPU would.

    What comes to the CPU is waited for, since it may be read at once; so is what goes to Apple's mps.
    """
    waits = device is None or torch.device(device).type in ("cpu", "mps")
    return tensor.to(device=device, dtype=dtype, non_blocking=not waits)


def tensor_of(array: NDArray[Any]) -> Tensor:
    """The numbers of an array of any byte order and strides, read-only ones too; a copy only where torch needs one."""
    native = array.dtype.newbyteorder("=")
    if array.dtype != native or not array.flags.writeable or any(step < 0 for step in array.strides):
        array = np.array(array, native)
    return torch.from_numpy(array)


@contextmanager
def ieee_float32(device: torch.device, *, matmul_only: bool = False) -> Iterator[None]:
    """No TF32, no bfloat16 products and no autocast on `device` inside; the settings are put back, also by an error.

    Args:
        device: Whose autocast is switched off.
        matmul_only: For code without convolutions; fewer settings to read.
    """
    if torch.compiler.is_compiling():  # which can't follow changes of settings: they are as they were outside
        yield
        return
    restore = _raise_precision(matmul_only)
    try:
        if torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type):
            with torch.autocast(device.type, enabled=False):
                yield
        else:
            yield
    finally:
        for put_back in reversed(restore):
            put_back()


def _raise_precision(matmul_only: bool) -> list[Restore]:
    """Sets every product to IEEE float32; what puts the old settings back.

    torch has an old and a new way to set this, and its old getters raise once the new way was used. Here the old way
    is taken where it still answers, so that a network that asks the old getters keeps working.
    """
    cuda, cudnn, mkldnn = torch.backends.cuda, torch.backends.cudnn, torch.backends.mkldnn
    restore: list[Restore] = []
    new: Any = torch.backends  # its newer attributes are not annotated
    for product, parent in ((cuda.matmul, cudnn), (new.mkldnn.matmul, mkldnn)):
        restore += _set_ieee(product, parent)
    if not matmul_only:
        with suppress(RuntimeError):  # the new way was used
            restore += _set(cudnn, "allow_tf32", False)
        for product, parent in (
            (new.cudnn.conv, cudnn),
            (new.cudnn.rnn, cudnn),
            (new.mkldnn.conv, mkldnn),
            (new.mkldnn.rnn, mkldnn),
        ):
            restore += _set_ieee(product, parent)
    return restore


def _set(holder: Any, name: str, value: object) -> list[Restore]:
    """Sets an attribute if it has another value."""
    before = getattr(holder, name)
    if before == value:
        return []
    setattr(holder, name, value)
    return [partial(setattr, holder, name, before)]


def _set_ieee(product: Any, parent: Any) -> list[Restore]:
    """Sets one product to `ieee` unless nothing lowers it; a value inherited from its parent is inherited again."""
    before = product.fp32_precision
    if before in ("ieee", "none"):
        return []
    inherited = parent.fp32_precision == before
    product.fp32_precision = "ieee"
    return [partial(setattr, product, "fp32_precision", "none" if inherited else before)]
