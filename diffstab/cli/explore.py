"""`diffstab explore`: writes a page whose sliders deform an image, live."""

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
    help="HTML file to write; it needs no other file.",
)
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
