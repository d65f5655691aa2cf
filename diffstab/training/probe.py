"""R_f during a training: `StabilityProbe`, which any training loop can call."""

import warnings
from collections.abc import Callable, Iterable
from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from ..checks import one_of, positive_integer
from ..measuring import Network, as_images, image_size, measure, modules_in, plain
from ..processes import own_rank

POWERS = "powers"
UNITS = ("epoch", "step")
NAMES = tuple(f"{name}{end}" for name in "DGR" for end in ("", "_low", "_high"))
Schedule = Callable[[int], bool] | Iterable[int] | str | int
Values = dict[str, float | None]
SETTINGS = set(signature(measure).parameters) - {"model", "images", "name", "layers", "progress", "processes"}
OF_IMAGES = {"labels", "label_outputs", "indices", "count", "workers", "note"}  # settings that the trial leaves out


class StabilityProbe:
    """Measures D_f, G_f and R_f of a network at chosen steps of its training, without changing the training.

    A training with the probe gives the same weights, bit for bit, as without it: the mode of each module, buffers,
    gradients and the global random states of Python, numpy and torch are restored, and the optimiser is not touched.

    A measurement that fails, for instance because f is constant, does not end the training: its values are None, and
    a note reports the first failure.

    If there are several processes (torch.distributed, `torchrun`), only rank 0 measures; the others get `{}` at once.
    The probe exchanges nothing between processes, so it can't deadlock: the others wait for rank 0 at their next
    exchange of gradients, at most as long as the group's timeout. `DistributedDataParallel` and `torch.compile` are
    unwrapped. A network whose parameters are sharded over processes (FSDP) can't run in one process, so its values are
    None.

    Args:
        images: Images that the network is not trained on, in its input space, as for `measure`.
        schedule: Steps (or epochs: the caller counts) at which to measure: `powers` for 0, 1, 2, 4, 8, ...; a whole
            number n for 0, n, 2n, ...; an iterable of steps; or a function from the step to True or False.
        settings: Keyword arguments of `measure`, with its defaults: `delta`, `cutoff`, `seed`, `count`, `draws`,
            `average`, `batch_size`, `batch_norm`, `device`, `note` and others; not `layers`, `name`, `progress` and
            `processes`. Use `batch_norm="batch"` for a network before its first step (App. E.1).

    Attributes:
        schedule: Schedule of the measurements.
        images: Images that are measured.
        settings: Keyword arguments of `measure`.
        history: One dict per measurement so far, with `step` and the values.

    Raises:
        TypeError: If a setting is unknown, the schedule is none of these, or the images are no tensors.
        ValueError: If `measure` refuses the value of a setting.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    >>> probe = StabilityProbe(torch.rand(50, 1, 16, 16), schedule=2, delta=0.5)
    >>> for epoch in range(4):
    ...     found = probe(network, epoch)  # {} at epochs 1 and 3
    >>> [line["step"] for line in probe.history], sorted(probe.history[0])[:3]
    ([0, 2], ['D', 'D_high', 'D_low'])
    """

    def __init__(self, images: Any, schedule: Schedule = POWERS, **settings: Any) -> None:
        if unknown := sorted(settings.keys() - SETTINGS):
            raise TypeError(f"{', '.join(unknown)} can't be set; allowed: {', '.join(sorted(SETTINGS))}")
        self.schedule = _checked(schedule)
        self.images = as_images(images)
        self.settings = {name: value for name, value in settings.items() if name != "note"}
        self.history: list[dict[str, float | None]] = []
        self._note, self._told = settings.get("note") or warnings.warn, set[str]()
        self._try_settings()

    def __call__(self, network: Network, step: int) -> Values:
        """Measures the network if the step is on the schedule.

        Args:
            network: Network, as for `measure`: the trained one, or an average of its weights.
            step: Number of the step or epoch, from 0, which the schedule decides by.

        Returns:
            Values `D`, `D_low`, `D_high`, `G`, ..., `R_high`: numbers and ends of their 95 % intervals, all None if
            measuring failed. `{}` if the step is not on the schedule, and in processes of another rank than 0.
        """
        if own_rank() or not is_due(self.schedule, step):
            return {}
        try:
            found = self._measured(network)
        except Exception as error:
            found = dict.fromkeys(NAMES)
            text = f"R_f was not measured at step {step}, and the training goes on; later ones are not noted: {error}"
            self._tell_once("failure", text)
        self.history.append({"step": step, **found})
        return found

    def _measured(self, network: Network) -> Values:
        network = plain(network)
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            _check_alone(network, self.settings.get("batch_norm"))
        result = measure(network, self.images, **self.settings, note=lambda text: self._tell_once(text, text))
        estimates = {name: getattr(result, name) for name in "DGR"}
        ends = {"": "value", "_low": "low", "_high": "high"}
        return {f"{name}{end}": getattr(one, part) for name, one in estimates.items() for end, part in ends.items()}

    def _tell_once(self, what: str, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._note(text)

    def _try_settings(self) -> None:
        """Tries the settings on random images, so that `measure` refuses them now and not during the training."""
        own = {name: value for name, value in self.settings.items() if name not in OF_IMAGES}
        drawn = torch.rand(3, 1, *image_size(self.images), generator=torch.Generator().manual_seed(0))
        measure(nn.Flatten(), drawn, **own, note=lambda text: None)


def is_due(schedule: Schedule, step: int) -> bool:
    """Returns True if a step is on a schedule.

    >>> [step for step in range(13) if is_due("powers", step)], [step for step in range(13) if is_due(5, step)]
    ([0, 1, 2, 4, 8], [0, 5, 10])
    """
    if isinstance(schedule, str):
        return step & (step - 1) == 0
    if isinstance(schedule, int):
        return step % schedule == 0
    return schedule(step) if callable(schedule) else step in frozenset(schedule)


def _checked(schedule: Schedule) -> Schedule:
    """Returns a checked schedule; an iterable becomes a set of steps.

    Raises:
        TypeError: If it is no schedule.
        ValueError: If it is another text than `powers`, or a whole number below 1.
    """
    if isinstance(schedule, str):
        return one_of("schedule", schedule, [POWERS])
    if callable(schedule):
        return schedule
    if isinstance(schedule, Iterable):
        return frozenset(int(step) for step in schedule)
    return positive_integer("schedule", schedule, least=1)


def _check_alone(network: Network, batch_norm: str | None) -> None:
    """Raises ValueError if a network that runs in one of several processes would wait for the others."""
    for module in modules_in(network):
        kind = type(module).__name__
        sharded = any(hasattr(one, "placements") or hasattr(one, "ds_id") for one in module.parameters(recurse=False))
        waits = kind in ("DistributedDataParallel", "FullyShardedDataParallel")
        if sharded or waits or (batch_norm == "batch" and isinstance(module, nn.SyncBatchNorm)):
            raise ValueError(f"a {kind} runs in all processes together; hand over a network that one process can run")


class ProbeCallback:
    """Base of the callbacks for other libraries' trainers, with their arguments; they say where values are logged."""

    def __init__(
        self,
        probe: StabilityProbe,
        *,
        network: Callable[[Any], Network] | None = None,
        unit: str = "epoch",
        prefix: str = "stability/",
    ) -> None:
        self.probe, self.network, self.prefix = probe, network, prefix
        self.unit = one_of("unit", unit, UNITS)

    def record(self, at: Any, values: Values) -> None:
        """Logs values by name; `at` is what has the training's `global_step`."""
        raise NotImplementedError

    def started(self, at: Any, model: Any) -> None:
        """Measures before the first step, unless the training continues from a checkpoint."""
        if at.global_step == 0:
            self.reached(self.unit, 0, at, model)

    def reached(self, unit: str, step: int, at: Any, model: Any) -> None:
        """Measures after an epoch or a step, if that is the unit of the schedule and the schedule has it."""
        if unit == self.unit:
            found = self.probe(model if self.network is None else self.network(model), step)
            if found:
                self.record(at, {f"{self.prefix}{name}": value for name, value in found.items()})
