"""StabilityProbe as a callback of Lightning's Trainer; a file of its own because it imports that library."""

from typing import Any

from .probe import ProbeCallback, Values

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError:  # then there is no Trainer either
        Callback = object


class StabilityCallback(ProbeCallback, Callback):  # type: ignore[misc]
    """Measures R_f before the first step and after epochs, or optimiser steps, of `Trainer.fit`.

    The values go to the trainer's loggers, at its global step, and to `probe.history`. A training that continues from
    a checkpoint is not measured again before its first step.

    Args:
        probe: Probe, which has the images, the schedule and the settings.
        network: Function from the LightningModule to the network to measure, such as `lambda module: module.net`; None
            takes the module itself, whose `forward` must take images.
        unit: Unit of the schedule: `epoch` or `step` (the trainer's `global_step`).
        prefix: Text before each name in the loggers.

    Raises:
        ValueError: If the unit is another text.

    >>> import torch
    >>> from diffstab import StabilityProbe
    >>> callback = StabilityCallback(StabilityProbe(torch.rand(20, 1, 16, 16), schedule="powers"))
    >>> callback.unit
    'epoch'
    """

    _last = 0  # last step: global_step stays the same while gradients are accumulated

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Measures before the first step."""
        self.started(trainer, pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Measures after an optimiser step."""
        if trainer.global_step > self._last:
            self._last = trainer.global_step
            self.reached("step", trainer.global_step, trainer, pl_module)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Measures after an epoch."""
        self.reached("epoch", trainer.current_epoch + 1, trainer, pl_module)

    def record(self, at: Any, values: Values) -> None:
        """Passes the values that were measured to the trainer's loggers."""
        known = {name: value for name, value in values.items() if value is not None}
        for logger in at.loggers if known else ():
            logger.log_metrics(known, step=at.global_step)
