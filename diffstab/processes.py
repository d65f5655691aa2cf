"""Several processes, as `torchrun` starts them: a training shares every batch out, a measurement shares out images.

The threads of one process take turns. Measuring, training and building networks change what belongs to the whole
process: the modes, buffers and hooks of networks, which may share parts, the global random generators, torch's number
of threads, `sys.path`.
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

LONGEST = timedelta(days=1)  # that processes wait for one another; torchrun ends all when one has died
T = TypeVar("T")
DEVICES = ("cpu", "cuda", "mps", "xpu")


class _Turn:
    """The lock that threads take turns with."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):  # a forked process would wait for a thread that it does not have
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """Makes another lock, which nobody holds."""
        self.lock = threading.RLock()


_TURN = _Turn()


@contextmanager
def taking_turns() -> Iterator[None]:
    """Waits until no other thread of this process is inside; a thread that is inside may enter again.

    >>> with taking_turns(), taking_turns():
    ...     pass
    """
    with _TURN.lock:
        yield


class OtherProcessFailedError(Exception):
    """Another process fails, and says why."""


@dataclass(frozen=True)
class Processes:
    """This process among several.

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

    def gathered(self, work: Callable[[], T]) -> list[T]:
        """What `work` gives in each process, in their order, in all of them.

        Raises:
            Exception: What `work` raised here, if no process before this one failed.
            OtherProcessFailedError: If another one did.
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


def own_rank() -> int:
    """Number of this process among those that torch.distributed joined, or that `torchrun` started; 0 if alone."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank()
    return int(os.environ["RANK"]) if under_torchrun() else 0


def local_device(name: str) -> str:
    """The device of this process: of several GPUs, that of its number."""
    several = under_torchrun() and (name == "cuda" or (name == "auto" and torch.cuda.is_available()))
    return f"cuda:{os.environ['LOCAL_RANK']}" if several else name


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """The processes that `torchrun` started, joined by NCCL or Gloo; this one alone otherwise.

    Args:
        device: Of the tensors that they exchange.
    """
    if not under_torchrun():
        yield ALONE
        return
    import torch.distributed.nn.functional  # noqa: F401  its defaults would hold a group joined before, and its threads

    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=LONGEST)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
        gc.collect()  # threads that outlive the group may abort a process that ends


def chosen_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one.

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
