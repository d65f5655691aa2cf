"""Helpers of the bench scripts: times rivals in turn in one process, and describes the machine."""

import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Mapping

import torch

from diffstab.native.library import status
from diffstab.provenance import versions


def medians(rivals: Mapping[str, Callable[[], object]], *, rounds: int, warmup: int = 3) -> dict[str, float]:
    """Returns the median seconds of each rival.

    Each round runs all rivals, so that a drift of the machine's speed affects all of them. Their order is random, so
    that none always profits from a cache that another one filled.
    """
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    turns = random.Random(0)
    for k in range(warmup + rounds):
        for name, run in turns.sample(list(rivals.items()), len(rivals)):
            start = time.perf_counter()
            run()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if k >= warmup:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def describe_machine(device: torch.device) -> str:
    """Returns device, threads, versions, kernel and allocator, for the first lines of a report."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    packages = ", ".join(f"{package} {number}" for package, number in versions().items())
    settings = {"LD_PRELOAD", "GLIBC_TUNABLES", *(name for name in os.environ if name.startswith("MALLOC_"))}
    allocator = ", ".join(f"{name}={os.environ[name]}" for name in sorted(settings) if name in os.environ)
    told = f"{status()}; allocator: {allocator or 'as the system sets it'}" if device.type == "cpu" else ""
    return f"{device} ({name}), {torch.get_num_threads()} threads; {packages}\n{told}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
