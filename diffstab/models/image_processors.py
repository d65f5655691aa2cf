"""Preprocessing of image processors of `transformers`, checked against the processor itself.

A processor's settings become a `Preprocessing`. Processors may do more than their settings say, so both then run on
the same images: where they differ by more than rounding, the network is refused.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..checks import in_short
from ..data import RESAMPLINGS, Preprocessing

SQUASHED_FROM = 384  # pixels; ConvNeXt's processor crops smaller images only
LEVIT_RESIZE = 256 / 224
SIDES = ((97, 131), (140, 91), (64, 64), (450, 301))  # width and height of the images that both run on
EXACT, ROUNDING = 0.01, 2.5  # levels of 255: float32, and torchvision's resizing in place of Pillow's
ASPECT = "keeps the aspect ratio of images and does not crop them, so they have no common size"


class Translated(NamedTuple):
    """The preprocessing of a processor, and a note if it is not exact."""

    preprocessing: Preprocessing
    note: str | None = None


def translated(processor: Any, channels: int, source: str) -> Translated:
    """Translates an image processor.

    The preprocessing has no `resize` if the processor takes images as they are; its size then means nothing.

    Args:
        processor: Image processor of `transformers`, with Pillow's resizing where it has both.
        channels: Number of channels that the network takes.
        source: Name of the network.

    Raises:
        ValueError: If no `Preprocessing` does what the processor does.
    """
    kind = type(processor).__name__.removesuffix("Pil")
    try:
        mean, std = _statistics(processor, channels)
        told = Preprocessing(
            **_geometry(processor, kind),
            interpolation=_interpolation(processor),
            mean=mean,
            std=std,
            source=source,
        )
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise _refused(source, kind, str(error)) from error
    levels = _largest_difference(processor, told, source, kind)
    if levels > ROUNDING:
        raise _refused(source, kind, f"it differs by {levels:.3g} of 255 levels from what its settings say")
    rounding = f"preprocessing of {source}: equal to its {kind} up to {levels:.2g} of 255 levels of a pixel"
    return Translated(told, note=rounding if levels > EXACT else None)


def _refused(source: str, kind: str, why: str) -> ValueError:
    return ValueError(
        f"the image processor of {source}, {kind}, can't be followed exactly ({why:.200}); "
        "measure it in Python, on images that the processor made"
    )


def _statistics(processor: Any, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation for pixel values in [0, 1], whatever the factor of its rescaling."""
    factor = 255 * processor.rescale_factor if processor.do_rescale else 255.0
    mean, std = np.zeros(channels), np.ones(channels)
    if processor.do_normalize:
        mean, std = (np.ones(channels) * values for values in (processor.image_mean, processor.image_std))
    if getattr(processor, "rescale_offset", None) and processor.do_rescale:  # EfficientNet's: minus 1 before the mean
        mean = mean + 1
    if getattr(processor, "include_top", None):  # EfficientNet's: divides again
        std = std * np.array(processor.image_std)
    return tuple((mean / factor).tolist()), tuple((std / factor).tolist())


def _interpolation(processor: Any) -> str:
    names = {int(value): name for name, value in RESAMPLINGS.items()}
    kind = 2 if processor.resample is None else int(processor.resample)
    if processor.do_resize and kind not in names:
        raise ValueError(f"it resamples by {Image.Resampling(kind).name.lower()}")
    return names.get(kind, "bilinear")


def _geometry(processor: Any, kind: str) -> dict[str, Any]:
    """Returns size, resize, crop mode, and the rounding of the crop's corner where there is a crop."""
    crop = processor.crop_size if processor.do_center_crop else None
    cut = None if crop is None else (crop.height, crop.width)
    if not processor.do_resize:
        if cut is not None:
            raise ValueError("it crops images that it does not resize")
        return {"size": (1, 1)}
    size, share = processor.size, getattr(processor, "crop_pct", None)
    edge = size.shortest_edge
    if edge and not size.longest_edge:
        if share and not cut and edge >= SQUASHED_FROM:
            return {"size": (edge, edge), "resize": (edge, edge), "crop_mode": "squash"}
        whole = int(edge / share) if share else int(LEVIT_RESIZE * edge) if kind.startswith("Levit") else edge
        if cut is None and not share:
            raise ValueError(ASPECT)
        return {"size": cut or (edge, edge), "resize": (whole, whole), "crop_down": True}
    if size.height and size.width:
        sides = (size.height, size.width)
        return {"size": cut or sides, "resize": sides, "crop_mode": "squash", "crop_down": cut not in (None, sides)}
    raise ValueError(ASPECT)


def _largest_difference(processor: Any, told: Preprocessing, source: str, kind: str) -> float:
    """Returns the largest difference of both on noisy images of several sizes, in levels of 255."""
    rng, largest = np.random.default_rng(0), 0.0
    for width, height in SIDES:
        pixels = rng.integers(0, 256, (height, width, told.channels), dtype=np.uint8)
        image = Image.fromarray(pixels if told.channels > 1 else pixels[..., 0], "RGB" if told.channels > 1 else "L")
        own = told if told.resize is not None else replace(told, size=(height, width))
        try:
            theirs = np.asarray(processor(image, return_tensors="np")["pixel_values"])
        except Exception as error:  # each processor raises its own kinds
            raise _refused(source, kind, in_short(error)) from error
        ours = own(image).numpy()[None]
        if theirs.shape != ours.shape:
            raise _refused(source, kind, f"it makes {theirs.shape} of {width} x {height} pixels, not {ours.shape}")
        largest = max(largest, float((np.abs(theirs - ours).max((0, 2, 3)) * own.std * 255).max()))
    return largest


@contextmanager
def quiet() -> Iterator[None]:
    """Silences the library's warnings and progress bars inside the context: what counts is told in notes."""
    from transformers.utils import logging as own

    before, bars = own.get_verbosity(), own.is_progress_bar_enabled()
    own.set_verbosity(logging.CRITICAL)
    own.disable_progress_bar()
    try:
        yield
    finally:
        own.set_verbosity(before)
        if bars:
            own.enable_progress_bar()
