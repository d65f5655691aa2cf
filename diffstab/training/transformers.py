"""StabilityProbe as a callback of the Trainer of `transformers`; a file of its own because it imports that library."""

from typing import Any

from .probe import ProbeCallback, Values

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
        self.started(state, kwargs["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measures after an optimiser step."""
        self.reached("step", state.global_step, state, kwargs["model"])

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measures after an epoch."""
        self.reached("epoch", round(state.epoch), state, kwargs["model"])

    def record(self, at: Any, values: Values) -> None:
        """Adds a line to the state's `log_history`."""
        at.log_history.append({"epoch": at.epoch, "step": at.global_step, **values})
