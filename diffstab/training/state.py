"""What a training changes from step to step, and the checkpoint that brings it back.

The last checkpoint and the one before are kept: where one is damaged, the training goes on from the other.
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

from ..models import fill, is_swelling
from ..options import EXECUTION, TrainOptions
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
        average: Of the weights over the steps, where one is kept in their place.
        loss_sum: Of the steps of the epoch under way.
        best: Weights of the epoch that is kept so far.
        best_epoch: Its number, from 1; 0 before the first.
        history: A line per finished epoch, as metrics.jsonl has it.
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
        """The network whose error counts: the averaged one where there is one."""
        network: nn.Module = self.model if self.average is None else self.average.module
        return network

    def to_dict(self) -> dict[str, Any]:
        """Plain tensors on the CPU, numbers and containers."""
        return {
            "model": _on_cpu(self.model.state_dict()),
            "average": None if self.average is None else _on_cpu(self.average.state_dict()),
            "optimizer": _on_cpu(self.optimizer.state_dict()),
            "schedule": self.schedule.state_dict(),
            "best": _on_cpu(self.best),
            **{name: getattr(self, name) for name in NUMBERS},
        }

    def fill(self, content: dict[str, Any], origin: str, *, dataset: str, classes: int) -> None:
        """Takes over what `to_dict` gave. Raises ValueError if the weights are another network's."""
        fill(self.model, content["model"], origin, dataset=dataset, classes=classes)
        if self.average is not None:
            self.average.load_state_dict(content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        self.best = content["best"]
        for name in NUMBERS:
            setattr(self, name, content[name])


CONTENT = {"model", "average", "optimizer", "schedule", "best", "recipe", *NUMBERS}


def _on_cpu(value: Any) -> Any:
    """So that a checkpoint loads where the device that it was made on is missing."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(item) for key, item in value.items()}
    return [_on_cpu(item) for item in value] if isinstance(value, list) else value


def recipe_of(options: TrainOptions) -> RecipeDict:
    """What is trained, wherever it runs: every option but the device."""
    return {name: value for name, value in options.to_dict().items() if name not in EXECUTION}


def prepare(folder: Path) -> Path:
    """Makes the folder of a run; the path of its checkpoint. Raises ValueError now if it can't be written."""
    make_folder(folder)
    check_writable(folder / CHECKPOINT, within=folder)
    return folder / CHECKPOINT


def write_state(path: Path, state: TrainingState, recipe: RecipeDict) -> None:
    """Whole or not at all; what was there before stays as checkpoint.previous.pt.

    Raises:
        ValueError: If it can't be written, for instance to a full disk; the last checkpoint is then as it was.
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
    """Those that are there, the last one first."""
    return [folder / name for name in (CHECKPOINT, PREVIOUS) if (folder / name).exists()]


def read_last(path: Path, recipe: RecipeDict, note: Callable[[str], None]) -> tuple[dict[str, Any], Path] | None:
    """The last whole checkpoint of that recipe and its path; None if there is none at all.

    Raises:
        ValueError: If all there are can't be read or are damaged, or the recipe is another one.
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
    """What `write_state` wrote. Raises ValueError if the file can't be read, is damaged or holds something else."""
    try:
        stream = open_regular(path)
    except OSError as error:
        raise ValueError(f"checkpoint {str(path)!r} can't be read ({error.strerror})") from error
    try:
        with stream:  # nothing is read whole before it is known for an archive
            archive, size = zipfile.ZipFile(stream), os.fstat(stream.fileno()).st_size
            damaged = is_swelling(archive, size) or archive.testzip()  # torch.load checks no sums
            stream.seek(0)
            content = None if damaged else torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files raise errors of many modules
        raise ValueError(_unusable(path)) from error
    if not isinstance(content, dict) or not content.keys() >= CONTENT:
        raise ValueError(_unusable(path))
    return content


def _differences(kept: RecipeDict, recipe: RecipeDict) -> str:
    """Every option that differs, with both values; empty where none does."""
    kept = recipe_of(TrainOptions()) | kept  # an option that has come since had what is its default now
    names = [name for name in kept if name not in recipe or kept[name] != recipe[name]]
    return ", ".join(f"{name} is {kept[name]!r} there and {recipe.get(name)!r} here" for name in names)


def _unusable(path: Path) -> str:
    return f"checkpoint {str(path)!r} is truncated, damaged or not of a training; remove it to train from the start"
