"""`diffstab deform`: one image file in, one deformed image file out."""

import io
from pathlib import Path
from typing import Any

import click

from ..settings import positive_integer
from .options import ENSEMBLE_KEYS, ensemble_options, interpolation_option, make_ensemble, seed_option


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@ensemble_options
@interpolation_option
@seed_option
@click.option("--draw", type=int, default=0, show_default=True, help="Number of the draw: another one, another field.")
def deform(source: Path, target: Path, interpolation: str, seed: int, draw: int, **options: Any) -> None:
    """Deform one image file.

    delta is in pixels of that image; OUT's ending decides its format.
    """
    import torch
    from PIL import Image
    from torchvision.transforms.v2 import functional as F

    from ..deformation import deform as deform_images
    from ..results import write_atomically
    from ..streams import StreamKeys

    positive_integer("draw", draw, least=0)
    file_format = Image.registered_extensions().get(target.suffix.lower())
    if file_format not in Image.SAVE:
        raise ValueError(f"OUT is {str(target)!r}; an ending such as .png or .jpg is needed")
    image = read_image(source)
    pixels = F.pil_to_tensor(image)
    ensemble = make_ensemble((image.height, image.width), **{key: options[key] for key in ENSEMBLE_KEYS})
    field = ensemble.sample(StreamKeys(seed, torch.zeros(1, dtype=torch.int64), draw), dtype=torch.float64)
    deformed = deform_images(pixels.to(torch.float64), field[0], interpolation)
    buffer = io.BytesIO()
    F.to_pil_image(deformed.round().clamp(0, 255).to(torch.uint8)).save(buffer, format=file_format)
    write_atomically(target, buffer.getvalue())
    folds = "folds" if bool(field.folds()) else "does not fold"
    click.echo(f"{target}: {ensemble.delta:.3g} px RMS expected, T = {ensemble.temperature:.3g}; the field {folds}")


def read_image(path: Path) -> Any:
    """An image file as 8-bit grey or RGB."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.convert("L" if image.mode in ("1", "L") else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"IN is {str(path)!r}, which can't be read as an image ({error})") from error
