"""Random words and numbers by the compiled kernel, with the bits of `streams`."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from .library import find, level_in_use, parallel_for


def philox(counter: Sequence[Tensor], seed: int) -> tuple[Tensor, ...]:
    """Philox4x32-10 of counters: four words each, all int64 on the CPU and of one shape; see `streams.philox`."""
    library = find().library
    assert library is not None
    given = [word.contiguous() for word in counter]
    words = tuple(torch.empty_like(word) for word in given)
    places = (ctypes.c_void_p * 8)(*(word.data_ptr() for word in (*given, *words)))
    numbers = ctypes.c_int64(given[0].numel()), ctypes.c_uint64(seed), ctypes.c_int64(level_in_use())
    library.diffstab_philox(places, *numbers, parallel_for())
    return words


def pairs(images: Tensor, positions: Tensor, *, seed: int, draw: int, purpose: int) -> Tensor:
    """Two numbers uniform in (0, 1) for each image `[B]` and position `[P]`: float64 `[B, 2, P]`."""
    library = find().library
    assert library is not None
    out = torch.empty(len(images), 2, len(positions), dtype=torch.float64)
    keys = (ctypes.c_uint64 * 3)(seed, draw, purpose)
    given = [(ctypes.c_void_p(one.data_ptr()), ctypes.c_int64(len(one))) for one in (images, positions)]
    library.diffstab_pairs(*given[0], *given[1], keys, ctypes.c_int64(level_in_use()), ctypes.c_void_p(out.data_ptr()))
    return out
