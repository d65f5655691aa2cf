"""`diffstab explore`: a page on which temperature and cutoff deform an image, live."""

from pathlib import Path

import click

from .echo import echo


@click.command()
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default="explorer.html",
    show_default=True,
    help="A self-contained HTML file.",
)
@click.option("--side", type=int, default=224, show_default=True, help="Longest side of the images shown, pixels.")
def explore(images: tuple[Path, ...], output: Path, side: int) -> None:
    """Write a page to see deformations with: of own images, or of two photographs kept with the package.

    It opens offline in any browser, and computes the same fields as the package.
    """
    from ..pages import explorer_page
    from ..writing import check_writable, write_atomically

    check_writable(output)
    content = explorer_page(images, side).encode()
    write_atomically(output, content)
    echo(f"{output}: {len(content) / 1000:.0f} kB; open it in a browser")
