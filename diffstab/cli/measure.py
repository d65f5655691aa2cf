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
    help="Published weights, or the random ones of the initialisation.",
)
@click.option("--checkpoint", type=click.Path(path_type=Path), help="File of weights, in place of --weights.")
@click.option("--weights-key", metavar="KEY", help="Name of the state dict in the checkpoint, as in state_dict_ema.")
@data_options
@preprocessing_options
@ensemble_options(BOTH)
@click.option(
    "--transform",
    type=click.Choice(TRANSFORMS),
    default=USUAL.transform,
    show_default=True,
    help="Transformation of the images: the paper's diffeomorphisms, or another one of the size --delta.",
)
@interpolation_option
@click.option(
    "--average",
    type=click.Choice(AVERAGES),
    default=USUAL.average,
    show_default=True,
    help="Average over images and draws.",
)
@click.option(
    "--noise-radius",
    type=click.Choice(NOISE_RADIUS_RULES),
    help="Norm of the noise: one for all images, or that of each image's change.  [default: the convention's]",
)
@click.option("--noise-norm", type=float, help="Norm of the noise ||eta||, in place of the rule.")
@click.option("--layers", metavar="auto|all|NAME,...", help="Measure these layers as well; * and ? stand for any text.")
@click.option("--with-init", is_flag=True, help="Measure the network at initialisation as well, and print both.")
@click.option(
    "--batch-norm",
    type=click.Choice(BATCH_NORMS),
    help="Statistics of batch normalisation.  [default: running; batch with --weights init]",
)
@click.option(
    "--images", type=int, default=USUAL.images, show_default=True, help="Number of images, chosen by the seed."
)
@click.option("--draws", type=int, default=USUAL.draws, show_default=True, help="Deformations per image.")
@click.option(
    "--until-precision",
    type=float,
    metavar="P",
    help="Take more images, then more draws, until log(R high / R low) is at most P or data run out.",
)
@seed_option
@click.option("--batch-size", type=int, default=USUAL.batch_size, show_default=True, help="Images per forward pass.")
@click.option(
    "--resamples", type=int, default=USUAL.resamples, show_default=True, help="Bootstrap resamples of the intervals."
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=USUAL.precision,
    show_default=True,
    help="Precision of network and images.",
)
@click.option("--amp", is_flag=True, help="Run the network under autocast; the error that this makes is printed.")
@click.option("--channels-last", is_flag=True, help="Use the memory layout channels_last for the network.")
@click.option("--compile", is_flag=True, help="Compile the network with torch.compile.")
@click.option("--workers", type=int, default=USUAL.workers, show_default=True, help="Processes that load images.")
@device_option
@store_option(required=False, help="Keep the result and its raw values in this store too.")
@click.option("--from-row", metavar="KEY", help="Measure this row of the --store again, and compare the numbers.")
@gate_options
@trust_option
@output_option("--output", help="Write the JSON object to this file too.")
@output_option("--report", help="Write a page of the result, with plots, to this file too.")
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
    """Measure D_f, G_f and R_f of a network, with 95 % intervals.

    Lower R_f is more stable. Near 1, deformations change the output as much as noise of the same size does; well below
    1, the network is stable to deformations. The network is MODEL or --model.

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
        except OtherProcessFailedError:  # which tells it
            raise SystemExit(2) from None
    if not processes.first:
        return
    with ExitStack() as after:  # printing comes last, since it may fail; each is done where one before it fails, too
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
    """A network's numbers, and those at initialisation if there are two: as JSON, and as a page."""
    from ..writing import write_atomically

    if output is not None:
        write_atomically(output, json.dumps(together(results), indent=2, allow_nan=False).encode() + b"\n")
    if report is not None:
        from ..pages import results_page

        write_atomically(report, results_page(results, data_dir=data_dir).encode())


def show(results: "list[StabilityResult]", as_json: bool) -> None:
    """The same on stdout, as JSON or as a table."""
    if as_json:
        echo_json(together(results))
    else:
        print_results(results[0], results[1] if len(results) > 1 else None)


def together(results: "list[StabilityResult]") -> dict[str, Any]:
    """One object for both."""
    return results[0].to_dict() | ({"init": results[1].to_dict()} if len(results) > 1 else {})


def keep(store: Any, options: MeasureOptions, result: "StabilityResult") -> None:
    """As a sweep keeps it, so that a sweep with this cell finds it done."""
    from ..sweep import measure_job, measured_row

    job, key = measure_job(options), str(result.key)
    before = store.row_of(job.id)["key"] if store.is_done(job.id) else key
    new = store.add(measured_row(job, result))
    text = "kept in" if new else "was already in"
    changed = f", in place of {before[:12]}: the network or the images have changed" if before != key else ""
    echo(f"{text} {store.folder}: {key[:12]}{changed}", err=True)
