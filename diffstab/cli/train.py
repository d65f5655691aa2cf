"""`diffstab train`: trains a network by a recipe, into a folder that `diffstab measure` reads as `local-dir:DIR`."""

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
    """Makes an option of `TrainOptions` with its default; if it has none, the recipe sets the value."""
    default = DEFAULTS[flags.partition("/")[0].removeprefix("--").replace("-", "_")]
    return click.option(flags, default=default, show_default=default is not None, **settings)


@click.command(cls=Command, groups=TRAIN_GROUPS)
@model_argument
@option(
    "--model",
    help="Network to train: NAME, paper:NAME, timm:NAME or torchvision:NAME. NAME-w0.25 gives one of the paper's "
    "networks a quarter of its width.",
)
@option("--dataset", help="Data set with labels that fits into memory, such as mnist5k, fashionmnist or cifar10.")
@option("--data-dir", type=click.Path(), help="Folder of the data set, unless it comes with the package.")
@option("--download", is_flag=True, help="Download the data set into --data-dir if it is missing there.")
@option(
    "--recipe",
    type=click.Choice(list(RECIPES)),
    help="Recipe, which sets every option that shows no default here: the paper's (paper), its transfer from ImageNet "
    "(transfer), its published code (reference), or a short one for two cores (laptop).",
)
@option(
    "--epochs",
    type=int,
    help="Epochs over the full training set. A smaller --train-size gets more epochs, so that the number of steps "
    "stays the same.",
)
@option(
    "--train-size",
    type=int,
    help="Number of training images, the same number of each class, chosen by the seed.  [default: all]",
)
@option("--label-noise", type=float, help="Share of the training labels that are replaced by another class.")
@option("--seed", type=int, help="Seed of the initial weights, the choice and order of images, and augmentation.")
@option("--batch-size", type=int, help="Number of images per step.")
@option("--optimizer", type=click.Choice(OPTIMIZERS), help="Optimiser: SGD with --momentum, or Adam.")
@option("--lr", type=float, help="Learning rate at the start.")
@option("--head-lr", type=float, help="Learning rate of the last layer at the start, if it differs from --lr.")
@option("--momentum", type=float, help="Momentum of SGD.")
@option("--weight-decay", type=float, help="Weight decay of the optimiser, for example 5e-4.")
@option("--decay-vectors/--no-decay-vectors", help="Apply weight decay to biases and batch-norm parameters too.")
@option(
    "--schedule",
    type=click.Choice(SCHEDULES),
    help="Schedule of the learning rate: cosine down to 0, exponential (times --gamma after each epoch), or constant.",
)
@option(
    "--cosine-span",
    type=float,
    help="Share of the epochs after which the cosine schedule reaches 0. Below 1, the rate rises again.",
)
@option("--gamma", type=float, help="Factor on the learning rate after each epoch of the exponential schedule.")
@option(
    "--start",
    type=click.Choice(STARTS),
    help="Initial weights: random (init), or published ImageNet weights in all layers but the last (imagenet).",
)
@option("--translate", type=int, help="Largest random shift of a training image, in pixels.")
@option("--flip/--no-flip", help="Mirror half of the training images left to right.  [default: not for digits]")
@option(
    "--diffeo-temperature",
    type=float,
    help="Temperature T of random deformations that augment the training images; 0 makes none.",
)
@option("--diffeo-cutoff", type=float, help="Cutoff c of the random deformations that augment the training images.")
@option(
    "--diffeo-cutoff-rule",
    type=click.Choice(CUTOFF_RULES),
    help="Modes (i, j) that --diffeo-cutoff keeps: i^2 + j^2 <= c^2 (disk), or sqrt(i^2 + j^2) < c + 1/2 "
    "(half-integer).",
)
@option(
    "--loss",
    type=click.Choice(LOSSES),
    help="Loss to minimise: cross-entropy, or the soft hinge of one class against the others.",
)
@option(
    "--alpha",
    type=float,
    help="Scale of the output alpha (f - f_0), the change of the network f since its initialisation f_0: small values "
    "learn features, large ones train lazily.  [default: train f itself]",
)
@option(
    "--select",
    type=click.Choice(SELECTIONS),
    help="Epoch whose weights are kept: the best on held-out training images (validation), the last one, or the best "
    "on test images (test).",
)
@option("--holdout", type=float, help="Share of the training images held out for --select validation.")
@option(
    "--ema",
    type=float,
    help="Decay per step of a moving average of the weights, which is kept instead of them; 0 keeps the weights.",
)
@option("--bfloat16/--float32", help="Train in mixed precision (bfloat16 autocast), or in float32.")
@option("--channels-last/--no-channels-last", help="Use PyTorch's memory layout channels_last.")
@option("--compile/--no-compile", help="Compile the network with torch.compile.")
@option(
    "--stability-images",
    type=int,
    help="Number of test images on which R_f is measured after 0, 1, 2, 4, ... epochs; 0 measures none.",
)
@trust_option
@option("--device", help="Device to train on: auto, cpu, cuda, cuda:1 or mps.")
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
    metrics.jsonl after every epoch, and model.safetensors and config.json at the end. Then
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
