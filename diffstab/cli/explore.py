"""`diffstab explore`: writes a page that deforms images live, by temperature and cutoff."""

from pathlib import Path

import click

from .echo import echo
from .help import PHOTOS_TOLD, Command
from .progress import saying
from .stores import tell_photo


@click.command(cls=Command, epilog=PHOTOS_TOLD)
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default="explorer.html",
    show_default=True,
    help="HTML file to write; it opens offline and needs no other file.",
)
@click.option(
    "--side", type=int, default=224, show_default=True, help="Longest side of the images on the page, in pixels."
)
def explore(images: tuple[Path, ...], output: Path, side: int) -> None:
    """Write an HTML page that deforms images live as you drag temperature and cutoff.

    An IMAGE is a file, or the name of a photograph that comes with the package; without any, the page shows two such
    photographs. The page opens offline in any browser, and computes the same deformations as the package.

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
