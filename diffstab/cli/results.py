"""`diffstab results`: lists, shows, exports and checks the rows of a store."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import AVERAGES, EXPORTS, MEDIAN_RULES, PAIR_RULES
from .echo import echo, echo_file, echo_json, echo_lines, print_columns
from .errors import OneLineGroup
from .help import Command
from .options import output_option, store_option
from .progress import saying
from .stores import chosen, one_row, opened

if TYPE_CHECKING:
    from ..store import Row

OVERVIEW = {  # the key, plain columns, nested ones, the status
    "key": "key",
    "kind": "kind",
    "model": "model",
    "weights": "weights",
    "dataset": "dataset",
    "transform": "transform",
    "c": "cutoff",
    "delta": "delta",
    "seed": "seed",
    "images": "images",
    "R_f": "R.value",
    "low": "R.low",
    "high": "R.high",
    "test error": "test_error.value",
    "status": "status",
}
QUERIED = "model,dataset,cutoff,delta,seed,R.value"
filter_argument = click.argument("filters", metavar="[FILTER]...", nargs=-1)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group(cls=OneLineGroup)
def results() -> None:
    """List, show, query, export, recompute and check stored results.

    A store is a folder of results that `diffstab sweep` or `diffstab measure --store` wrote. It has one row for each
    training or measurement. A FILTER chooses rows by COLUMN=VALUE, or with != < <= > >=, for example model=resnet*,
    'R.value<0.5' or status=failed.

    \b
    Examples:
      diffstab results list --store results
      diffstab results export --store results -o results.csv
    """


@results.command(name="list", cls=Command)
@store_option()
@filter_argument
@json_option
def list_rows(store: Path, filters: tuple[str, ...], as_json: bool) -> None:
    """List the stored results, one line each: what was measured, and R_f.

    A FILTER such as model=resnet* or 'R.value<0.5' chooses rows; only rows that pass all filters are listed.

    \b
    Examples:
      diffstab results list --store results
      diffstab results list --store results model=resnet* 'R.value<0.5'
    """
    if as_json:
        echo_json(chosen(store, filters, keep=lambda row: True).each())
        return
    from ..results import Columns, getter

    table, nested = Columns(list(OVERVIEW)), [getter(column) for column in OVERVIEW.values() if "." in column]
    plain = [column for column in OVERVIEW.values() if "." not in column][1:-1]

    def line(row: "Row") -> str:
        get = row.get
        return table.line([row["key"][:12], *map(get, plain), *[value(row) for value in nested], row["status"]])

    echo_lines(table.formatted(chosen(store, filters, line).kept()))


@results.command(cls=Command)
@store_option()
@click.argument("key")
@json_option
def show(store: Path, key: str, as_json: bool) -> None:
    """Show everything about one row.

    KEY is the key of the row or its first letters. `diffstab results list` shows the keys.

    \b
    Example:
      diffstab results show --store results 3f2a
    """
    row = one_row(opened(store), key)
    if as_json:
        echo_json(row)
        return
    from ..results import flat, without_layers
    from ..store import columns_of, layer_lines

    one = flat(without_layers(row))
    width = max(map(len, one))
    for name in columns_of([one]):
        first, *more = str(one[name]).split("\n")  # of a traceback
        for label, text in [(name, first), *(("", text) for text in more)]:
            echo(f"{label:<{width}}  {text}".rstrip())
    lines = layer_lines(row)
    if lines:
        echo()
        print_columns(list(lines[0]), [list(line.values()) for line in lines])


@results.command(cls=Command)
@store_option()
@filter_argument
@click.option("--columns", metavar="A,B,...", default=QUERIED, show_default=True, help="Columns to show.")
@click.option(
    "--sort", metavar="COLUMN", help="Column to sort by, smallest value first; rows without a value come last."
)
@click.option("--limit", type=click.IntRange(min=1), help="Largest number of rows to show.  [default: all]")
@json_option
def query(
    store: Path, filters: tuple[str, ...], columns: str, sort: str | None, limit: int | None, as_json: bool
) -> None:
    """Show chosen columns of the stored rows.

    A FILTER such as model=resnet* or 'R.value<0.5' chooses rows; only rows that pass all filters are shown.

    \b
    Example:
      diffstab results query --store results --columns model,R.value --sort R.value
    """
    from ..results import getter
    from ..store import order_of

    names = [name.strip() for name in columns.split(",")]
    needed = [*names, *([sort] if sort else [])]
    values = [getter(name) for name in needed]
    lines = list(chosen(store, filters, lambda row: [value(row) for value in values], needed).kept())
    if sort:
        lines.sort(key=lambda line: order_of(line[-1]))
    table = [line[: len(names)] for line in lines[:limit]]
    if as_json:
        echo_json([dict(zip(names, line, strict=True)) for line in table])
    else:
        print_columns(names, table)


@results.command(cls=Command)
@store_option()
@filter_argument
@click.option(
    "--format",
    "file_format",
    type=click.Choice(EXPORTS),
    default="csv",
    show_default=True,
    help="Format: CSV or Parquet with all columns, a CSV that joins with timm's results files by `model` (timm), a "
    "CSV with one line per layer (layers), or the YAML of .eval_results on the Hugging Face hub (hub).",
)
@click.option("--for-spreadsheets", is_flag=True, help="Put ' before texts that a spreadsheet would run as formulas.")
@output_option("-o", "--output")
def export(
    store: Path, filters: tuple[str, ...], file_format: str, for_spreadsheets: bool, output: Path | None
) -> None:
    """Write the stored rows to a CSV or Parquet file for other programs.

    A FILTER such as model=resnet* or 'R.value<0.5' chooses rows; only rows that pass all filters are written.

    \b
    Examples:
      diffstab results export --store results -o results.csv
      diffstab results export --store results --format parquet -o results.parquet
    """
    from ..store import exported
    from ..writing import write_atomically

    rows = chosen(store, filters, keep=lambda row: True).rows()
    with saying(f"writing {len(rows)} rows as {file_format}"):
        content = exported(rows, file_format, for_spreadsheets=for_spreadsheets)
    if output is not None:
        write_atomically(output, content)
        echo(f"{output}: {len(rows)} rows", err=True)
    else:
        echo_file(content)


@results.command(cls=Command)
@store_option()
@filter_argument
@click.option("--average", type=click.Choice(AVERAGES), help="Average of the squared changes over images and draws.")
@click.option(
    "--median-rule",
    type=click.Choice(MEDIAN_RULES),
    help="Median of the squared norm of the output's change (norm), or the sum over outputs of the median of each "
    "(coordinate).",
)
@click.option(
    "--pairs",
    type=click.Choice(PAIR_RULES),
    help="Pairs of images in the denominator of D_f and G_f: two different images, or all pairs, an image with itself "
    "included.",
)
@click.option(
    "--resamples", type=click.IntRange(min=100), help="Number of bootstrap resamples behind the 95 % intervals."
)
def recompute(store: Path, filters: tuple[str, ...], **statistic: Any) -> None:
    """Recompute R_f with another statistic from the stored values of each image; no network runs again.

    The results are added as new rows; a FILTER such as model=resnet* chooses the rows to recompute. The norm ||eta|| of
    the noise stays as measured, and the column radius_average of the new rows says how it was averaged.

    \b
    Example:
      diffstab results recompute --store results --average mean
    """
    if not any(statistic.values()):
        raise ValueError("no statistic is given; give --average, --median-rule, --pairs or --resamples")
    from ..store import recompute_all, select

    target = opened(store)
    with saying("recomputing"):
        added, there, failures = recompute_all(target, select(target.each(), filters), **statistic)
    for failure in failures:
        echo(f"note: {failure}", err=True)
    echo(f"{added} rows added, {there} were there, {len(failures)} can't be recomputed")
    click.get_current_context().exit(1 if failures else 0)


@results.command(cls=Command)
@store_option()
@json_option
def check(store: Path, as_json: bool) -> None:
    """Check that a store is undamaged: every line, every hash and every file of raw values.

    The exit status is 1 if anything is wrong.

    \b
    Example:
      diffstab results check --store results
    """
    from ..store import check as check_store

    target = opened(store)
    with saying(f"checking {len(target)} rows"):
        problems = list(check_store(target))
    if as_json:
        echo_json([{"place": problem.place, "text": problem.text} for problem in problems])
    else:
        for problem in problems:
            echo(str(problem))
        echo(f"{len(target)} rows; {len(problems)} problems")
    click.get_current_context().exit(1 if problems else 0)
