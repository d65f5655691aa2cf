"""`diffstab deform`: reads one image file, writes the deformed image."""

import io
from pathlib import Path
from typing import Any

import click

from .echo import echo
from .help import PHOTOS_TOLD, Command
from .options import ensemble_options, interpolation_option, make_ensemble, seed_option
from .progress import saying
from .stores import tell_photo

# PIL mode in which an image of each PIL mode is deformed; RGB for all other modes
PLAIN = {"1": "L", "L": "L", "LA": "RGBA", "PA": "RGBA", "RGBA": "RGBA"}


@click.command(cls=Command, epilog=PHOTOS_TOLD)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@ensemble_options
@interpolation_option
@seed_option
@click.option(
    "--draw", type=int, default=0, show_default=True, help="Index of the random deformation, one of many per seed."
)
def deform(source: Path, target: Path, interpolation: str, seed: int, draw: int, **options: Any) -> None:
    """Deform an image file by a random smooth deformation.

    IN is an image file, or the name of a photograph that comes with the package. OUT is the file to write; its ending,
    such as .png or .jpg, sets the format. Displacements are in pixels of IN.

    \b
    Examples:
      diffstab deform chelsea deformed.png --delta 4
      diffstab deform photo.jpg deformed.png --cutoff 10 --draw 1
    """
    with saying(f"deforming {source}"):
        told = deformed_file(source, target, interpolation, seed, draw, options)
    tell_photo(source)
    echo(told)


def deformed_file(source: Path, target: Path, interpolation: str, seed: int, draw: int, options: dict[str, Any]) -> str:
    """Writes the deformed image, and returns a line that describes the ensemble and the field."""
    import numpy as np
    import torch
    from PIL import Image, ImageOps

    from ..data import image_path, read_image
    from ..fields import deform as deform_images
    from ..streams import StreamKeys
    from ..writing import check_writable, write_atomically

    keys = StreamKeys(seed, torch.zeros(1, dtype=torch.int64), draw)
    file_format = Image.registered_extensions().get(target.suffix.lower())
    if file_format not in Image.SAVE:
        raise ValueError(f"OUT is {str(target)!r}; an ending such as .png or .jpg is needed")
    check_writable(target)
    image = ImageOps.exif_transpose(read_image(image_path(source)))
    image = image.convert(PLAIN.get(image.mode, "RGB"))
    ensemble = make_ensemble((image.height, image.width), **options)
    field = ensemble.sample(keys, dtype=torch.float64)
    pixels = torch.from_numpy(np.atleast_3d(np.array(image))).permute(2, 0, 1).to(torch.float64)
    deformed = deform_images(pixels, field[0], interpolation).round().clamp(0, 255).to(torch.uint8)
    result = Image.fromarray(deformed.permute(1, 2, 0).squeeze(2).numpy())
    write_atomically(target, encoded(result, str(file_format)))
    folds = "folds" if bool(field.folds()) else "does not fold"
    return f"{target}: {ensemble.delta:.3g} px RMS expected, T = {ensemble.temperature:.3g}; the field {folds}"


def encoded(image: Any, file_format: str) -> bytes:
    """The image as bytes of a file; without transparency if the format has none."""
    for picture in (image, image.convert("RGB")):
        buffer = io.BytesIO()
        try:
            picture.save(buffer, format=file_format)
            return buffer.getvalue()
        except (OSError, ValueError, KeyError, NotImplementedError) as error:
            reason = error
    raise ValueError(f"OUT can't be written as {file_format} ({reason}); an ending such as .png or .jpg is needed")
