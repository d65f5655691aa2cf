"""IEEE float32 in every product, whatever torch's global settings allow; they are put back on leaving.

TF32 and bfloat16 lose the small differences that are measured: at ||eta|| / ||x|| = 1e-3 the squared change comes out
2.4 times too large in TF32 and 112 times in bfloat16. A sampling grid would be off by tenths of a pixel.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def doubled(tensor: Tensor) -> Tensor:
    """In float64, on the tensor's device or, where that has none (Apple's mps), on the CPU."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def _settings(matmul_only: bool) -> list[tuple[object, str, object]]:
    """(backend, attribute, value that means IEEE float32) of each place where torch keeps a float32 precision."""
    cuda, cudnn, mkldnn = torch.backends.cuda, torch.backends.cudnn, torch.backends.mkldnn
    if not hasattr(cudnn, "conv"):  # before torch 2.9
        settings: list[tuple[object, str, object]] = [(cuda.matmul, "allow_tf32", False)]
        return settings if matmul_only else [*settings, (cudnn, "allow_tf32", False)]
    products = [cuda.matmul, mkldnn.matmul]  # type: ignore[attr-defined]
    if not matmul_only:
        products += [cudnn.conv, cudnn.rnn, mkldnn.conv, mkldnn.rnn]  # type: ignore[attr-defined]
    return [(product, "fp32_precision", "ieee") for product in products]


@contextmanager
def ieee_float32(device: torch.device, *, matmul_only: bool = False) -> Iterator[None]:
    """No TF32, no bfloat16 products and no autocast on `device` inside; the settings are put back, also by an error.

    Args:
        device: Whose autocast is switched off.
        matmul_only: For code without convolutions; fewer settings to read.
    """
    changed = []
    for backend, name, exact in _settings(matmul_only):
        value = getattr(backend, name)
        if value not in (exact, "none"):  # "none": nothing lowers the precision
            changed.append((backend, name, value))
            setattr(backend, name, exact)
    try:
        if torch.is_autocast_enabled(device.type):
            with torch.autocast(device.type, enabled=False):
                yield
        else:
            yield
    finally:
        for backend, name, value in changed:
            setattr(backend, name, value)
