"""`diffstab report`: the measurements of a store on one page."""

from pathlib import Path

import click

from ..options import DEFAULTS
from .echo import echo
from .stores import opened


@click.command()
@click.argument("store", metavar="STORE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default="report.html",
    show_default=True,
    help="A self-contained HTML file.",
)
@click.option("--where", "filters", metavar="FILTER", multiple=True, help="Only these rows, as cutoff=3 or 'seed<4'.")
@click.option("--title", help="Of the page.  [default: the store's name]")
@click.option("--compare", "most", type=int, default=30, show_default=True, help="Networks in a matrix; 0 for none.")
@click.option("--resamples", type=int, default=DEFAULTS.resamples, show_default=True, help="Behind the comparisons.")
@click.option("--seed", type=int, default=DEFAULTS.seed, show_default=True, help="Of the resamples.")
def report(
    store: Path, output: Path, filters: tuple[str, ...], title: str | None, most: int, resamples: int, seed: int
) -> None:
    """Write a page of what a STORE holds: table, plots, paired comparisons.

    It opens offline in any browser; rows can be sorted, filtered and saved from it.
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

    options: dict[str, int] = {"most": most, "resamples": resamples, "seed": seed}
    content = report_page(rows, kept.raw, title=named, note=note, **options).encode()
    write_atomically(output, content)
    echo(f"{output}: {len(rows)} rows, {len(content) / 1000:.0f} kB; open it in a browser")
