"""`diffstab results`: what a store holds, chosen, shown, written for other programs, checked."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import AVERAGES, EXPORTS, MEDIAN_RULES, PAIR_RULES
from .echo import echo, echo_file, echo_json, echo_lines
from .errors import OneLineGroup
from .options import output_option, store_option
from .stores import chosen, one_row, opened
from .tables import print_columns

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
filter_argument = click.argument("filters", metavar="[FILTER]...", nargs=-1)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


@click.group(cls=OneLineGroup)
def results() -> None:
    """List, show, query, export, recompute and check the results in a store.

    A FILTER is COLUMN=VALUE, or with != < <= > >= : model=resnet*, 'R.value<0.5', status=failed.
    """


@results.command(name="list")
@store_option()
@filter_argument
@json_option
def list_rows(store: Path, filters: tuple[str, ...], as_json: bool) -> None:
    """One line per cell: what was measured, and R_f."""
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


@results.command()
@store_option()
@click.argument("key")
@json_option
def show(store: Path, key: str, as_json: bool) -> None:
    """Everything about one row: KEY is its key, or the beginning of it."""
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


@results.command()
@store_option()
@filter_argument
@click.option("--columns", metavar="A,B,...", default="model,dataset,cutoff,delta,seed,R.value", show_default=True)
@click.option("--sort", metavar="COLUMN", help="Rising; rows without a value come last.")
@click.option("--limit", type=click.IntRange(min=1), help="First rows only.")
@json_option
def query(
    store: Path, filters: tuple[str, ...], columns: str, sort: str | None, limit: int | None, as_json: bool
) -> None:
    """Any columns of the rows that pass all filters."""
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


@results.command()
@store_option()
@filter_argument
@click.option("--format", "file_format", type=click.Choice(EXPORTS), default="csv", show_default=True)
@click.option("--for-spreadsheets", is_flag=True, help="Put ' before texts that a spreadsheet would take for formulas.")
@output_option("-o", "--output")
def export(
    store: Path, filters: tuple[str, ...], file_format: str, for_spreadsheets: bool, output: Path | None
) -> None:
    """Write the rows as CSV or Parquet, or as a CSV that joins on `model` with timm's results files."""
    from ..store import exported
    from ..writing import write_atomically

    rows = chosen(store, filters, keep=lambda row: True).rows()
    content = exported(rows, file_format, for_spreadsheets=for_spreadsheets)
    if output is not None:
        write_atomically(output, content)
        echo(f"{output}: {len(rows)} rows", err=True)
    else:
        echo_file(content)


@results.command()
@store_option()
@filter_argument
@click.option("--average", type=click.Choice(AVERAGES), help="Over images and draws.")
@click.option("--median-rule", type=click.Choice(MEDIAN_RULES), help="Of the squared norm, or of each output.")
@click.option("--pairs", type=click.Choice(PAIR_RULES), help="Of distinct images, or all.")
@click.option("--resamples", type=click.IntRange(min=100), help="Behind the intervals.")
def recompute(store: Path, filters: tuple[str, ...], **statistic: Any) -> None:
    """Add rows with another statistic of the same raw values; no network runs again.

    ||eta|| stays what the measurement chose, which the new rows' column radius_average tells.
    """
    if not any(statistic.values()):
        raise ValueError("no statistic is given; say --average, --median-rule, --pairs or --resamples")
    from ..store import recompute_all, select

    target = opened(store)
    added, there, failures = recompute_all(target, select(target.each(), filters), **statistic)
    for failure in failures:
        echo(f"note: {failure}", err=True)
    echo(f"{added} rows added, {there} were there, {len(failures)} can't be recomputed")
    click.get_current_context().exit(1 if failures else 0)


@results.command()
@store_option()
@json_option
def check(store: Path, as_json: bool) -> None:
    """Verify every line, hash and sidecar; exit status 1 if anything is wrong."""
    from ..store import check as check_store

    target = opened(store)
    problems = list(check_store(target))
    if as_json:
        echo_json([{"place": problem.place, "text": problem.text} for problem in problems])
    else:
        for problem in problems:
            echo(str(problem))
        echo(f"{len(target)} rows; {len(problems)} problems")
    click.get_current_context().exit(1 if problems else 0)
