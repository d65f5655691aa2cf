"""One pass over the training images, and the error on other images.

The order of the images is a function of (seed, epoch), augmentation and dropout's masks of (seed, epoch, step). So a
stopped training continues with the random numbers of an uninterrupted one.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..data import TensorImageSet
from ..fields import MaxEntropyEnsemble
from ..options import DEFAULT_DELTA, TrainOptions
from ..precision import sent
from ..processes import ALONE, Processes
from .augment import Augmentation
from .optimisation import Loss, loss_of
from .penalty import StabilityLoss
from .state import TrainingState

TEST_BATCH = 250  # images
LOOK_EVERY = 16  # steps between two readings of the loss, each of which waits for the device
LEAST_PART = 0.1  # smallest last batch, as a share of batch_size; with 4 of 128 an EfficientNet hardly learns

ORDER, AUGMENTATION, MASKS, PENALTY = "order", "augmentation", "masks", "penalty"


class NotFiniteError(ValueError):
    """Raised if a loss or an output is not finite; the message names epoch and step."""


class TrainingStoppedError(RuntimeError):
    """Raised if a training was asked to stop; its state is written if it has a folder."""


@dataclass
class Trainer:
    """Everything that an epoch needs beside the training's state.

    Attributes:
        options: Options of the training.
        images: Training images, on the device.
        augmentation: Random changes of each batch.
        network: The state's model as the steps run it: compiled, or wrapped for several processes.
        device: Device of the training.
        processes: Processes of `torchrun`, of which this is one.
        stop: Function called after each step; True stops the training.
        loss: Loss of outputs and labels.
        penalty: Penalty that is added to it for stability; None adds nothing.
        generator: Random generator on the CPU, seeded anew for each purpose.
    """

    options: TrainOptions
    images: TensorImageSet
    augmentation: Augmentation
    network: nn.Module
    device: torch.device
    processes: Processes = ALONE
    stop: Callable[[], bool] | None = None
    loss: Loss = field(init=False)
    penalty: StabilityLoss | None = field(init=False, default=None)
    generator: torch.Generator = field(init=False)

    def __post_init__(self) -> None:
        if self.options.batch_size < self.processes.count:
            raise ValueError(
                f"batch_size is {self.options.batch_size}, fewer images than the {self.processes.count} processes; "
                "raise it or start fewer"
            )
        self.loss, self.generator = loss_of(self.options), torch.Generator()
        if self.options.penalty:
            rule, size = self.options.diffeo_cutoff_rule, self.images.shape[1:]
            tau = MaxEntropyEnsemble(size, self.options.diffeo_cutoff, delta=DEFAULT_DELTA, cutoff_rule=rule)
            self.penalty = StabilityLoss(tau, self.options.penalty)

    @property
    def steps(self) -> int:
        """Number of steps of an epoch."""
        return len(self._batches(torch.arange(len(self.images))))

    def _batches(self, order: Tensor) -> list[Tensor]:
        """Splits indices into batches; a last batch that is too small for batch norm joins the one before.

        It needs LEAST_PART of the batch size, and two images per process.
        """
        batches = list(order.split(self.options.batch_size))
        if len(batches) > 1 and len(batches[-1]) < max(2 * self.processes.count, self.options.batch_size * LEAST_PART):
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    def run_epoch(self, state: TrainingState) -> None:
        """Runs the remaining steps of the present epoch.

        Args:
            state: State of the training, which is changed.

        Raises:
            NotFiniteError: If the loss is no longer finite; the message names the step.
            TrainingStoppedError: If `stop` returned True.
        """
        epoch, first = state.epochs_done, state.step
        self.generator.manual_seed(stream(self.options.seed, epoch, 0, ORDER))
        batches = self._batches(torch.randperm(len(self.images), generator=self.generator))
        self.network.train()
        losses: list[Tensor] = []
        every = 1 if self.device.type == "cpu" else LOOK_EVERY
        for step in range(first, len(batches)):
            losses.append(self.take_step(state, batches[step], step))
            last = step + 1 == len(batches)
            if last or len(losses) == every:
                self._account(state, losses)
            if self._asked_to_stop() and not last:
                self._account(state, losses)
                raise TrainingStoppedError(f"stopped in epoch {epoch + 1}, after step {step + 1} of {len(batches)}")

    def take_step(self, state: TrainingState, batch: Tensor, step: int) -> Tensor:
        """Takes one step of the optimiser and returns the loss; its mean over the processes is the batch's loss.

        Args:
            state: State of the training, which is changed.
            batch: Indices of the batch's images.
            step: Number of the step in its epoch, from 0.
        """
        seed = self.options.seed
        self.generator.manual_seed(stream(seed, state.epochs_done, step, AUGMENTATION))
        seed_masks(stream(seed, state.epochs_done, step, f"{MASKS} {self.processes.rank}"), self.device)
        batch = sent(batch, self.device)
        images = self.processes.own(self.augmentation(self.images.images[batch], self.generator))
        labels = self.processes.own(self.images.labels[batch])
        if self.options.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.options.bfloat16):
            loss = self._loss(state, images, labels, step)
        if self.processes.count > 1:
            loss = loss * (len(labels) * self.processes.count / len(batch))
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        if state.average is not None:
            state.average.update_parameters(state.model)
        return loss.detach()

    def _loss(self, state: TrainingState, images: Tensor, labels: Tensor, step: int) -> Tensor:
        """Returns the loss of a batch, with its penalty."""
        outputs = self.network(images)
        loss = self.loss(outputs, labels)
        if self.penalty is None:
            return loss
        purpose = f"{PENALTY} {self.processes.rank}"
        self.generator.manual_seed(stream(self.options.seed, state.epochs_done, step, purpose))
        total: Tensor = loss + self.penalty(self.network, images, outputs, self.generator)
        return total

    def _account(self, state: TrainingState, losses: list[Tensor]) -> None:
        """Adds the losses of the last steps to the state. Raises NotFiniteError if one is not finite."""
        if not losses:
            return
        values = self.processes.total(torch.stack(losses)).cpu().double() / self.processes.count
        finite = torch.isfinite(values)
        if not bool(finite.all()):
            bad = int((~finite).nonzero()[0])
            epoch, step = state.epochs_done + 1, state.step + bad + 1
            raise NotFiniteError(f"the loss is {float(values[bad]):g} in epoch {epoch}, step {step} of {self.steps}")
        for value in values.tolist():
            state.loss_sum += value
        state.step += len(losses)
        losses.clear()

    def _asked_to_stop(self) -> bool:
        asked = self.stop is not None and self.stop()
        if self.processes.count == 1:
            return asked
        return bool(self.processes.total(torch.tensor(int(asked), device=self.device)))


def stream(seed: int, epoch: int, step: int, purpose: str) -> int:
    """Returns the seed of a generator, 63 bits, different for each purpose and step.

    >>> stream(0, 0, 0, "order") == stream(0, 0, 0, "masks 0")
    False
    """
    digest = hashlib.blake2b(f"{seed} {epoch} {step} {purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1  # MPS takes signed numbers


def seed_masks(seed: int, device: torch.device) -> None:
    """Seeds the global generators that dropout draws from: those of the CPU and of one device."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@torch.no_grad()
def measure_error(
    network: nn.Module, data: TensorImageSet, device: torch.device, processes: Processes = ALONE
) -> float:
    """Returns the share of wrongly classified images; NaN if an output is not finite. Processes share the batches."""
    network.eval()
    wrong = torch.zeros(2, dtype=torch.int64)
    batches = list(zip(data.images.split(TEST_BATCH), data.labels.split(TEST_BATCH), strict=True))
    for images, labels in batches[processes.rank :: processes.count]:
        outputs = network(images.to(device))
        wrong[0] += int((outputs.argmax(1) != labels.to(device)).sum())
        wrong[1] += int(not torch.isfinite(outputs).all())
    errors, broken = processes.total(wrong.to(device)).tolist()
    return math.nan if broken else errors / len(data)
