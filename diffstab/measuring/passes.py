"""The two passes of a measurement, in one process or in several, and again with smaller batches where memory ends.

The first, over the deformed images alone, gives the noise radius; the second runs the network.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from ..processes import Processes
from ..statistics.intervals import Array
from .batches import Batches
from .first_pass import Survey, _radii, _radius, survey_images
from .first_pass import joined as joined_surveys
from .memory import BatchTooLargeError, Memory, Note
from .network_state import Network, batch_norm_used, measuring_mode
from .second_pass import Changes, Progress, amp_beside_full, run_network
from .second_pass import joined as joined_changes
from .setup import Plan

ROUNDING = 100  # times the precision: changes that are smaller hold percents of rounding


class TwoPasses:
    """The passes of one measurement.

    Args:
        model: The network.
        batches: Of images, of that size.
        plan: Of the measurement; its batch size comes down where batch norm needs whole batches and memory ends.
        processes: That share the images.
        note: Told what the user should know.
        progress: Told how many images went through the network.
    """

    def __init__(
        self,
        model: Network,
        batches: Callable[[int], Batches],
        plan: Plan,
        processes: Processes,
        note: Note,
        progress: Progress | None,
    ) -> None:
        self.model, self.batches, self.plan, self.processes = model, batches, plan, processes
        self.note, self.progress = note, progress

    def passes(self) -> tuple[Survey, Array, Changes]:
        """Survey and changes of all processes, and ||eta|| `[N, draws]`."""
        batches = self.batches(self._size)
        surveys = self.processes.gathered(lambda: survey_images(batches, self.plan, Memory(self.note)))
        whole, own = joined_surveys(surveys), surveys[self.processes.rank]
        radius = _radius(whole, self.plan)
        with measuring_mode(self.model, self.plan.settings.batch_norm):
            parts = self.processes.gathered(lambda: self._changes(own, _radii(own, radius, self.plan)))
        changes = joined_changes(parts)
        self._tell_rounding(changes)
        return whole, _radii(whole, radius, self.plan), changes

    @property
    def _whole(self) -> bool:
        """Whether batches must not be taken in parts."""
        return batch_norm_used(self.model, self.plan.settings.batch_norm) == "batch"

    @property
    def _size(self) -> int:
        return self.plan.images_at_once(self._whole)

    def _changes(self, own: Survey, radii: Array) -> Changes | None:
        """Of this process's images; where batch norm needs whole batches, with such as fit into memory."""
        while True:
            batches = self.batches(self._size)
            memory = Memory(self.note, whole=self._whole)
            if self.plan.layers is not None and not self._whole:
                memory.most = self._size  # a loader's batches may be larger
            try:
                if self.plan.settings.amp:
                    self._tell_amp(batches, own, radii, memory)
                return run_network(self.model, batches, self.plan, own, radii, memory, self.progress)
            except BatchTooLargeError as error:
                self._halve(error.size)

    def _halve(self, size: int) -> None:
        half = -(-size // 2)
        if self.processes.count > 1 or half >= self.plan.settings.batch_size:
            raise ValueError(f"out of memory with {size} images at once, which batch norm needs whole; take fewer")
        self.note(f"out of memory with {size} images at once; batch norm works on batches of {half} now")
        self.plan = replace(self.plan, settings=replace(self.plan.settings, batch_size=half))

    def _tell_rounding(self, changes: Changes) -> None:
        """Notes where the changes of f are so small beside f that rounding makes a part of them."""
        size = np.median(np.linalg.norm(changes.outputs, axis=1))
        moved = np.sqrt(min(np.median(part.sum(-1)) for part in (changes.deformation, changes.noise)))
        share = float(moved / size) if size else 1.0
        if 0 < share < ROUNDING * torch.finfo(self.plan.dtype).eps and self.processes.first:
            self.note(
                f"the outputs change by {share:.1g} of their size, within {ROUNDING} times the rounding of "
                f"{str(self.plan.dtype).removeprefix('torch.')}; measure in float64 to have R_f exactly"
            )

    def _tell_amp(self, batches: Batches, own: Survey, radii: Array, memory: Memory) -> None:
        found = amp_beside_full(self.model, batches, self.plan, own, radii, memory)
        if found is not None and self.processes.first:
            count, lowered, full = found
            self.note(
                f"{self.plan.precision}: on the first {count} images R_f is {lowered:.3g}, and {full:.3g} in "
                f"{str(self.plan.dtype).removeprefix('torch.')} ({lowered / full - 1:+.1%}); leave amp out to have that"
            )
