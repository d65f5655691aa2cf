"""State of a training, and the checkpoints that restore it.

The last two checkpoints are kept: if one is damaged, the training continues from the other.
"""

import io
import math
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel
from torch.utils._pytree import tree_map_only

from ..models import fill, is_swelling
from ..options import Role, TrainOptions, names_with
from ..reading import open_regular
from ..writing import check_writable, make_folder, write_atomically

CHECKPOINT, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"
NUMBERS = ("epochs_done", "step", "loss_sum", "best_epoch", "best_error", "seconds", "history")
RecipeDict = dict[str, Any]
Weights = dict[str, Tensor]


@dataclass
class TrainingState:
    """A training after `epochs_done` epochs and `step` steps of the next.

    Attributes:
        model: Network that is trained.
        optimizer: Optimiser with its state.
        schedule: Schedule of the learning rate.
        average: Average of the weights over the steps, which is kept instead of the last weights; None without `ema`.
        epochs_done: Number of finished epochs.
        step: Number of finished steps of the present epoch.
        loss_sum: Sum of the losses of these steps.
        best: Weights of the best epoch so far; None before the first.
        best_epoch: Number of the best epoch, from 1; 0 before the first.
        best_error: Error of the best epoch.
        seconds: Duration of the training so far.
        history: Lines of metrics.jsonl, one per finished epoch.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    average: AveragedModel | None = None
    epochs_done: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best: Weights | None = None
    best_epoch: int = 0
    best_error: float = math.inf
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kept(self) -> nn.Module:
        """Network whose error counts: the averaged one if there is one."""
        network: nn.Module = self.model if self.average is None else self.average.module
        return network

    def to_dict(self) -> dict[str, Any]:
        """Returns the state as tensors on the CPU, numbers and plain containers."""
        content = {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": self.best,
            **{name: getattr(self, name) for name in NUMBERS},
        }
        found: dict[str, Any] = tree_map_only(Tensor, Tensor.cpu, content)  # loads on a machine without this device
        return found

    def fill(self, content: dict[str, Any], origin: str, *, dataset: str, classes: int) -> None:
        """Loads the content that `to_dict` gave. Raises ValueError if the weights are another network's.

        Args:
            content: State of a checkpoint.
            origin: Name of the checkpoint for messages.
            dataset: Name of the data set for messages.
            classes: Number of its classes.
        """
        fill(self.model, content["model"], origin, dataset=dataset, classes=classes)
        if self.average is not None:
            self.average.load_state_dict(content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        self.best = content["best"]
        for name in NUMBERS:
            setattr(self, name, content[name])


CONTENT = {"model", "average", "optimizer", "schedule", "best", "recipe", *NUMBERS}


def recipe_of(options: TrainOptions) -> RecipeDict:
    """Returns the options that determine a training: all but those of the machine, such as the device."""
    aside = names_with(TrainOptions, Role.EXECUTION)
    return {name: value for name, value in options.to_dict().items() if name not in aside}


def prepare(folder: Path) -> Path:
    """Makes the folder of a run and returns the path of its checkpoint. Raises ValueError if it can't be written."""
    make_folder(folder)
    check_writable(folder / CHECKPOINT, within=folder)
    return folder / CHECKPOINT


def write_state(path: Path, state: TrainingState, recipe: RecipeDict) -> None:
    """Writes a checkpoint; the one before is kept as checkpoint.previous.pt.

    Args:
        path: Path of the checkpoint.
        state: State to write.
        recipe: Options from `recipe_of`, which a later run must share.

    Raises:
        ValueError: If it can't be written, for instance to a full disk; the last checkpoint is then unchanged.
    """
    stream = io.BytesIO()
    torch.save({**state.to_dict(), "recipe": recipe}, stream)
    new = path.with_name("checkpoint.new.pt")
    write_atomically(new, stream.getvalue(), within=path.parent)
    try:
        if path.exists():
            os.replace(path, path.with_name(PREVIOUS))
        os.replace(new, path)
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be written ({error.strerror})") from error


def checkpoints_in(folder: Path) -> list[Path]:
    """Returns the checkpoints in a folder, the last one first."""
    return [folder / name for name in (CHECKPOINT, PREVIOUS) if (folder / name).exists()]


def read_last(path: Path, recipe: RecipeDict, note: Callable[[str], None]) -> tuple[dict[str, Any], Path] | None:
    """Returns the content and path of the last undamaged checkpoint; None if the folder has no checkpoint.

    Args:
        path: Path of the last checkpoint.
        recipe: Options that the checkpoint must have.
        note: Function called with a message if the last checkpoint is damaged.

    Raises:
        ValueError: If every checkpoint is unreadable or damaged, or its recipe differs.
    """
    damage: ValueError | None = None
    for file in checkpoints_in(path.parent):
        try:
            content = _read(file)
        except ValueError as error:
            damage = damage or error
            continue
        differing = _differences(content["recipe"], recipe)
        if differing:
            raise ValueError(
                f"checkpoint {str(file)!r} is of another training: {differing}; take another folder or remove it"
            )
        if damage is not None:
            note(
                f"checkpoint {str(path)!r} is damaged; going on from {file.name}, after epoch {content['epochs_done']}"
            )
        return content, file
    if damage is not None:
        raise damage
    return None


def _read(path: Path) -> dict[str, Any]:
    """Reads a checkpoint of `write_state`. Raises ValueError if it can't be read, is damaged or is another file."""
    try:
        stream = open_regular(path)
    except OSError as error:
        raise ValueError(f"checkpoint {str(path)!r} can't be read ({error.strerror})") from error
    try:
        with stream:  # checks that it is a sound archive before reading it whole
            archive, size = zipfile.ZipFile(stream), os.fstat(stream.fileno()).st_size
            damaged = is_swelling(archive, size) or archive.testzip()  # torch.load checks no checksums
            stream.seek(0)
            content = None if damaged else torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files raise errors of many modules
        raise ValueError(_unusable(path)) from error
    if not isinstance(content, dict) or not content.keys() >= CONTENT:
        raise ValueError(_unusable(path))
    return content


def _differences(kept: RecipeDict, recipe: RecipeDict) -> str:
    """Returns every option that differs, with both values; an empty text if none does."""
    kept = recipe_of(TrainOptions()) | kept  # options that are newer than the checkpoint had their default
    names = [name for name in kept if name not in recipe or kept[name] != recipe[name]]
    return ", ".join(f"{name} is {kept[name]!r} there and {recipe.get(name)!r} here" for name in names)


def _unusable(path: Path) -> str:
    return f"checkpoint {str(path)!r} is truncated, damaged or not of a training; remove it to train from the start"
