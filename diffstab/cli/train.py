"""`diffstab train`: a network of the paper's recipe, in a folder that `diffstab measure --checkpoint` reads."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import OPTIMIZERS, TrainOptions
from .options import Decorator

if TYPE_CHECKING:
    from ..training import Trained

BY_DEFAULT = TrainOptions()


def option(flags: str, **settings: Any) -> Decorator:
    """An option of `TrainOptions`, with its default."""
    name = flags.partition("/")[0].removeprefix("--").replace("-", "_")
    return click.option(flags, default=getattr(BY_DEFAULT, name), show_default=True, **settings)


@click.command()
@option("--model", help="NAME, timm:NAME, torchvision:NAME, paper:NAME.")
@option("--dataset", help="With labels and held in memory, such as mnist5k.")
@option("--data-dir", type=click.Path(), help="Folder of the data set, where it has one.")
@option("--epochs", type=int)
@option("--batch-size", type=int, help="Images per step.")
@option("--optimizer", type=click.Choice(OPTIMIZERS))
@option("--lr", type=float, help="Learning rate at the start of the cosine.")
@option("--momentum", type=float, help="SGD only.")
@option("--weight-decay", type=float)
@option("--translate", type=int, help="Largest random shift of an image, pixels.")
@option("--seed", type=int, help="Of the initialisation, the images' order and their shifts.")
@option("--bfloat16/--float32", help="Forward and backward in bfloat16 autocast.")
@option("--device", help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--output", metavar="DIR", required=True, help="Folder of the run; a stopped run there goes on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a line.")
def train(output: str, as_json: bool, **options: Any) -> None:
    """Train a network; stopped at any point, the same command goes on where it was.

    DIR holds checkpoint.pt after every epoch, and in the end model.safetensors and config.json.
    """
    if not output:
        raise ValueError("output is ''; the name of a folder is needed")
    trained, weights = run(TrainOptions(**options), Path(output))
    if as_json:
        click.echo(json.dumps(describe(trained, weights), allow_nan=False))
        return
    told = trained.options
    click.echo(
        f"{told.model} on {told.dataset}, {trained.epochs} epochs, seed {told.seed}: "
        f"loss {trained.loss:.4f}, test error {trained.test_error:.1%}; {weights}"
    )


def run(options: TrainOptions, folder: Path) -> "tuple[Trained, Path]":
    """Trains, with a line per epoch on stderr; what was trained, and the file of its weights."""
    from ..models import chosen_device
    from ..training import train as train_network

    device = chosen_device(options.device)
    start = time.perf_counter()

    def tell(epoch: int, epochs: int, loss: float, error: float) -> None:
        nonlocal start
        before, start = start, time.perf_counter()
        line = f"epoch {epoch:{len(str(epochs))}d}  loss {loss:.4f}  test error {error:.1%}  {start - before:.0f} s"
        click.echo(line, err=True)

    trained = train_network(replace(options, device=str(device)), folder=folder, device=device, progress=tell)
    return trained, trained.write(folder)


def describe(trained: "Trained", weights: Path) -> dict[str, Any]:
    """Its JSON form: every option, where it ran, and how it came out."""
    numbers = {name: getattr(trained, name) for name in ("loss", "test_error", "seconds")}
    return {**trained.options.to_dict(), **numbers, "weights": str(weights)}
