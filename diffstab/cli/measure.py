"""`diffstab measure`: R_f of a network on a data set."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import CONVENTIONS, MeasureOptions, settings_of
from .conventions import BOTH, both_conventions, refuse_beside_both, tell_both
from .echo import echo, echo_json, echo_lines
from .gate import Gate, gate_options, gate_taken
from .help import MEASURE_GROUPS, Command
from .options import model_argument, option_of, options_of, output_option, store_option
from .progress import watched
from .remeasure import as_measured, asked_by_row, mend, tell_differences

if TYPE_CHECKING:
    from ..results import StabilityResult

CONVENTION = option_of(
    settings_of(MeasureOptions)["convention"],
    type=click.Choice([*CONVENTIONS, BOTH]),
    help="Definitions to follow: the paper's text (paper) or its published code (reference); `both` measures with each "
    "and compares.",
)


@click.command(cls=Command, groups=MEASURE_GROUPS)
@model_argument
@options_of(MeasureOptions, convention=CONVENTION)
@click.option("--with-init", is_flag=True, help="Measure the network before training (random weights) too.")
@store_option(required=False, help="Folder of stored results to add this one to, with the values of each image.")
@click.option(
    "--from-row",
    metavar="KEY",
    help="Repeat the stored measurement with this key in --store, and compare the numbers. `diffstab results list` "
    "shows keys.",
)
@gate_options
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
        wanted = [MeasureOptions.from_mapping(options)]
    wanted += [wanted[0].at_initialisation()] if with_init else []
    import torch

    from ..measuring import measure_cell
    from ..processes import OtherProcessFailedError, joined
    from ..store import Store

    with as_measured(before), joined(torch.device("cpu")) as processes, watched(quiet=not processes.first) as reporter:
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
    """Prints the results on stdout, as JSON or as a table, of the network beside the one at initialisation if any."""
    from ..results import table_of

    if as_json:
        echo_json(together(results))
    else:
        echo_lines(table_of(results[0], results[1] if len(results) > 1 else None).split("\n"))


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
