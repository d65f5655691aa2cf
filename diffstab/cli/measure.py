"""`diffstab measure`: R_f of a network on a data set."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import AVERAGES, BATCH_NORMS, NOISE_RADIUS_RULES, PRECISIONS, TRANSFORMS, WEIGHTS, MeasureOptions
from .conventions import BOTH, both_conventions, refuse_beside_both, tell_both
from .echo import echo, echo_json
from .gate import Gate, gate_options, gate_taken
from .help import MEASURE_GROUPS, Command
from .options import (
    data_options,
    device_option,
    ensemble_options,
    interpolation_option,
    model_argument,
    network_options,
    output_option,
    preprocessing_options,
    resamples_option,
    seed_option,
    store_option,
    trust_option,
)
from .progress import watched
from .remeasure import asked_by_row, mend, tell_differences
from .tables import print_results

if TYPE_CHECKING:
    from ..results import StabilityResult

USUAL = MeasureOptions()


@click.command(cls=Command, groups=MEASURE_GROUPS)
@model_argument
@network_options
@click.option(
    "--weights",
    type=click.Choice(WEIGHTS),
    default=USUAL.weights,
    show_default=True,
    help="Weights of the network: published ones (pretrained), or random ones as before training (init).",
)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="File with your trained weights; replaces --weights."
)
@click.option(
    "--weights-key",
    metavar="KEY",
    help="Key of the state dict inside --checkpoint if it holds several, for example state_dict_ema.",
)
@data_options
@preprocessing_options
@ensemble_options(BOTH)
@click.option(
    "--transform",
    type=click.Choice(TRANSFORMS),
    default=USUAL.transform,
    show_default=True,
    help="Transformation of the images: the paper's random smooth deformations (diffeo), or translations, rotations "
    "or scalings with the same displacement --delta.",
)
@interpolation_option
@click.option(
    "--average",
    type=click.Choice(AVERAGES),
    default=USUAL.average,
    show_default=True,
    help="Average of the squared changes over images and draws.",
)
@click.option(
    "--noise-radius",
    type=click.Choice(NOISE_RADIUS_RULES),
    help="Norm of the noise: the norm of the images' change by deformation, averaged over all images (ensemble), or "
    "that of each image by itself (per-image).  [default: as --convention says]",
)
@click.option(
    "--noise-norm",
    type=float,
    help="Norm ||eta|| of the noise as a number, in units of the network's input; replaces --noise-radius.",
)
@click.option(
    "--layers",
    metavar="auto|all|NAME,...",
    help="Layers to measure besides the output: the main blocks (auto), all, or names in which * and ? stand for any "
    "text, for example 'layer*,fc'.",
)
@click.option("--with-init", is_flag=True, help="Measure the network before training (random weights) too.")
@click.option(
    "--batch-norm",
    type=click.Choice(BATCH_NORMS),
    help="Statistics that batch normalisation uses: those stored in training (running), or those of each batch "
    "(batch).  [default: running; batch with --weights init]",
)
@click.option(
    "--images", type=int, default=USUAL.images, show_default=True, help="Number of images, chosen by the seed."
)
@click.option(
    "--draws",
    type=int,
    default=USUAL.draws,
    show_default=True,
    help="Number of random deformations, and of noise vectors, per image.",
)
@click.option(
    "--until-precision",
    type=float,
    metavar="P",
    help="Width of the interval to reach, log(R_high / R_low), for example 0.1: takes more images, then more draws, "
    "until the 95 % interval of R_f is that narrow or the data run out.",
)
@seed_option
@click.option(
    "--batch-size",
    type=int,
    default=USUAL.batch_size,
    show_default=True,
    help="Largest number of images per forward pass.",
)
@resamples_option
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=USUAL.precision,
    show_default=True,
    help="Floating-point precision of network and images.",
)
@click.option("--amp", is_flag=True, help="Run the network in mixed precision (autocast), and print the error it adds.")
@click.option("--channels-last", is_flag=True, help="Use PyTorch's memory layout channels_last for the network.")
@click.option("--compile", is_flag=True, help="Compile the network with torch.compile.")
@click.option(
    "--workers", type=int, default=USUAL.workers, show_default=True, help="Number of processes that load images."
)
@device_option
@store_option(required=False, help="Folder of stored results to add this one to, with the values of each image.")
@click.option(
    "--from-row",
    metavar="KEY",
    help="Repeat the stored measurement with this key in --store, and compare the numbers. `diffstab results list` "
    "shows keys.",
)
@gate_options
@trust_option
@output_option("--output", help="File for the result as JSON, besides what is printed.")
@output_option("--report", help="File for an HTML page with the result and plots.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def measure(
    store: Path | None,
    from_row: str | None,
    output: Path | None,
    report: Path | None,
    as_json: bool,
    with_init: bool,
    **options: Any,
) -> None:
    """Measure how stable a network is to deformations: D_f, G_f and R_f, with 95 % intervals.

    Lower R_f is more stable. At 1, a smooth deformation of an image changes the network's output as much as noise of
    the same size does. At 0.1, the squared change by deformation is a tenth of that by noise. D_f and G_f are these two
    changes relative to the squared distance between the outputs for two images, and R_f = D_f / G_f.

    MODEL is the network's name, as for --model.

    \b
    Examples:
      diffstab measure resnet18
      diffstab measure timm:resnet50 --dataset imagenet --data-dir ILSVRC --images 2000
      diffstab measure lenet --weights init --delta 0.5 --store results
      torchrun --nproc-per-node 4 -m diffstab measure resnet18
    """
    before, origin = None, store
    if options["convention"] == BOTH and from_row is None:
        refuse_beside_both(with_init=with_init, store=store, report=report, **gate_taken(options))
        with watched() as reporter:
            both = both_conventions(options, reporter)
        tell_both(both, output, as_json)
        return
    gate = Gate(options)
    if from_row is not None:
        before, again = asked_by_row(store, from_row, options)
        wanted, store = [again], None
    else:
        wanted = [MeasureOptions.of(options)]
    wanted += [wanted[0].at_initialisation()] if with_init else []
    import torch

    from ..measuring import measure_cell
    from ..processes import OtherProcessFailedError, joined
    from ..store import Store

    with joined(torch.device("cpu")) as processes, watched(quiet=not processes.first) as reporter:
        kept = Store(store, create=True) if store is not None and processes.first else None
        for note in kept.notes if kept else ():
            reporter.notes(f"note: {note}")
        try:
            results = [measure_cell(one, reporter, processes) for one in wanted]
        except OtherProcessFailedError:  # that process prints its own error
            raise SystemExit(2) from None
    if not processes.first:
        return
    with ExitStack() as after:  # last in, first out: printing comes last; each runs even if one before it fails
        after.callback(show, results, as_json)
        after.callback(write_files, results, output, report, wanted[0].data_dir)
        for asked, found in zip(wanted if kept is not None else (), results, strict=False):
            keep(kept, asked, found)
    if before is not None and origin is not None:
        if not tell_differences(before, results[0].to_dict()):
            raise SystemExit(1)
        mend(origin, before, results[0])
    gate.passed_or_exit(results[0])


def write_files(
    results: "list[StabilityResult]", output: Path | None, report: Path | None, data_dir: str | None
) -> None:
    """Writes the numbers as JSON and as a page: of the network, and of the network at initialisation if measured."""
    from ..writing import write_atomically

    if output is not None:
        write_atomically(output, json.dumps(together(results), indent=2, allow_nan=False).encode() + b"\n")
    if report is not None:
        from ..pages import results_page

        write_atomically(report, results_page(results, data_dir=data_dir).encode())


def show(results: "list[StabilityResult]", as_json: bool) -> None:
    """Prints the results on stdout, as JSON or as a table."""
    if as_json:
        echo_json(together(results))
    else:
        print_results(results[0], results[1] if len(results) > 1 else None)


def together(results: "list[StabilityResult]") -> dict[str, Any]:
    """Merges both results into one object: the second under `init`."""
    return results[0].to_dict() | ({"init": results[1].to_dict()} if len(results) > 1 else {})


def keep(store: Any, options: MeasureOptions, result: "StabilityResult") -> None:
    """Stores the result as a sweep does, so that a sweep with this cell skips it."""
    from ..sweep import measure_job, measured_row

    job, key = measure_job(options), str(result.key)
    before = store.row_of(job.id)["key"] if store.is_done(job.id) else key
    new = store.add(measured_row(job, result))
    text = "kept in" if new else "was already in"
    changed = f", in place of {before[:12]}: the network or the images have changed" if before != key else ""
    echo(f"{text} {store.folder}: {key[:12]}{changed}", err=True)
