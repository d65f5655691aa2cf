"""History of a training: metrics.jsonl, and loggers for TensorBoard and Weights & Biases."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..writing import write_atomically

METRICS = "metrics.jsonl"


class Logger(Protocol):
    """Protocol of objects that get each line of metrics.jsonl."""

    def log(self, line: Mapping[str, Any]) -> None:
        """Called with the numbers of one epoch."""

    def close(self) -> None:
        """Called when the training has ended or stopped."""


def write_history(folder: Path, history: list[dict[str, Any]]) -> None:
    """Writes metrics.jsonl: one line per epoch, the same as in the checkpoint. A failure leaves no partial file.

    Raises:
        ValueError: If the file can't be written.
    """
    lines = "".join(json.dumps(line) + "\n" for line in history)
    write_atomically(folder / METRICS, lines.encode(), within=folder)


class TensorBoardLogger:
    """Writes numbers for TensorBoard into a folder. Raises ValueError if tensorboard is not installed."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ValueError(_missing("tensorboard")) from error
        self._writer = SummaryWriter(str(folder))

    def log(self, line: Mapping[str, Any]) -> None:
        """Writes every number of the epoch under its name."""
        for name, value in line.items():
            if isinstance(value, (int, float)) and name != "epoch":
                self._writer.add_scalar(name, value, line["epoch"])
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()


class WandbLogger:
    """Logs to a run of Weights & Biases. Raises ValueError if wandb is not installed or can't begin a run."""

    def __init__(self, project: str, folder: Path, config: Mapping[str, Any]) -> None:
        try:
            import wandb
        except ImportError as error:
            raise ValueError(_missing("wandb")) from error
        try:
            self._run = wandb.init(project=project, dir=str(folder), config=dict(config), resume="allow")
        except Exception as error:  # wandb raises many types
            raise ValueError(f"wandb can't begin a run ({error:.200}); set WANDB_MODE=offline to log here") from error

    def log(self, line: Mapping[str, Any]) -> None:
        """Logs the epoch's numbers."""
        self._run.log(dict(line), step=int(line["epoch"]))

    def close(self) -> None:
        """Ends the run."""
        self._run.finish()


def _missing(package: str) -> str:
    return f"{package} is not installed; pip install 'diffstab[logging]'"
