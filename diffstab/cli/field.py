"""`diffstab field`: prints the numbers of an ensemble of deformations, before anything is measured."""

import math
from typing import Any

import click

from .echo import echo, echo_json
from .help import Command
from .options import ensemble_options, make_ensemble
from .progress import saying


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
