"""`diffstab report`: the measurements of a store on one page."""

from pathlib import Path

import click

from ..options import DEFAULTS
from .echo import echo
from .help import Command
from .options import where_option
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
    help="Page to write: one HTML file that needs no other.",
)
@where_option
@click.option("--title", help="Title of the page.  [default: the store's name]")
@click.option("--compare", "most", type=int, default=30, show_default=True, help="Networks in a matrix; 0 for none.")
@click.option("--resamples", type=int, default=DEFAULTS.resamples, show_default=True, help="Bootstrap resamples.")
@click.option("--seed", type=int, default=DEFAULTS.seed, show_default=True, help="Seed of the resamples.")
def report(
    store: Path, output: Path, filters: tuple[str, ...], title: str | None, most: int, resamples: int, seed: int
) -> None:
    """Write a page of what a STORE holds: table, plots, paired comparisons.

    The page opens offline in any browser; rows can be sorted, filtered and saved from it.

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
