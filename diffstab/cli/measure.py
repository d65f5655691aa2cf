"""`diffstab measure`: R_f of a network on a data set."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..settings import (
    AVERAGES,
    DEFAULT_DATASET,
    DEFAULT_IMAGES,
    DEFAULT_MODEL,
    DEFAULTS,
    NOISE_RADIUS_RULES,
    SPLITS,
    WEIGHTS,
    MeasureSettings,
    positive_integer,
)
from .options import ENSEMBLE_KEYS, ensemble_options, interpolation_option, make_ensemble, seed_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from ..data import ImageSet
    from ..models import LoadedModel
    from ..results import StabilityResult

KNOBS = ("draws", "average", "noise_radius", "interpolation", "seed", "batch_size")
DEVICES = ("cpu", "cuda", "mps", "xpu")


@click.command()
@click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, help="NAME, timm:NAME, torchvision:NAME, paper:NAME."
)
@click.option("--dataset", default=DEFAULT_DATASET, show_default=True, help="mnist5k, photos, or folder (--data-dir).")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the images.")
@click.option("--weights", type=click.Choice(WEIGHTS), default="pretrained", show_default=True)
@click.option("--checkpoint", type=click.Path(path_type=Path), help="File of weights, in place of --weights.")
@ensemble_options
@interpolation_option
@click.option("--average", type=click.Choice(AVERAGES), default=DEFAULTS.average, show_default=True)
@click.option("--noise-radius", type=click.Choice(NOISE_RADIUS_RULES), help="Rule of ||eta||.  [default: convention's]")
@click.option("--images", type=int, default=DEFAULT_IMAGES, show_default=True, help="How many, chosen by the seed.")
@click.option("--draws", type=int, default=DEFAULTS.draws, show_default=True, help="Deformations per image.")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True)
@seed_option
@click.option("--batch-size", type=int, default=DEFAULTS.batch_size, show_default=True)
@click.option("--workers", type=int, default=0, show_default=True, help="Loader processes.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--output", metavar="FILE", help="Also write the JSON object to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def measure(**options: Any) -> None:
    """Measure D_f, G_f and R_f of a network, with 95 % intervals.

    R_f near 1: deformations change the output as much as noise of the same size does. Well below 1: the network is
    stable to deformations.
    """
    result = run(options)
    if options["output"] is not None:
        result.write(options["output"])
    if options["as_json"]:
        click.echo(json.dumps(result.to_dict(), allow_nan=False))
    else:
        print_table(result)


def run(options: dict[str, Any]) -> "StabilityResult":
    """Loads what the options name, measures it, and names it in the result."""
    from ..data import load_dataset
    from ..models import Shape, resolve_model
    from ..results import check_writable
    from ..stability import measure as measure_network
    from ..streams import choose

    positive_integer("images", options["images"], least=2)
    positive_integer("workers", options["workers"], least=0)
    knobs = {name: options[name] for name in KNOBS}
    MeasureSettings(**knobs)
    if options["output"] is not None:
        if options["output"].endswith(("/", "\\")) or not options["output"]:
            raise ValueError(f"output is {options['output']!r}; the name of a file is needed")
        check_writable(Path(options["output"]))
    device = chosen_device(options["device"])
    dataset = load_dataset(options["dataset"], split=options["split"], data_dir=options["data_dir"])
    ensemble = make_ensemble(dataset.shape[1:], **{key: options[key] for key in ENSEMBLE_KEYS})
    shape = Shape(*dataset.shape, dataset.classes)
    where = {name: options[name] for name in ("weights", "checkpoint", "seed")}
    loaded = resolve_model(options["model"], shape, dataset=dataset.name, **where)
    fresh = options["weights"] == "init" and options["checkpoint"] is None
    indices = choose(min(options["images"], len(dataset)), len(dataset), options["seed"])
    title = describe(loaded, dataset, len(indices), options["images"], str(device))
    with progress_bar(title) as update, told_in_one_line(options["model"], dataset.shape):
        result = measure_network(
            loaded.network.to(device),
            dataset,
            ensemble,
            indices=indices,
            batch_norm="batch" if fresh else "running",
            workers=options["workers"],
            progress=update,
            **knobs,
        )
    result = replace(result, model=loaded.name, model_source=loaded.source, weights=loaded.weights)
    outputs = result.raw.outputs.shape[1]
    if result.test_error is not None and outputs != dataset.classes:
        click.echo(f"no test error: the network has {outputs} classes and {dataset.name} {dataset.classes}", err=True)
        result = replace(result, test_error=None)
    return result


@contextmanager
def told_in_one_line(model: str, shape: tuple[int, ...]) -> "Iterator[None]":
    """What a network raises on images that it is not made for becomes a ValueError."""
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        size, reason = "x".join(map(str, shape)), str(error) or "it gives no reason"
        raise ValueError(f"model {model} fails on images of {size} ({reason:.200})") from error


def chosen_device(name: str) -> "torch.device":
    """The device of that name; `auto` is a GPU where there is one."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.split(":")[0] not in DEVICES or name.startswith("cpu:"):
        raise ValueError(f"device is {name!r}; allowed: auto, {', '.join(DEVICES)}, with a number as in cuda:1")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is {name!r}, which can't be used here ({reason}); try auto or cpu") from error
    return device


def describe(loaded: "LoadedModel", dataset: "ImageSet", count: int, wanted: int, device: str) -> str:
    """Which network this is, on which images."""
    few = f" (all there are; {wanted} asked for)" if count < wanted else ""
    network = f"{loaded.source}:{loaded.name.split(':')[-1]}, weights: {loaded.weights}"
    return f"{network}; {count} images of {dataset.name}/{dataset.split}{few}; {device}"


@contextmanager
def progress_bar(title: str) -> "Iterator[Callable[[int, int], None]]":
    """Gives a function (done, total) -> None that shows title and bar on stderr; off a terminal, the title alone.

    The title comes only when images have gone through, so that bad input gets its one line and nothing else.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield lambda done, total: click.echo(title, err=True) if done == total else None
        return
    columns = TextColumn("forward passes"), BarColumn(), TextColumn("{task.completed}/{task.total}")
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def update(done: int, total: int) -> None:
            if bar.tasks[0].total is None:
                console.print(title)
            bar.update(task, completed=done, total=total)

        yield update


def print_table(result: "StabilityResult") -> None:
    """A readable table on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, side in (("", "left"), ("value", "right"), ("95 % interval", "left"), ("", "left")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    meanings = {"D": "deformation / other image", "G": "noise / other image", "R": "deformation / noise"}
    for name, meaning in meanings.items():
        value, low, high = getattr(result, name)
        table.add_row(f"{name}_f", f"{value:.3g}", f"{low:.3g} to {high:.3g}", meaning)
    if result.test_error is not None:
        error = result.test_error
        table.add_row(
            "test error", f"{error.value:.2%}", f"{error.low:.2%} to {error.high:.2%}", f"of {error.images} images"
        )
    console = Console(highlight=False)
    console.print(
        f"{result.model} ({result.model_source}, {result.weights}) on {result.images} images of {result.dataset}"
    )
    console.print(table)
    console.print(
        f"c = {result.cutoff:g}, delta = {result.delta:.3g} px, T = {result.temperature:.3g}, {result.interpolation}, "
        f"{result.average}, {result.convention} convention, seed {result.seed}, batch norm: {result.batch_norm}; "
        f"{result.fold_fraction:.1%} of fields fold; {result.seconds:.1f} s",
        soft_wrap=True,
    )
