"""`diffstab train`: trains a network by a recipe, into a folder that `diffstab measure` reads as `local-dir:DIR`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import Recipe, TrainOptions, settings_of
from .echo import echo, echo_json
from .help import TRAIN_GROUPS, Command
from .options import model_argument, option_of, options_of
from .progress import duration

if TYPE_CHECKING:
    from ..training import EpochReport, Logger, Trained

INTERRUPTED = {signal.SIGINT: 130, signal.SIGTERM: 143}  # exit status, as shells have it


BY_RECIPE = {name: option_of(one, default=None, show_default=False) for name, one in settings_of(Recipe).items()}


@click.command(cls=Command, groups=TRAIN_GROUPS)
@model_argument
@options_of(TrainOptions, **BY_RECIPE)
@click.option(
    "--output", metavar="DIR", required=True, help="Folder of the run. A run that was stopped there continues."
)
@click.option("--resume", is_flag=True, help="Continue only: fail if there is no checkpoint in --output.")
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard logs into the folder tensorboard in --output.")
@click.option("--wandb", metavar="PROJECT", help="Project of Weights & Biases to log to.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object instead of a line.")
def train(output: str, resume: bool, tensorboard: bool, wandb: str | None, as_json: bool, **options: Any) -> None:
    """Train a network, to be measured with `diffstab measure`.

    MODEL is the network's name, as for --model. The folder DIR that --output names gets checkpoint.pt and
    metrics.jsonl during the training, and model.safetensors and config.json at the end. Then
    `diffstab measure local-dir:DIR` measures the network.

    The same command continues a run that was stopped. SIGTERM and Ctrl-C write the checkpoint and exit.

    \b
    Examples:
      diffstab train lenet --recipe laptop --output runs/lenet
      diffstab train resnet18 --dataset cifar10 --data-dir cifar --download --output runs/resnet18
      torchrun --nproc-per-node 4 -m diffstab train resnet18 --output runs/resnet18
    """
    if not output:
        raise ValueError("output is ''; the name of a folder is needed")
    told, folder = TrainOptions(**options), Path(output)
    if resume:
        refuse_without_checkpoint(folder)
    trained = run(told, folder, tensorboard, wandb)
    if trained is None:
        return
    weights = trained.write(folder)
    if as_json:
        echo_json(describe(trained, weights))
        return
    echo(
        f"{told.model} on {told.dataset}, epoch {trained.epoch} of {trained.epochs}, seed {told.seed}: "
        f"loss {trained.epoch_loss:.4f}, test error {trained.test_error:.1%}; {weights}"
    )


def refuse_without_checkpoint(folder: Path) -> None:
    """Raises ValueError if there is nothing to resume."""
    from ..training import CHECKPOINT, checkpoints_in

    if not checkpoints_in(folder):
        raise ValueError(f"nothing to resume: {str(folder)!r} holds no {CHECKPOINT}; leave out --resume to start there")


def run(options: TrainOptions, folder: Path, tensorboard: bool, wandb: str | None) -> "Trained | None":
    """Trains, with a line per epoch on stderr; returns None in all processes but the first."""
    from ..processes import chosen_device, joined, local_device
    from ..training import TrainingStoppedError
    from ..training import train as train_network

    device = chosen_device(local_device(options.device))
    options = replace(options, device=str(device))
    with joined(device) as processes, asked_to_stop() as stop:
        loggers = make_loggers(options, folder, tensorboard, wandb) if processes.first else []
        try:
            trained = train_network(
                options, folder=folder, device=device, progress=tell, note=warn, stop=stop, loggers=loggers,
                processes=processes,
            )  # fmt: skip
        except TrainingStoppedError as stopped:
            if processes.first:
                echo(f"{stopped}; the same command goes on from there", err=True)
            raise SystemExit(stop.status) from stopped
        finally:
            for logger in loggers:
                logger.close()
    return trained if processes.first else None


class Stop:
    """Records whether a signal asked to stop, and the exit status for it."""

    status = 0

    def __call__(self) -> bool:
        """True if a signal came."""
        return bool(self.status)

    def heed(self, number: int, frame: object) -> None:
        """Records the signal; the training stops after its current step."""
        self.status = INTERRUPTED[signal.Signals(number)]


@contextmanager
def asked_to_stop() -> Iterator[Stop]:
    """Catches SIGTERM and Ctrl-C while a training runs."""
    stop = Stop()
    before = {number: signal.signal(number, stop.heed) for number in INTERRUPTED}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_loggers(options: TrainOptions, folder: Path, tensorboard: bool, wandb: str | None) -> "list[Logger]":
    """Makes the loggers that the options ask for. Raises ValueError if their package is missing."""
    from ..training import TensorBoardLogger, WandbLogger

    loggers: list[Logger] = [TensorBoardLogger(folder / "tensorboard")] if tensorboard else []
    return [*loggers, WandbLogger(wandb, folder, options.to_dict())] if wandb else loggers


def tell(report: "EpochReport") -> None:
    """Prints one line: the epoch, its loss and error, its time and the time left."""
    echo(
        f"epoch {report.epoch:{len(str(report.epochs))}d} of {report.epochs}  loss {report.loss:.4f}  "
        f"{report.watched} error {report.error:.1%}  {report.seconds:.1f} s, {duration(report.seconds_left)} left",
        err=True,
    )


def warn(text: str) -> None:
    """Prints a note on stderr."""
    echo(f"note: {text}", err=True)


def describe(trained: "Trained", weights: Path) -> dict[str, Any]:
    """The outcome for JSON: every option, the device, the last loss and error, and the file of weights."""
    numbers = {name: getattr(trained, name) for name in ("epoch", "epoch_loss", "train_loss", "test_error", "seconds")}
    return {**trained.options.to_dict(), **numbers, "weights": str(weights)}
