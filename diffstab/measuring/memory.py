"""Halves the batch and continues when memory runs out."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from .batches import Batch

Done = TypeVar("Done")
Note = Callable[[str], None]
NO_MEMORY = ("out of memory", "can't allocate memory", "storage size calculation overflowed")


@dataclass(eq=False)
class BatchTooLargeError(Exception):
    """A batch of `size` images does not fit into memory, and splitting it would change the network's output."""

    size: int


class Memory:
    """Splits batches to the size that fits into memory, learnt from running out of it.

    Args:
        note: Called with a message when the size is reduced.
        whole: True if batches must not be split, since batch norm uses their statistics.
    """

    def __init__(self, note: Note, *, whole: bool = False) -> None:
        self.note, self.whole = note, whole
        self.most: int | None = None

    def run(self, work: Callable[[Batch], Done], batch: Batch) -> list[Done]:
        """Returns `work(batch)`, or `work` of each part of the batch that fits into memory.

        Raises:
            ValueError: If a single image does not fit.
            BatchTooLargeError: If the batch does not fit and must stay whole.
        """
        waiting, done = self._parts(batch), []
        while waiting:
            try:
                done.append(work(waiting[0]))
                waiting.pop(0)
                continue
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # kept as text: the error itself would keep the memory, through its traceback
                reason = f"{str(error).splitlines()[0] if str(error) else type(error).__name__:.120}"
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._learn(len(waiting[0].keys), reason)
            waiting = [part for one in waiting for part in self._parts(one)]
        return done

    def _parts(self, batch: Batch) -> list[Batch]:
        count = 1 if self.most is None else -(-len(batch.keys) // self.most)
        columns = (column.tensor_split(count) for column in batch)
        return [Batch(*parts) for parts in zip(*columns, strict=True)]

    def _learn(self, size: int, reason: str) -> None:
        if size == 1:
            raise ValueError(f"one image alone does not fit into memory ({reason}); take smaller images")
        if self.whole:
            raise BatchTooLargeError(size)
        self.most = -(-size // 2)
        self.note(f"out of memory with {size} images at once; going on with {self.most}")


def is_out_of_memory(error: BaseException) -> bool:
    """Returns True if an error means that the memory of a GPU or of the machine ran out."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(words in text for words in NO_MEMORY)
    )
