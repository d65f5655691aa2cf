"""As much effort as a wanted precision takes: more images first, then more draws."""

import math
from collections.abc import Callable
from dataclasses import replace

from ..results import StabilityResult

MOST_DRAWS = 64
STEP = (1.3, 8.0)  # least and largest growth of the number of images in one step
USELESS = 0.95  # an interval that doubling the draws leaves at least this wide comes from the images


def until_precise(
    measured: Callable[[int, int], StabilityResult], precision: float, *, images: int, total: int, draws: int
) -> StabilityResult:
    """Measures with more and more effort until the 95 % interval of log R_f is at most `precision` wide.

    The interval's width falls as one over the root of the number of images, which tells the next step. Once all images
    are in, draws double, up to 64 an image or until that helps no more: images differ, whatever the draws. The result
    is that of one plain measurement with the last numbers of images and draws: its `images` and `draws` tell them, its
    `stopped` says `precision` or `data`.

    Args:
        measured: The measurement with so many images and draws.
        precision: Largest width, log(R_high / R_low).
        images: To begin with.
        total: Images there are.
        draws: Per image, to begin with.
    """
    images, before = min(images, total), math.inf
    while True:
        result = measured(images, draws)
        width = log_width(result)
        if width <= precision:
            return replace(result, stopped="precision")
        short = min(width / precision, STEP[1])  # by how much; squared, it may be too large for a number
        growth = min(max(1.1 * short**2, STEP[0]), STEP[1])
        if images < total:
            images = min(total, math.ceil(images * growth))
        elif draws >= MOST_DRAWS or width > USELESS * before:
            return replace(result, stopped="data")
        else:
            draws, before = min(MOST_DRAWS, 2 * draws), width


def log_width(result: StabilityResult) -> float:
    """log(R_high / R_low); infinite where the interval reaches 0."""
    return math.log(result.R.high / result.R.low) if result.R.low > 0 else math.inf
