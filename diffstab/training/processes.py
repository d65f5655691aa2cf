"""One training in several processes, as `torchrun` starts them: each takes its part of every batch."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """This process among those of a training.

    Attributes:
        rank: 0 to `count` - 1; the one of rank 0 writes and tells.
        count: Of all of them.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def own(self, index: Tensor) -> Tensor:
        """This process's part of a batch's indices `[B]`."""
        return index[self.rank :: self.count]

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def wrapped(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network, whose gradients are averaged over the processes."""
        if self.count == 1:
            return network
        return nn.parallel.DistributedDataParallel(network, device_ids=None if device.type == "cpu" else [device])

    def share(self, buffers: Iterable[Tensor]) -> None:
        """Gives every process the first one's buffers: each has seen other images."""
        if self.count > 1:
            for buffer in buffers:
                dist.broadcast(buffer, src=0)


ALONE = Processes()


def under_torchrun() -> bool:
    """Whether `torchrun` started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys()


def local_device(name: str) -> str:
    """The device of this process: of several GPUs, that of its number."""
    several = under_torchrun() and (name == "cuda" or (name == "auto" and torch.cuda.is_available()))
    return f"cuda:{os.environ['LOCAL_RANK']}" if several else name


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """The processes that `torchrun` started, joined by NCCL or Gloo; this one alone otherwise."""
    if not under_torchrun():
        yield ALONE
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
