"""What a training changes from epoch to epoch, and the checkpoint that brings it back."""

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from ..models.checkpoints import fill
from ..options import EXECUTION, TrainOptions
from ..results import check_writable, write_atomically

CHECKPOINT = "checkpoint.pt"
NUMBERS = ("epochs_done", "loss", "test_error", "seconds")
Recipe = dict[str, Any]


@dataclass
class TrainingState:
    """A training after `epochs_done` epochs; `loss` and `test_error` are of the last one (NaN before the first)."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    epochs_done: int = 0
    loss: float = math.nan
    test_error: float = math.nan
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain tensors on the CPU, numbers and containers."""
        return {
            "model": _on_cpu(self.model.state_dict()),
            "optimizer": _on_cpu(self.optimizer.state_dict()),
            "schedule": self.schedule.state_dict(),
            **{name: getattr(self, name) for name in NUMBERS},
        }

    def fill(self, content: dict[str, Any], origin: str, *, dataset: str, classes: int) -> None:
        """Takes over what `to_dict` gave. Raises ValueError if the weights are another network's."""
        fill(self.model, content["model"], origin, dataset=dataset, classes=classes)
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        for name in NUMBERS:
            setattr(self, name, content[name])


def _on_cpu(value: Any) -> Any:
    """So that a checkpoint loads where the device that it was made on is missing."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(item) for key, item in value.items()}
    return [_on_cpu(item) for item in value] if isinstance(value, list) else value


def recipe_of(options: TrainOptions) -> Recipe:
    """What is trained, wherever it runs: every option but the device."""
    return {name: value for name, value in options.to_dict().items() if name not in EXECUTION}


def prepare(folder: Path) -> Path:
    """Makes the folder of a run; the path of its checkpoint. Raises ValueError now if it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"folder {str(folder)!r} can't be made ({error.strerror})") from error
    check_writable(folder / CHECKPOINT)
    return folder / CHECKPOINT


def write_state(path: Path, state: TrainingState, recipe: Recipe) -> None:
    """Whole or not at all: an interrupted run leaves the previous checkpoint."""
    stream = io.BytesIO()
    torch.save({**state.to_dict(), "recipe": recipe}, stream)
    write_atomically(path, stream.getvalue())


def read_state(path: Path, recipe: Recipe) -> dict[str, Any]:
    """What `write_state` wrote for that recipe.

    Raises:
        ValueError: If the file can't be read, is damaged, holds something else, or is of another recipe.
    """
    try:
        file = path.read_bytes()
    except OSError as error:
        raise ValueError(f"checkpoint {str(path)!r} can't be read ({error.strerror})") from error
    try:
        damaged = zipfile.ZipFile(io.BytesIO(file)).testzip()  # torch.load checks no sums
        content = None if damaged else torch.load(io.BytesIO(file), map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files raise errors of many modules
        raise ValueError(_unusable(path)) from error
    if not isinstance(content, dict) or not {"model", "optimizer", "schedule", "recipe", *NUMBERS} <= content.keys():
        raise ValueError(_unusable(path))
    differing = _differences(content["recipe"], recipe)
    if differing:
        raise ValueError(
            f"checkpoint {str(path)!r} is of another training: {differing}; take another folder or remove it"
        )
    return content


def _differences(kept: Recipe, recipe: Recipe) -> str:
    """Every option that differs, with both values; empty where none does."""
    kept = recipe_of(TrainOptions()) | kept  # an option that has come since had what is its default now
    names = [name for name in kept if name not in recipe or kept[name] != recipe[name]]
    return ", ".join(f"{name} is {kept[name]!r} there and {recipe.get(name)!r} here" for name in names)


def _unusable(path: Path) -> str:
    return f"checkpoint {str(path)!r} is truncated, damaged or not of a training; remove it to train from the start"
