"""Training loop: epochs, the choice of the epoch to keep, and checkpoints from which a stopped training continues.

Every random number is a function of (seed, epoch, step). On one CPU, with the same number of threads, a stopped and
continued training gives the weights of an uninterrupted one, bit for bit.
"""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ..data import TensorImageSet
from ..models import Shape
from ..options import DEFAULT_CUTOFF, DEFAULT_DELTA, TrainOptions
from ..processes import ALONE, Processes, taking_turns
from ..streams import untouched_global_state
from .augment import Augmentation
from .epoch import NotFiniteError, Trainer, TrainingStoppedError, measure_error
from .images import LAST, TEST, VALIDATION, Images, darkest, prepare_images
from .metrics import Logger, write_history
from .probe import POWERS, StabilityProbe, is_due
from .start import epochs_of, fresh_state
from .state import TrainingState, prepare, read_last, recipe_of, write_state
from .trained import Trained

CPU = torch.device("cpu")


@dataclass(frozen=True)
class EpochReport:
    """A finished epoch that ended with a look at the error.

    Attributes:
        epoch, epochs: Number of the epoch, from 1, and number of the last epoch.
        loss: Mean loss over the epoch's steps.
        error: Share of wrongly classified images of `watched`.
        watched: Images that gave the error: `validation` or `test`.
        seconds: Duration of the epoch.
        seconds_left: Duration of the epochs to come, at the mean pace so far.
    """

    epoch: int
    epochs: int
    loss: float
    error: float
    watched: str
    seconds: float
    seconds_left: float


Progress = Callable[[EpochReport], None]


@taking_turns()
def train(
    options: TrainOptions,
    *,
    folder: Path | None = None,
    device: torch.device | str = CPU,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
    stop: Callable[[], bool] | None = None,
    loggers: Sequence[Logger] = (),
    processes: Processes = ALONE,
) -> Trained:
    """Trains a network of the options' model on their data set.

    The global random states of Python, numpy and torch stay as they are. Trainings and measurements in one process run
    one after another, even if called in several threads; meanwhile other threads must not draw from the global random
    generators. Use processes, as a sweep does, to train several networks at once.

    Args:
        options: Model, data set and recipe. Their `device` is not read here.
        folder: Folder for checkpoint.pt and metrics.jsonl, written with each look at the error; it is made if missing.
            The same call continues from its checkpoint.
        device: Device of the training.
        progress: Function called after each look at the error, when the checkpoint is written. Every epoch ends with a
            look, but with `select: last` and fewer training images than test images only as many as `is_looked_at`
            tells.
        note: Function called with messages for the user, such as a damaged checkpoint.
        stop: Function called after each step. If it returns True, the state is written and TrainingStoppedError raised.
        loggers: Loggers that get each line of metrics.jsonl.
        processes: Processes of `torchrun`, of which this is one.

    Raises:
        ValueError: If model or data set is unknown, the images have no labels, the folder can't be written, its
            checkpoints are damaged or of other options, or the loss is no longer finite.
        TrainingStoppedError: If `stop` returned True.

    >>> options = TrainOptions(model="fc_l4", recipe="laptop", epochs=1)
    >>> trained = train(options)
    >>> trained.test_error < 0.6
    True
    """
    images, device = prepare_images(options), torch.device(device)
    epochs = epochs_of(options, len(images.train), images.full)
    with untouched_global_state(device):
        state = fresh_state(options, Shape(*images.test.shape, images.test.classes), device, epochs)
    path = None if folder is None else prepare(Path(folder))  # made only if model and images are fine
    run = _Run(options, images, device, epochs, path, state, loggers, processes)
    run.resume(note or (lambda text: None))
    with untouched_global_state(device):
        trainer = run.trainer(stop)
        while state.epochs_done < epochs:
            report = run.epoch(trainer)
            if report is not None and progress is not None and processes.first:
                progress(report)
        return run.finished()


def is_looked_at(epoch: int, size: int, watched: int) -> bool:
    """Tells whether an epoch over `size` images is the first in which as many as are watched were trained on once more.

    Then the error on the watched images and the checkpoint cost no more than the training between two of them.

    >>> [epoch for epoch in range(1, 9) if is_looked_at(epoch, size=400, watched=1000)]
    [3, 5, 8]
    """
    return epoch * size // watched > (epoch - 1) * size // watched


@dataclass
class _Run:
    """A training with its images, the path of its checkpoint and the number of epochs that are in it."""

    options: TrainOptions
    images: Images
    device: torch.device
    epochs: int
    path: Path | None
    state: TrainingState
    loggers: Sequence[Logger]
    processes: Processes
    written: int = 0

    def resume(self, note: Callable[[str], None]) -> None:
        """Loads the folder's checkpoint, if there is one."""
        if self.path is None:
            return
        found = read_last(self.path, recipe_of(self.options), note if self.processes.first else lambda text: None)
        if found is not None:
            content, file = found
            data = self.images.train
            self.state.fill(content, f"checkpoint {str(file)!r}", dataset=data.name, classes=data.classes)
            self.written = self.state.epochs_done
        self.processes.total(torch.zeros(1, device=self.device))  # no process writes before all have read
        if found is not None and self.processes.first:
            if file != self.path:  # otherwise the next write would move the damaged one over it
                os.replace(file, self.path)
            write_history(self.path.parent, self.state.history)

    def trainer(self, stop: Callable[[], bool] | None) -> Trainer:
        """Prepares the epochs: moves the images to the device, compiles and wraps the network."""
        state, train = self.state, self.images.train
        if self.options.compile:
            state.model.compile()
        network = self.processes.wrapped(state.model, self.device)
        images = TensorImageSet(
            train.name, train.split, train.images.to(self.device), train.labels.to(self.device), train.classes
        )
        augmentation = Augmentation.of(self.options, train.shape[1:], darkest(images.images))
        if self.options.stability_images and not state.history and not state.step:
            state.history.append({"epoch": 0, **self._probe(0)})
        return Trainer(self.options, images, augmentation, network, self.device, self.processes, stop)

    def epoch(self, trainer: Trainer) -> EpochReport | None:
        """Runs one epoch, and looks at the error and writes a checkpoint if it is due; otherwise returns None.

        Raises:
            ValueError: If the loss or the outputs are no longer finite; the last checkpoint is kept.
            TrainingStoppedError: If `stop` returned True; the state is written.
        """
        state, start = self.state, time.perf_counter()
        try:
            trainer.run_epoch(state)
            self.processes.share(state.kept.buffers())
            error = self._error()
        except NotFiniteError as failure:
            raise ValueError(f"{failure}; {self._advice()}") from failure
        except TrainingStoppedError:
            state.seconds += time.perf_counter() - start
            self._write()
            raise
        return self._close_epoch(trainer.steps, error, start)

    def _error(self) -> float | None:
        """Returns the error after the present epoch; None if no look is due. Raises NotFiniteError for no finite one.

        An epoch that is chosen by its error, or that the probe measures, is always looked at.
        """
        state, watched, epoch = self.state, self.images.watched, self.state.epochs_done + 1
        every = self.options.select != LAST or epoch == self.epochs or self._is_probed(epoch)
        if not every and not is_looked_at(epoch, len(self.images.train), len(watched)):
            return None
        error = measure_error(state.kept, watched, self.device, self.processes)
        if math.isnan(error):
            raise NotFiniteError(f"the network's outputs are no longer finite in epoch {epoch}")
        return error

    def _close_epoch(self, steps: int, error: float | None, start: float) -> EpochReport | None:
        state = self.state
        rate, loss = state.schedule.get_last_lr()[0], state.loss_sum / steps
        state.schedule.step()
        state.epochs_done, state.step, state.loss_sum = state.epochs_done + 1, 0, 0.0
        line = {"epoch": state.epochs_done, "steps": state.epochs_done * steps, "lr": rate, "loss": loss}
        if error is not None:
            self._choose(error)
            line[f"{self.watched}_error"] = error
        seconds = time.perf_counter() - start
        state.seconds += seconds
        state.history.append({**line, "seconds": seconds, **self._probe(state.epochs_done)})
        if error is not None:
            self._write()
        for logger in self.loggers:
            logger.log(state.history[-1])
        if error is None:
            return None
        left = state.seconds / state.epochs_done * (self.epochs - state.epochs_done)
        return EpochReport(state.epochs_done, self.epochs, loss, error, self.watched, seconds, left)

    @property
    def watched(self) -> str:
        """Name of the images that give the error during the training."""
        return VALIDATION if self.options.select == VALIDATION else TEST

    def _choose(self, error: float) -> None:
        """Keeps this epoch's weights if its error is the lowest so far; of equal errors the later epoch counts."""
        state = self.state
        if self.options.select == LAST or error <= state.best_error:
            state.best_epoch, state.best_error = state.epochs_done, error
            state.best = {name: value.detach().cpu().clone() for name, value in state.kept.state_dict().items()}

    def _is_probed(self, epoch: int) -> bool:
        """Tells whether R_f is measured after an epoch, if it is asked for: after 1, 2, 4, ... and the last."""
        return self.options.stability_images > 0 and (is_due(POWERS, epoch) or epoch == self.epochs)

    def _probe(self, epoch: int) -> dict[str, float | None]:
        """Returns D, G and R of the present network; an empty dict in epochs that are not on the schedule."""
        if not self.options.stability_images or not self.processes.first:
            return {}
        found = self._probes[epoch > 0](self.state.kept, epoch)
        return {name: found[name] for name in "DGR" if found}

    @cached_property
    def _probes(self) -> tuple[StabilityProbe, StabilityProbe]:
        """Probes for the network before its first step, with batch norm by the batch (App. E.1), and for later."""
        options = self.options
        settings: dict[str, Any] = {"count": options.stability_images, "seed": options.seed}
        settings |= {"delta": DEFAULT_DELTA, "cutoff": DEFAULT_CUTOFF}
        later = StabilityProbe(self.images.test, self._is_probed, **settings)
        note = (lambda text: None) if options.alpha is not None else None  # alpha (f - f_0) is 0 before the first step
        return StabilityProbe(self.images.test, [0], batch_norm="batch", note=note, **settings), later

    def _write(self) -> None:
        if self.path is not None and self.processes.first:
            write_state(self.path, self.state, recipe_of(self.options))
            write_history(self.path.parent, self.state.history)
        self.written = self.state.epochs_done

    def _advice(self) -> str:
        advice = f"lower lr, which is {self.options.lr:g}"
        if self.path is not None and self.written:
            advice += f", and take another folder ({str(self.path)!r} keeps epoch {self.written})"
        return advice

    def finished(self) -> Trained:
        """Returns the network of the chosen epoch, with its error on the test images."""
        state, options = self.state, self.options
        network = state.kept
        assert state.best is not None
        losses = {line["epoch"]: line["loss"] for line in state.history if "loss" in line}
        network.load_state_dict(state.best)
        return Trained(
            network=network.eval(),
            options=options,
            shape=Shape(*self.images.test.shape, self.images.test.classes),
            epochs=state.epochs_done,
            epoch=state.best_epoch,
            epoch_loss=losses[state.best_epoch],
            train_loss=losses[state.epochs_done],
            test_error=measure_error(network, self.images.test, self.device, self.processes),
            test_images=len(self.images.test),
            seconds=state.seconds,
            preprocessing=self.images.test.preprocessing,
            probed=[{**line, "watched_images": len(self.images.watched)} for line in state.history if "R" in line],
        )
