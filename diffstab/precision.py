"""IEEE float32 in every product, whatever torch's global settings allow; they are put back on leaving.

TF32 and bfloat16 lose the small differences that are measured: at ||eta|| / ||x|| = 1e-3 the squared change comes out
2.4 times too large in TF32 and 112 times in bfloat16. A sampling grid would be off by tenths of a pixel.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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

    The settings are the whole process's: of several threads inside, the last one to leave puts them back.

    Args:
        device: Whose autocast is switched off.
        matmul_only: For code without convolutions; fewer settings to read.
    """
    if torch.compiler.is_compiling():  # which can't follow changes of settings: they are as they were outside
        yield
        return
    products = (_MATMUL,) if matmul_only else (_MATMUL, _LAYERS)
    _enter(products)
    try:
        if torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type):
            with torch.autocast(device.type, enabled=False):
                yield
        else:
            yield
    finally:
        _leave(products)


@dataclass
class _Products:
    """Some of torch's products, how many are inside that need them in IEEE float32, and what puts them back."""

    set_ieee: Callable[[], list[Restore]]
    inside: int = 0
    restore: list[Restore] = field(default_factory=list)


def _enter(products: Sequence[_Products]) -> None:
    with _CHANGING:
        for one in products:
            one.restore += one.set_ieee()  # each time: a network may have changed them in between
            one.inside += 1


def _leave(products: Sequence[_Products]) -> None:
    with _CHANGING:
        for one in reversed(products):
            one.inside -= 1
            while one.restore and not one.inside:
                one.restore.pop()()


def _set_matmul() -> list[Restore]:
    """Sets matrix products to IEEE float32; what puts the old settings back.

    torch has an old and a new way to set this, and its old getters raise once the new way was used. Here the old way
    is taken where it still answers, so that a network that asks the old getters keeps working.
    """
    backends: Any = torch.backends  # its newer attributes are not annotated
    pairs = ((backends.cuda.matmul, backends.cudnn), (backends.mkldnn.matmul, backends.mkldnn))
    return [restore for product, parent in pairs for restore in _set_ieee(product, parent)]


def _set_layers() -> list[Restore]:
    """Likewise convolutions and recurrent layers."""
    backends: Any = torch.backends
    restore: list[Restore] = []
    with suppress(RuntimeError):  # the new way was used
        restore += _set(backends.cudnn, "allow_tf32", False)
    for parent in (backends.cudnn, backends.mkldnn):
        restore += [*_set_ieee(parent.conv, parent), *_set_ieee(parent.rnn, parent)]
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


_MATMUL, _LAYERS = _Products(_set_matmul), _Products(_set_layers)
_CHANGING = threading.Lock()
if hasattr(os, "register_at_fork"):  # so that a process forked meanwhile finds it free
    os.register_at_fork(before=_CHANGING.acquire, after_in_parent=_CHANGING.release, after_in_child=_CHANGING.release)
