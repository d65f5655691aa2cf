"""The explorer: a page that deforms images live, as delta, temperature and cutoff say."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from ..data import EMBEDDED_FOLDER
from ..fields import largest_xi
from ..options import DEFAULT_CUTOFF, GAUSSIAN_SIGMA
from .page import STATIC, page, png_address

SIDE = 256  # longer side of images shown, pixels; that of the package's photographs
LEAST_SIDE, MOST_SIDE = 16, 512
TITLE = "Smooth deformations, beside noise of the same size"
SCRIPTS = ("field.js", "settings.js", "diagram.js", "explorer.js")
PHOTOS = ("chelsea.jpg", "coffee.jpg")
CUTOFFS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20)
PROBABILITIES = (0.95, 0.75, 0.5, 0.25, 0.05)  # of the boundaries between shades
GRID = 64  # pixels a side of the fields whose largest Xi is taken: it hardly depends on the image's


@dataclass(frozen=True)
class Picture:
    """An image of the explorer.

    Attributes:
        name: Name for `diffstab deform`: a file's, or a photograph's of the package.
        width, height: Size shown, pixels.
        file_width, file_height: Size of the file, turned upright, pixels.
        source: `data:` address of a PNG.
    """

    name: str
    width: int
    height: int
    file_width: int
    file_height: int
    source: str


def picture_of(path: Path, side: int = SIDE) -> Picture:
    """Picture of an image file, turned upright and shrunk to at most `side` pixels.

    Raises:
        ValueError: If the file is no image, has a side of 1 pixel, or `side` is not from 16 to 512.
    """
    from ..checks import positive_integer
    from ..data import read_image

    positive_integer("side", side, least=LEAST_SIDE, most=MOST_SIDE)
    image = ImageOps.exif_transpose(read_image(path)).convert("RGB")
    file_size, scale = image.size, side / max(image.size)
    if scale < 1:
        size = (max(2, round(image.width * scale)), max(2, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    if min(image.size) < 2:
        raise ValueError(f"{path.name} is {image.width} x {image.height} pixels; each side must have at least 2")
    name = path.stem if path.parent == EMBEDDED_FOLDER / "photos" else path.name
    return Picture(name, *image.size, *file_size, png_address(image))


def explorer_page(images: Sequence[Path] = (), side: int = SIDE) -> str:
    """HTML file of the explorer, of two photographs of the package if no images are given.

    Args:
        images: Image files.
        side: Longest side of the images on the page, pixels.

    Raises:
        ValueError: If a file is no image, has a side of 1 pixel, or `side` is not from 16 to 512.
    """
    files = list(images) or [EMBEDDED_FOLDER / "photos" / name for name in PHOTOS]
    data: dict[str, Any] = {
        "pictures": [asdict(picture_of(path, side)) for path in files],
        "sigma": GAUSSIAN_SIGMA,
        "cutoff": DEFAULT_CUTOFF,
        "cutoffs": CUTOFFS,
        "probabilities": PROBABILITIES,
        "boundaries": boundaries(),
    }
    body = (STATIC / "explorer.html").read_text("utf-8")
    return page(TITLE, body, ["page.css", "explorer.css"], SCRIPTS, data)


def boundaries() -> list[list[float]]:
    """Temperatures at which a field is a diffeomorphism, a row for each of CUTOFFS, a column for each of PROBABILITIES.

    Xi scales with sqrt(T), so that Xi < 1 is T < 1 / Xi(T = 1)^2.
    """
    found = []
    for cutoff in CUTOFFS:
        limits = largest_xi((GRID, GRID), float(cutoff), "disk").double() ** -2
        found.append([float(limits.quantile(1 - probability)) for probability in PROBABILITIES])
    return found
