"""StabilityProbe as a callback of Lightning's Trainer; a file of its own because it imports that library."""

from typing import Any

from .probe import ProbeCallback

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

    _last = 0  # last measured step: global_step stays the same while gradients are accumulated

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Measures before the first step."""
        if trainer.global_step == 0:
            self._measure(trainer, pl_module, 0)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Measures after an optimiser step."""
        if self.unit == "step" and trainer.global_step > self._last:
            self._last = trainer.global_step
            self._measure(trainer, pl_module, trainer.global_step)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Measures after an epoch."""
        if self.unit == "epoch":
            self._measure(trainer, pl_module, trainer.current_epoch + 1)

    def _measure(self, trainer: Any, module: Any, step: int) -> None:
        values = {name: value for name, value in self.measured(module, step).items() if value is not None}
        for logger in trainer.loggers if values else ():
            logger.log_metrics(values, step=trainer.global_step)
