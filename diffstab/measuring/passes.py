"""The two passes of a measurement, in one process or in several, and again with smaller batches where memory ends.

The first, over the deformed images alone, gives the noise radius; the second runs the network.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from ..processes import Processes
from ..statistics import Array
from .batches import Batches
from .first_pass import FirstPass, join_first_passes, noise_radii, noise_radius, run_first_pass
from .memory import BatchTooLargeError, Memory, Note
from .network_state import Network, batch_norm_used, measuring_mode
from .second_pass import Progress, SecondPass, amp_beside_full, join_second_passes, run_second_pass
from .setup import Setup

ROUNDING = 100  # times the precision: changes that are smaller hold percents of rounding


class Passes(NamedTuple):
    """What the two passes of a measurement found.

    Attributes:
        setup: As it was in the end: the batch size comes down where batch norm needs whole batches and memory ends.
        first: The first pass of all processes.
        radii: ||eta|| for each image and draw, `[N, draws]`.
        second: The second pass of all processes.
    """

    setup: Setup
    first: FirstPass
    radii: Array
    second: SecondPass


def two_passes(
    model: Network,
    batches: Callable[[int], Batches],
    setup: Setup,
    processes: Processes,
    note: Note,
    progress: Progress | None,
) -> Passes:
    """Runs both passes of one measurement.

    Args:
        model: The network.
        batches: Makes batches of that many images.
        setup: What is measured, and how.
        processes: Share the images among them.
        note: Called with what the user should know.
        progress: Called with how many images went through the network.
    """
    made = batches(setup.images_at_once(batch_norm_used(model, setup.settings.batch_norm) == "batch"))
    parts = processes.gathered(lambda: run_first_pass(made, setup, Memory(note)))
    first, own = join_first_passes(parts), parts[processes.rank]
    radius = noise_radius(first, setup)
    with measuring_mode(model, setup.settings.batch_norm):
        setup, second = _second_pass(model, batches, setup, processes, own, radius, note, progress)
    if processes.first:
        _note_rounding(second, setup, note)
    return Passes(setup, first, noise_radii(first, radius, setup), second)


def _second_pass(
    model: Network,
    batches: Callable[[int], Batches],
    setup: Setup,
    processes: Processes,
    own: FirstPass,
    radius: float,
    note: Note,
    progress: Progress | None,
) -> tuple[Setup, SecondPass]:
    """Runs the network; where batch norm needs whole batches that do not fit, again with batches of half the size."""
    whole = batch_norm_used(model, setup.settings.batch_norm) == "batch"

    def one_process() -> SecondPass | None:
        size, radii = setup.images_at_once(whole), noise_radii(own, radius, setup)
        memory = Memory(note, whole=whole)
        if setup.layers is not None and not whole:
            memory.most = size  # a loader's batches may be larger
        made = batches(size)
        if setup.settings.amp:
            found = amp_beside_full(model, made, setup, own, radii, memory)
            if found is not None and processes.first:
                _note_amp(*found, setup, note)
        return run_second_pass(model, made, setup, own, radii, memory, progress)

    try:
        return setup, join_second_passes(processes.gathered(one_process))
    except BatchTooLargeError as error:
        smaller = _with_half_the_batch(setup, error.size, processes, note)
    return _second_pass(model, batches, smaller, processes, own, radius, note, progress)


def _with_half_the_batch(setup: Setup, size: int, processes: Processes, note: Note) -> Setup:
    """Raises ValueError where several processes, or a loader's own batches, keep the size."""
    half = -(-size // 2)
    if processes.count > 1 or half >= setup.settings.batch_size:
        raise ValueError(f"out of memory with {size} images at once, which batch norm needs whole; take fewer")
    note(f"out of memory with {size} images at once; batch norm works on batches of {half} now")
    return replace(setup, settings=replace(setup.settings, batch_size=half))


def _note_rounding(second: SecondPass, setup: Setup, note: Note) -> None:
    """Notes where the changes of f are so small beside f that rounding makes a part of them."""
    size = np.median(np.linalg.norm(second.outputs, axis=1))
    moved = np.sqrt(min(np.median(part.sum(-1)) for part in (second.deformation, second.noise)))
    share = float(moved / size) if size else 1.0
    if 0 < share < ROUNDING * torch.finfo(setup.dtype).eps:
        note(
            f"the outputs change by {share:.1g} of their size, within {ROUNDING} times the rounding of "
            f"{str(setup.dtype).removeprefix('torch.')}; measure in float64 to have R_f exactly"
        )


def _note_amp(count: int, lowered: float, full: float, setup: Setup, note: Note) -> None:
    note(
        f"{setup.precision}: on the first {count} images R_f is {lowered:.3g}, and {full:.3g} in "
        f"{str(setup.dtype).removeprefix('torch.')} ({lowered / full - 1:+.1%}); leave amp out to have that"
    )
