"""`diffstab report`: shows the measurements of a store on one HTML page."""

from pathlib import Path

import click

from .echo import echo
from .help import Command
from .options import resampling_options, where_option
from .progress import saying
from .stores import opened


@click.command(cls=Command)
@click.argument("store", metavar="STORE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default="report.html",
    show_default=True,
    help="HTML file to write; it opens offline and needs no other file.",
)
@where_option
@click.option("--title", help="Title of the page.  [default: the store's name]")
@click.option(
    "--compare",
    "most",
    type=int,
    default=30,
    show_default=True,
    help="Largest number of networks in the matrix of paired comparisons; 0 leaves the matrix out.",
)
@resampling_options
def report(
    store: Path, output: Path, filters: tuple[str, ...], title: str | None, most: int, resamples: int, seed: int
) -> None:
    """Write an HTML page of stored results: table, plots, paired comparisons.

    STORE is a folder of results. The page opens offline in any browser; its table can be sorted, filtered and saved.

    \b
    Examples:
      diffstab report results
      diffstab report results -o page.html --where dataset=mnist5k
    """
    from ..pages import report_page
    from ..store import select
    from ..writing import check_writable, write_atomically

    check_writable(output)
    kept = opened(store)
    rows = select(kept.rows(), filters)
    named = title or f"Stability: {store.resolve().name}"

    def note(text: str) -> None:
        echo(f"note: {text}", err=True)

    with saying(f"writing the page of {len(rows)} rows"):
        page = report_page(rows, kept.raw, title=named, most=most, resamples=resamples, seed=seed, note=note)
    content = page.encode()
    write_atomically(output, content)
    echo(f"{output}: {len(rows)} rows, {len(content) / 1000:.0f} kB; open it in a browser")
