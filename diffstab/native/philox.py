"""Random words by the compiled kernel."""

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
