"""Deforms images along sine series by the compiled kernel (Eq. 15)."""

import ctypes
import math

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import Parameter

from .library import find, level_in_use, parallel_for

FLOATS, BYTES, PIXELS = range(3)  # kinds of images, in the order of kernel.c
KINDS = {torch.float32: FLOATS, torch.uint8: BYTES}
LARGEST_SIDE = 2**15 - 1  # pixels: the kernel compares positions in 16 bits
PLAIN = (Tensor, Parameter)
CHUNK = 16  # pixels: LANES_MOST of kernel.c
COLOURS = (3, 4)  # numbers of channels of pictures [H, W, C]


def whole_chunks(width: int) -> int:
    """Returns the numbers in a row of `along_x`: the width, up to whole chunks of any level.

    >>> whole_chunks(28)
    32
    """
    return math.ceil(width / CHUNK) * CHUNK


def takes(images: Tensor, coefficients: Tensor) -> bool:
    """Returns True if the kernel deforms these images: float32 or bytes on the CPU, and nothing needs a gradient.

    Torch's own way stays for all others, and wherever torch itself looks on: compiling, tracing, `torch.func`.
    """
    return (
        not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and level_in_use() >= 0
        and images.dtype in KINDS
        and coefficients.dtype is torch.float32
        and all(type(one) in PLAIN and one.is_cpu and not one.is_neg() for one in (images, coefficients))
        and images.numel() > 0
        and max(images.shape[-2:]) <= LARGEST_SIDE
        and not (torch.is_grad_enabled() and (images.requires_grad or coefficients.requires_grad))
        and forward_ad._current_level < 0
        and torch._C._functorch.peek_interpreter_stack() is None
    )


def deform(images: Tensor, coefficients: Tensor, along_x: Tensor, along_y: Tensor) -> Tensor:
    """Samples images bilinearly at k - d(k), with the displacement d of a sine series; `takes` says which ones.

    Args:
        images: Images `[B, C, H, W]`, float32 or uint8. Pictures `[H, W, C]` of bytes that were permuted stay so.
        coefficients: Coefficients `[B, 2, I, J]` of tau, dimensionless.
        along_x: Sines along x, float64 `[I, whole_chunks(W)]`, contiguous; what stands behind W does not matter.
        along_y: Sines along y, float64 `[H, J]`, contiguous.

    Raises:
        MemoryError: If there is no memory for the sums over a field's modes.
    """
    library = find().library
    assert library is not None
    count, channels, height, width = images.shape
    kind = KINDS[images.dtype]
    last = images.permute(0, 2, 3, 1)
    if kind == BYTES and channels in COLOURS and last.is_contiguous() and not images.is_contiguous():
        kind, out = PIXELS, torch.empty_like(last).permute(0, 3, 1, 2)
    else:
        images = images.contiguous()
        out = torch.empty_like(images)
    field = coefficients.contiguous()
    modes = field.shape[-2:]
    numbers = (ctypes.c_int64 * 8)(count, channels, height, width, *modes, kind, level_in_use())
    tensors = (images, out, field, along_x, along_y)
    places = [ctypes.c_void_p(one.data_ptr()) for one in tensors]
    if library.diffstab_deform(*places, numbers, parallel_for()):
        raise MemoryError(
            f"deforming {tuple(images.shape)} needs {16 * modes[1] * width} bytes a thread; free some memory"
        )
    return out
