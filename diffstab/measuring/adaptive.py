"""Measuring until a wanted precision is reached: with more images first, then with more draws."""

import math
from collections.abc import Callable
from dataclasses import replace

from ..results import StabilityResult

MOST_DRAWS = 64
STEP = (1.3, 8.0)  # smallest and largest growth of the number of images in one step
USELESS = 0.95  # relative width of the interval after doubling the draws from which further draws don't help


def until_precise(
    measured: Callable[[int, int], StabilityResult], precision: float, *, images: int, total: int, draws: int
) -> StabilityResult:
    """Measures with more images and draws until the 95 % interval of log R_f is at most `precision` wide.

    The interval's width falls as one over the root of the number of images, which sets the next number. Once all images
    are used, draws double, up to 64 per image or until only the choice of images matters. The result equals that of one
    plain measurement with the last numbers of images and draws, which are its `images` and `draws`. Its `stopped` is
    `precision` or `data`.

    Args:
        measured: Function of the numbers of images and draws that measures with them.
        precision: Largest width, log(R_high / R_low), dimensionless.
        images: Number of images to begin with.
        total: Number of images that exist.
        draws: Number of draws (deformations, and noise vectors) per image to begin with.
    """
    images, before = min(images, total), math.inf
    while True:
        result = measured(images, draws)
        width = log_width(result)
        if width <= precision:
            return replace(result, stopped="precision")
        short = min(width / precision, STEP[1])  # capped, since its square may overflow
        growth = min(max(1.1 * short**2, STEP[0]), STEP[1])
        if images < total:
            images = min(total, math.ceil(images * growth))
        elif draws >= MOST_DRAWS or width > USELESS * before:
            return replace(result, stopped="data")
        else:
            draws, before = min(MOST_DRAWS, 2 * draws), width


def log_width(result: StabilityResult) -> float:
    """Returns log(R_high / R_low); infinite if the interval reaches 0."""
    return math.log(result.R.high / result.R.low) if result.R.low > 0 else math.inf
