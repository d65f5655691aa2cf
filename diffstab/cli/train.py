"""`diffstab train`: a network by a recipe, in a folder that `diffstab measure --checkpoint` reads."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import CUTOFF_RULES, LOSSES, OPTIMIZERS, RECIPES, SCHEDULES, SELECTIONS, STARTS, TrainOptions
from .echo import echo, echo_json
from .help import TRAIN_GROUPS, Command
from .options import Decorator, model_argument, trust_option
from .progress import duration

if TYPE_CHECKING:
    from ..training import EpochReport, Logger, Trained

DEFAULTS = {f.name: f.default for f in fields(TrainOptions)}
INTERRUPTED = {signal.SIGINT: 130, signal.SIGTERM: 143}  # exit status, as shells have it


def option(flags: str, **settings: Any) -> Decorator:
    """An option of `TrainOptions`, with its default; without one, the recipe's."""
    default = DEFAULTS[flags.partition("/")[0].removeprefix("--").replace("-", "_")]
    return click.option(flags, default=default, show_default=default is not None, **settings)


@click.command(cls=Command, groups=TRAIN_GROUPS)
@model_argument
@option("--model", help="Network: NAME, timm:NAME, torchvision:NAME, paper:NAME; the paper's nets also as NAME-w0.25.")
@option("--dataset", help="Images with labels, held in memory, such as mnist5k.")
@option("--data-dir", type=click.Path(), help="Folder of the data set, where it has one.")
@option("--download", is_flag=True, help="Fetch the data set into --data-dir if it is not there.")
@option("--recipe", type=click.Choice(list(RECIPES)), help="Recipe: gives every option that has no default here.")
@option("--epochs", type=int, help="Epochs over all images; a smaller --train-size gets more, for as many steps.")
@option("--train-size", type=int, help="Number of images to train on, as many of each class.")
@option("--label-noise", type=float, help="Share of the training labels that are replaced.")
@option("--seed", type=int, help="Seed of the initialisation, the images, their order and augmentation.")
@option("--batch-size", type=int, help="Images per step.")
@option("--optimizer", type=click.Choice(OPTIMIZERS), help="Optimiser.")
@option("--lr", type=float, help="Learning rate at the start.")
@option("--head-lr", type=float, help="Learning rate of the last layer at the start.")
@option("--momentum", type=float, help="Momentum of SGD.")
@option("--weight-decay", type=float, help="Factor of the squared weights.")
@option("--decay-vectors/--no-decay-vectors", help="Apply weight decay to biases and batch norm too.")
@option("--schedule", type=click.Choice(SCHEDULES), help="Schedule of the learning rate.")
@option("--cosine-span", type=float, help="Share of the epochs after which the cosine is at 0.")
@option("--gamma", type=float, help="Factor per epoch of the exponential schedule.")
@option("--start", type=click.Choice(STARTS), help="Start from random weights, or ImageNet's but for the last layer.")
@option("--translate", type=int, help="Largest random shift of an image, pixels.")
@option("--flip/--no-flip", help="Mirror half of the images.  [default: unless they are digits]")
@option("--diffeo-temperature", type=float, help="Temperature of random deformations of the images; 0: none.")
@option("--diffeo-cutoff", type=float, help="Cutoff c of these deformations.")
@option("--diffeo-cutoff-rule", type=click.Choice(CUTOFF_RULES), help="Rule for the modes of these deformations.")
@option("--loss", type=click.Choice(LOSSES), help="Loss to minimise.")
@option("--alpha", type=float, help="Train alpha (f - f_0): lazily if large, features if small.")
@option("--select", type=click.Choice(SELECTIONS), help="Epoch to keep: best on held-out or test images, or the last.")
@option("--holdout", type=float, help="Share of the training images held out to select the epoch.")
@option("--ema", type=float, help="Decay per step of averaged weights, which are kept; 0: none.")
@option("--bfloat16/--float32", help="Run forward and backward in bfloat16 autocast.")
@option("--channels-last/--no-channels-last", help="Use the memory layout channels_last.")
@option("--compile/--no-compile", help="Compile the network with torch.compile.")
@option("--stability-images", type=int, help="Test images to measure R_f on after 0, 1, 2, 4, ... epochs; 0: none.")
@trust_option
@option("--device", help="Device to train on: auto, cpu, cuda, cuda:1, mps.")
@click.option("--output", metavar="DIR", required=True, help="Folder of the run; a stopped run there goes on.")
@click.option("--resume", is_flag=True, help="Refuse to start anew: there must be a checkpoint in DIR.")
@click.option("--tensorboard", is_flag=True, help="Log to DIR/tensorboard too.")
@click.option("--wandb", metavar="PROJECT", help="Log to Weights & Biases too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a line.")
def train(output: str, resume: bool, tensorboard: bool, wandb: str | None, as_json: bool, **options: Any) -> None:
    """Train a network; stopped at any point, the same command goes on where it was.

    DIR holds checkpoint.pt and metrics.jsonl after every epoch, and in the end model.safetensors and config.json.
    SIGTERM and Ctrl-C write the checkpoint and exit. The network is MODEL or --model.

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
    """Trains, with a line per epoch on stderr; None in a process that is not the first of several."""
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
    """Whether a signal asked to stop, and the exit status that says so."""

    status = 0

    def __call__(self) -> bool:
        """Whether one came."""
        return bool(self.status)

    def heed(self, number: int, frame: object) -> None:
        """Notes the signal; the training stops after its step."""
        self.status = INTERRUPTED[signal.Signals(number)]


@contextmanager
def asked_to_stop() -> Iterator[Stop]:
    """Heeds SIGTERM and Ctrl-C while a training runs."""
    stop = Stop()
    before = {number: signal.signal(number, stop.heed) for number in INTERRUPTED}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_loggers(options: TrainOptions, folder: Path, tensorboard: bool, wandb: str | None) -> "list[Logger]":
    """Those asked for. Raises ValueError if their package is missing."""
    from ..training import TensorBoardLogger, WandbLogger

    loggers: list[Logger] = [TensorBoardLogger(folder / "tensorboard")] if tensorboard else []
    return [*loggers, WandbLogger(wandb, folder, options.to_dict())] if wandb else loggers


def tell(report: "EpochReport") -> None:
    """One line: the epoch, its loss and error, its time and the time left."""
    echo(
        f"epoch {report.epoch:{len(str(report.epochs))}d} of {report.epochs}  loss {report.loss:.4f}  "
        f"{report.watched} error {report.error:.1%}  {report.seconds:.1f} s, {duration(report.seconds_left)} left",
        err=True,
    )


def warn(text: str) -> None:
    """What the user should know."""
    echo(f"note: {text}", err=True)


def describe(trained: "Trained", weights: Path) -> dict[str, Any]:
    """Its JSON form: every option, where it ran, and how it came out."""
    numbers = {name: getattr(trained, name) for name in ("epoch", "epoch_loss", "train_loss", "test_error", "seconds")}
    return {**trained.options.to_dict(), **numbers, "weights": str(weights)}
