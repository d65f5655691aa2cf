"""Several processes, as started by `torchrun`: training divides each batch among them, measuring divides the images.

Threads of one process take turns, because measuring, training and building networks change the state of the whole
process: modes, buffers and hooks of networks (which may share parts), the global random generators, torch's number of
threads, `sys.path`.
"""

import gc
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

LONGEST = timedelta(days=1)  # longest wait of processes for one another; torchrun ends all if one dies
T = TypeVar("T")
DEVICES = ("cpu", "cuda", "mps", "xpu")


class _Turn:
    """The lock by which threads take turns."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):  # a forked process would wait for a thread that it doesn't have
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """Creates a new lock, which no thread holds."""
        self.lock = threading.RLock()


_TURN = _Turn()


@contextmanager
def taking_turns() -> Iterator[None]:
    """Waits until no other thread of this process is in this context. A thread inside may enter again.

    >>> with taking_turns(), taking_turns():
    ...     pass
    """
    with _TURN.lock:
        yield


class OtherProcessFailedError(Exception):
    """Another process failed; the message with the reason is raised there."""


@dataclass(frozen=True)
class Processes:
    """This process among several.

    Attributes:
        rank: Number of this process, 0 to `count` - 1. Process 0 writes files and prints.
        count: Number of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """True for process 0, which writes files and prints."""
        return self.rank == 0

    def own(self, index: Tensor) -> Tensor:
        """This process's part of a batch's indices `[B]`."""
        return index[self.rank :: self.count]

    def gathered(self, work: Callable[[], T]) -> list[T]:
        """Calls `work` in each process and returns all results, in order of rank, in every process.

        Raises:
            Exception: The error that `work` raised here, if no process of lower rank failed.
            OtherProcessFailedError: If `work` failed in another process.
        """
        if self.count == 1:
            return [work()]
        value: T | None = None
        failure: Exception | None = None
        try:
            value = work()
        except Exception as error:
            failure = error
        answers: list[Any] = [None] * self.count
        dist.all_gather_object(answers, (failure is None, value))
        failed = [rank for rank, (whole, _) in enumerate(answers) if not whole]
        if failed and failed[0] == self.rank:
            assert failure is not None
            raise failure
        if failed:
            raise OtherProcessFailedError(f"process {failed[0]} of {self.count} fails")
        return [value for _, value in answers]

    def total(self, values: Tensor) -> Tensor:
        """Sums the values over all processes, in place."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def wrapped(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Wraps a network so that gradients are averaged over the processes."""
        if self.count == 1:
            return network
        return nn.parallel.DistributedDataParallel(network, device_ids=None if device.type == "cpu" else [device])

    def share(self, buffers: Iterable[Tensor]) -> None:
        """Copies the buffers of process 0 to all others, since each process saw different images."""
        if self.count > 1:
            for buffer in buffers:
                dist.broadcast(buffer, src=0)


ALONE = Processes()


def under_torchrun() -> bool:
    """True if `torchrun` started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys()


def own_rank() -> int:
    """Rank of this process in torch.distributed, or as started by `torchrun`; 0 if it is alone."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank()
    return int(os.environ["RANK"]) if under_torchrun() else 0


def local_device(name: str) -> str:
    """Name of this process's device: with several GPUs, the GPU of its local rank."""
    several = under_torchrun() and (name == "cuda" or (name == "auto" and torch.cuda.is_available()))
    return f"cuda:{os.environ['LOCAL_RANK']}" if several else name


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Connects the processes that `torchrun` started, by NCCL or Gloo. Without `torchrun`, gives this process alone.

    Args:
        device: Device of the tensors that the processes exchange.
    """
    if not under_torchrun():
        yield ALONE
        return
    import torch.distributed.nn.functional  # noqa: F401  imported later, its defaults would keep the group alive

    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=LONGEST)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
        gc.collect()  # threads left over from the group may abort the process at its end


def chosen_device(name: str) -> torch.device:
    """Returns the device of a name; `auto` is a GPU if there is one, otherwise the CPU.

    Raises:
        ValueError: If the name is unknown or the device can't be used here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.split(":")[0] not in DEVICES or name.startswith("cpu:"):
        raise ValueError(f"device is {name!r}; allowed: auto, {', '.join(DEVICES)}, with a number as in cuda:1")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is {name!r}, which can't be used here ({reason}); try auto or cpu") from error
    return device
