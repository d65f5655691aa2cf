"""Full float32 precision in matrix products and convolutions, whatever torch's global settings allow.

TF32 and bfloat16 lose the small differences that are measured. At ||eta|| / ||x|| = 1e-3 (norms of noise and image),
the squared change is 2.4 times too large in TF32 and 112 times in bfloat16. A sampling grid would be wrong by tenths of
a pixel. The global settings are restored afterwards.
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
    """Returns a float64 copy on the tensor's device, or on the CPU if the device has no float64 (Apple's mps)."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).to(torch.float64, copy=True)


def sent(tensor: Tensor, device: torch.device | str | None, dtype: torch.dtype | None = None) -> Tensor:
    """Copies a tensor to a device without waiting for work that runs there, unlike a plain `.to` from the CPU.

    Copies to the CPU do wait, since they may be read at once. Copies to Apple's mps wait too.
    """
    if dtype is None and tensor.device == device:
        return tensor
    waits = device is None or torch.device(device).type in ("cpu", "mps")
    return tensor.to(device=device, dtype=dtype, non_blocking=not waits)


def tensor_of(array: NDArray[Any]) -> Tensor:
    """Converts an array of any byte order and strides, also a read-only one, to a tensor; copies only if torch must."""
    native = array.dtype.newbyteorder("=")
    if array.dtype != native or not array.flags.writeable or any(step < 0 for step in array.strides):
        array = np.array(array, native)
    return torch.from_numpy(array)


@contextmanager
def ieee_float32(device: torch.device, *, matmul_only: bool = False) -> Iterator[None]:
    """Context without TF32, bfloat16 products or autocast on `device`. Restores the settings, also after an error.

    The settings belong to the whole process. With several threads inside, the last one to leave restores them.

    Args:
        device: Device whose autocast is switched off.
        matmul_only: True for code without convolutions, to read fewer settings.
    """
    if torch.compiler.is_compiling():  # the compiler can't trace changes of settings; those outside stay
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
    """One kind of torch's products: sets it to IEEE float32, counts the contexts that need it, and can restore it."""

    set_ieee: Callable[[], list[Restore]]
    inside: int = 0
    restore: list[Restore] = field(default_factory=list)


def _enter(products: Sequence[_Products]) -> None:
    with _CHANGING:
        for one in products:
            one.restore += one.set_ieee()  # each time, since a network may have changed them in between
            one.inside += 1


def _leave(products: Sequence[_Products]) -> None:
    with _CHANGING:
        for one in reversed(products):
            one.inside -= 1
            while one.restore and not one.inside:
                one.restore.pop()()


def _set_matmul() -> list[Restore]:
    """Sets matrix products to IEEE float32. Returns functions that restore the old settings."""
    backends: Any = torch.backends  # its newer attributes are not annotated
    pairs = ((backends.cuda.matmul, backends.cudnn), (backends.mkldnn.matmul, backends.mkldnn))
    return [restore for product, parent in pairs for restore in _set_ieee(product, parent)]


def _set_layers() -> list[Restore]:
    """Sets convolutions and recurrent layers to IEEE float32. Returns functions that restore the old settings.

    torch has an old and a new way to set this. Its old getters raise RuntimeError once the new way was used. The old
    way is used as long as it works, for networks that call the old getters.
    """
    backends: Any = torch.backends
    restore: list[Restore] = []
    with suppress(RuntimeError):  # the new way was used before
        restore += _set(backends.cudnn, "allow_tf32", False)
    for parent in (backends.cudnn, backends.mkldnn):
        restore += [*_set_ieee(parent.conv, parent), *_set_ieee(parent.rnn, parent)]
    return restore


def _set(holder: Any, name: str, value: object) -> list[Restore]:
    """Sets an attribute if it has another value. Returns a function that restores it, in a list."""
    before = getattr(holder, name)
    if before == value:
        return []
    setattr(holder, name, value)
    return [partial(setattr, holder, name, before)]


def _set_ieee(product: Any, parent: Any) -> list[Restore]:
    """Sets one product to `ieee` if its precision is lower. Returns functions that restore it, inherited or not."""
    before = product.fp32_precision
    if before in ("ieee", "none"):
        return []
    inherited = parent.fp32_precision == before
    product.fp32_precision = "ieee"
    return [partial(setattr, product, "fp32_precision", "none" if inherited else before)]


_MATMUL, _LAYERS = _Products(_set_matmul), _Products(_set_layers)
_CHANGING = threading.Lock()
if hasattr(os, "register_at_fork"):  # so that the lock is free in a forked process
    os.register_at_fork(before=_CHANGING.acquire, after_in_parent=_CHANGING.release, after_in_child=_CHANGING.release)
