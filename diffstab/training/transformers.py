"""StabilityProbe as a callback of the Trainer of `transformers`; a file of its own because it imports that library."""

from typing import Any

from .probe import ProbeCallback

try:
    from transformers import TrainerCallback
except ImportError:  # then there is no Trainer either
    TrainerCallback = object


class StabilityCallback(ProbeCallback, TrainerCallback):  # type: ignore[misc]
    """Measures R_f before the first step and after epochs, or optimiser steps, of `Trainer.train`.

    The values go to `trainer.state.log_history`, which checkpoints keep, and to `probe.history`. A training that
    continues from a checkpoint is not measured again before its first step.

    Args:
        probe: Probe, which has the images, the schedule and the settings.
        network: Function from the trainer's model to the network to measure; None takes the model and measures its
            logits.
        unit: Unit of the schedule: `epoch` or `step` (the state's `global_step`).
        prefix: Text before each name in the log.

    Raises:
        ValueError: If the unit is another text.

    >>> import torch
    >>> from diffstab import StabilityProbe
    >>> callback = StabilityCallback(StabilityProbe(torch.rand(20, 1, 16, 16), schedule=100), unit="step")
    >>> callback.unit
    'step'
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measures before the first step."""
        if state.global_step == 0:
            self._measure(kwargs["model"], state, 0)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measures after an optimiser step."""
        if self.unit == "step":
            self._measure(kwargs["model"], state, state.global_step)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measures after an epoch."""
        if self.unit == "epoch":
            self._measure(kwargs["model"], state, round(state.epoch))

    def _measure(self, model: Any, state: Any, step: int) -> None:
        values = self.measured(model, step)
        if values:
            state.log_history.append({"epoch": state.epoch, "step": state.global_step, **values})
