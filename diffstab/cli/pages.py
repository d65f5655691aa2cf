"""`diffstab report` and `diffstab explore`: HTML pages of stored results, and of an image that sliders deform, live."""

from pathlib import Path

import click
from click.core import ParameterSource

from .echo import echo
from .help import PHOTOS_TOLD, Command
from .options import Decorator, resampling_options, where_option
from .progress import saying
from .stores import opened, tell_photo


def page_option(default: str, help: str) -> Decorator:
    """`--output FILE` of a page."""
    path = click.Path(path_type=Path)
    return click.option("-o", "--output", metavar="FILE", type=path, default=default, show_default=True, help=help)


@click.command(cls=Command)
@click.argument("store", metavar="STORE", type=click.Path(path_type=Path))
@page_option("report.html", "HTML file to write; it opens offline and needs no other file.")
@where_option
@click.option("--title", help="Title of the page.  [default: the store's name]")
@click.option(
    "--atlas", is_flag=True, help="Write the page of many networks: families, search, one plot; no paired comparisons."
)
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
    store: Path,
    output: Path,
    filters: tuple[str, ...],
    title: str | None,
    atlas: bool,
    most: int,
    resamples: int,
    seed: int,
) -> None:
    """Write an HTML page of stored results: table, plots, paired comparisons.

    STORE is a folder of results. The page opens offline in any browser; its table can be sorted, filtered and saved.

    \b
    Examples:
      diffstab report results
      diffstab report results -o page.html --where dataset=mnist5k
      diffstab report results -o atlas.html --atlas
    """
    from ..pages import atlas_page, report_page
    from ..store import select
    from ..writing import check_writable, write_atomically

    given = click.get_current_context().get_parameter_source("most")
    if atlas and given == ParameterSource.COMMANDLINE:
        raise ValueError("atlas is on and compare is given, but an atlas compares no pairs; give one of the two")
    check_writable(output)
    kept = opened(store)
    rows = select(kept.rows(), filters)
    named = title or f"Stability: {store.resolve().name}"

    def note(text: str) -> None:
        echo(f"note: {text}", err=True)

    with saying(f"writing the page of {len(rows)} rows"):
        if atlas:
            page = atlas_page(rows, title=named, note=note)
        else:
            page = report_page(rows, kept.raw, title=named, most=most, resamples=resamples, seed=seed, note=note)
    content = page.encode()
    write_atomically(output, content)
    echo(f"{output}: {len(rows)} rows, {len(content) / 1000:.0f} kB; open it in a browser")


@click.command(cls=Command, epilog=PHOTOS_TOLD)
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=click.Path(path_type=Path))
@page_option("explorer.html", "HTML file to write; it needs no other file.")
@click.option(
    "--side",
    type=int,
    default=256,
    show_default=True,
    help="Longest side of the images on the page, in pixels; larger images are shrunk.",
)
def explore(images: tuple[Path, ...], output: Path, side: int) -> None:
    """Write a page that deforms images live, beside noise of the same size: your images, or two photographs.

    Sliders set the displacement delta, the cutoff and the temperature; the page gives the command that deforms the
    file in the same way. It opens offline in any browser and computes the same fields as the package. An IMAGE is a
    file or, where there is no file of that name, a photograph that comes with the package.

    \b
    Examples:
      diffstab explore
      diffstab explore photo.jpg rocket -o page.html
    """
    from ..writing import check_writable, write_atomically

    check_writable(output)
    with saying("writing the page"):
        from ..data import image_path
        from ..pages import explorer_page

        content = explorer_page([image_path(path) for path in images], side).encode()
    for image in images:
        tell_photo(image)
    write_atomically(output, content)
    echo(f"{output}: {len(content) / 1000:.0f} kB; open it in a browser")
