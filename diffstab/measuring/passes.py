"""Runs the two passes of a measurement, in one process or several, and again with smaller batches if memory runs out.

The first pass, over the deformed images alone, gives the noise norm; the second pass runs the network.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import NamedTuple

from ..options import BOTH
from ..processes import Processes
from ..statistics import Array
from .batches import Batches
from .first_pass import FirstPass, by_batch, join_first_passes, noise_radii, noise_radius, run_first_pass
from .inspection import MixesImagesError
from .memory import BatchTooLargeError, Memory, Note
from .network_state import Held, Network, measuring_mode
from .raised_noise import RaisedNoise, spread_over
from .second_pass import Progress, SecondPass, join_second_passes, note_amp, run_second_pass
from .setup import Setup
from .shuffled import shuffled_channels


class Passes(NamedTuple):
    """The values from the two passes of a measurement.

    Attributes:
        setup: Final setup; its batch size is smaller if batches are kept whole and memory ran out.
        first: The first pass of all processes.
        radii: Noise norm ||eta|| for each image and draw, `[N, draws]`.
        second: The second pass of all processes.
    """

    setup: Setup
    first: FirstPass
    radii: Array
    second: SecondPass


def two_passes(
    model: Network,
    batches: Callable[[int, bool], Batches],
    setup: Setup,
    processes: Processes,
    note: Note,
    progress: Progress | None,
) -> Passes:
    """Runs both passes of one measurement.

    Args:
        model: The network.
        batches: Function of (size, whole) that makes batches of `size` images; if `whole`, they are the same for any
            number of processes.
        setup: Setup of the measurement.
        processes: Processes that share the images.
        note: Function that is called with warnings.
        progress: Function that is called with (forward passes done, their total).
    """
    made = batches(setup.images_at_once(setup.whole(model)), setup.whole(model))
    parts = processes.gathered(lambda: run_first_pass(made, setup, Memory(note)))
    first, own = join_first_passes(parts), parts[processes.rank]
    norm = noise_radius(first, setup)
    sampled = setup.settings.noise_radius == "ensemble" and setup.settings.noise_norm is None
    sampled = sampled and setup.settings.worst != BOTH  # whose growth with the radius would need further searches
    wanted = spread_over(first.keys) if sampled else frozenset()
    radius = by_batch(own, noise_radii(own, norm, setup))

    def second_pass() -> SecondPass | None:
        whole = setup.whole(model)
        size, memory = setup.images_at_once(whole), Memory(note, whole=whole)
        if setup.layers is not None and not whole:
            memory.most = size  # a loader's batches may be larger
        made = batches(size, whole)
        if setup.settings.amp and processes.first:
            note_amp(model, made, setup, radius, memory, note)
        in_one: frozenset[int] | None = frozenset() if not wanted or not processes.first else None
        larger = RaisedNoise(in_one if whole else wanted)
        return run_second_pass(model, made, setup, own, radius, memory, progress, larger)

    shuffled = shuffled_channels(model, setup.settings.seed) if setup.settings.shuffle_channels else nullcontext()
    with measuring_mode(model, setup.batch_norm) as held, shuffled:
        while True:  # with whole batches if the batch is part of f, and with smaller ones if memory runs out
            try:
                second = join_second_passes(processes.gathered(second_pass))
                return Passes(setup, first, noise_radii(first, norm, setup), second)
            except BatchTooLargeError as error:
                setup = _with_half_the_batch(setup, error.size, processes, note)
            except MixesImagesError as error:
                setup = _with_whole_batches(setup, error.share, held, processes, note)


def _with_whole_batches(setup: Setup, share: float, held: Held, processes: Processes, note: Note) -> Setup:
    """Returns a setup with whole batches.

    Raises:
        ValueError: If the network can't leave training mode, or several processes share the images.
    """
    told = f"the network's output for an image depends on the other images of its batch, by {share:.2g} of its norm"
    changed = held.changed()
    if changed:
        raise ValueError(
            f"{told}, and it changes its own {changed[0]}: it runs in training mode, which can't be switched off from "
            "outside; hand over the module, or one that was traced or scripted in evaluation mode"
        )
    if setup.settings.worst is not None:
        raise ValueError(f"{told}; the worst deformation of one image is then not defined, so leave worst out")
    if processes.count > 1:
        raise ValueError(f"{told}; measure it in one process, which keeps batches whole")
    note(f"{told}; batches of {setup.settings.batch_size} are kept whole, and are part of what is measured")
    return replace(setup, mixes=True)


def _with_half_the_batch(setup: Setup, size: int, processes: Processes, note: Note) -> Setup:
    """Returns a setup with half the batch. Raises ValueError if processes or a loader's batches fix the size."""
    half = -(-size // 2)
    if processes.count > 1 or half >= setup.settings.batch_size:
        raise ValueError(f"out of memory with {size} images at once, which the network needs whole; take fewer")
    note(f"out of memory with {size} images at once; whole batches have {half} now")
    return replace(setup, settings=replace(setup.settings, batch_size=half))
