"""`diffstab field` and `diffstab deform`: the numbers of an ensemble of deformations, and an image that one deforms."""

import io
import math
from pathlib import Path
from typing import Any

import click

from ..options import DIFFEO
from .echo import echo, echo_json
from .help import PHOTOS_TOLD, Command
from .options import ensemble_options, interpolation_option, seed_option
from .progress import saying
from .stores import tell_photo

# PIL mode in which an image of each PIL mode is deformed; RGB for all other modes
PLAIN = {"1": "L", "L": "L", "LA": "RGBA", "PA": "RGBA", "RGBA": "RGBA"}


@click.command(cls=Command)
@click.option("--size", required=True, metavar="N or HxW", help="Size of the images in pixels: 224 or 240x320.")
@ensemble_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def field(size: str, as_json: bool, **options: Any) -> None:
    """Show the numbers of random deformations: modes, size, temperature range, probability of folds.

    Use it to choose --cutoff and --delta before measuring. It prints the size both as delta, the root-mean-square
    displacement in pixels, and as temperature T, and the range of T in which deformations move more than half a pixel
    and most do not fold the image.

    \b
    Examples:
      diffstab field --size 224
      diffstab field --size 32 --cutoff 10 --temperature 1e-3
    """
    with saying("computing the numbers of the deformations"):
        found = found_fields(parsed_size(size), options)
    if as_json:
        echo_json({name: None if value == math.inf else value for name, value in found.items()})
        return
    for name, text in table_of(found).items():
        echo(f"{name:<18} {text}")


def found_fields(size: tuple[int, int], options: dict[str, Any]) -> dict[str, Any]:
    """Computes the numbers of the ensemble that the options describe."""
    from ..fields import temperature_range

    ensemble = make_ensemble(size, **options)
    rules = {"cutoff_rule": ensemble.cutoff_rule, "delta_rule": ensemble.delta_rule}
    t_min, t_max = temperature_range(ensemble.size, ensemble.cutoff, **rules)
    return {
        "size": list(ensemble.size),
        "cutoff": ensemble.cutoff,
        **rules,
        "modes": ensemble.modes,
        "temperature": ensemble.temperature,
        "delta": ensemble.delta,
        "norm": ensemble.expected_squared_norm**0.5,
        "temperature_min": t_min,
        "temperature_max": t_max,
        "probability_of_diffeomorphism": ensemble.probability_of_diffeomorphism(),
    }


def table_of(found: dict[str, Any]) -> dict[str, str]:
    """The numbers as lines of a table."""
    height, width = found["size"]
    return {
        "image": f"{height} x {width} pixels",
        "modes": f"{found['modes']} per component (c = {found['cutoff']:g}, {found['cutoff_rule']})",
        "temperature": f"{found['temperature']:.4g}",
        "delta": f"{found['delta']:.4g} pixels RMS ({found['delta_rule']})",
        "norm": f"{found['norm']:.4g} (root of <||grad tau||^2>)",
        "T range": f"{found['temperature_min']:.4g} (delta = 1/2 pixel) to {found['temperature_max']:.4g} (half of the "
        "fields are diffeomorphisms)",
        "P(diffeomorphism)": f"{found['probability_of_diffeomorphism']:.3f} (Xi < 1 everywhere)",
    }


def parsed_size(text: str) -> tuple[int, int]:
    """Returns (H, W) of `224` or `240x320`."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and len(side) < 10 for side in sides):
        raise ValueError(f"size is {text!r}; a side in pixels (224) or height x width (240x320) is needed")
    return int(sides[0]), int(sides[-1])


def make_ensemble(size: tuple[int, int], **options: Any) -> Any:
    """Makes the ensemble that the options describe; delta is 1 pixel if neither delta nor T is given."""
    from ..perturbations import perturbation

    return perturbation(DIFFEO, size, **options)


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
