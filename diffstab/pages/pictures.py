"""Pictures of x, tau x and x + eta: the first image of a measurement, made again from its row."""

from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..data import ImageSet, Preprocessing, load_dataset
from ..fields import deform, identity_field
from ..options import DIFFEO, EMBEDDED, PAIRS, TRANSFORMS
from ..perturbations import Transformation, perturbation
from ..provenance import image_digests, images_sha256
from ..results import Row
from ..streams import StreamKeys, choose, sphere_noise
from .page import png_address

LARGEST_SIDE = 512  # pixels
NAMES = ("x", "tau x", "x + eta")


def pictures_of(row: Row, data_dir: str | None = None) -> dict[str, Any]:
    """The first image that a row was measured on, deformed and with noise as in its first draw.

    Args:
        row: A measurement.
        data_dir: Folder with the images, for data sets that are not in the package. A folder that the row names is
            not opened, since a row may come from anybody.

    Returns:
        For the page: `told`, a line on the pictures or the reason why there are none, and `pictures`, each with its
        name and a `data:` address.

    >>> pictures_of({"dataset": "imagenet"})["pictures"]
    []
    """
    try:
        told, images = pictured(row, data_dir)
    except (OSError, ValueError) as error:
        why = str(error)
    except (TypeError, KeyError, IndexError, ArithmeticError, RuntimeError):
        why = "the row does not tell all that they are made of"
    else:
        return {"told": told, "pictures": [{"name": name, "source": _address(image)} for name, image in images.items()]}
    return {"told": f"No pictures of the images, deformed and with noise: {why}.", "pictures": []}


def pictured(row: Row, data_dir: str | None = None) -> tuple[str, dict[str, Tensor]]:
    """The three images by name, `[C, H, W]` with pixel values in [0, 1] where they are not cut, and a line on them.

    Raises:
        ValueError: If the images can't be had again; it says why.
        OSError, TypeError, KeyError: If the row lacks a setting or the folder can't be read.
    """
    dataset, index = _found(row, data_dir)
    x = dataset[index][0][None]
    keys = StreamKeys(row["seed"], torch.tensor([index]))
    transformation, interpolation = _transformation(row, (x.shape[-2], x.shape[-1])), row["interpolation"]
    still = identity_field(transformation.size, dtype=x.dtype, device=x.device)
    base = x if interpolation == "bilinear" else deform(x, still, interpolation)
    moved = transformation.apply(x, transformation.sample(keys, dtype=x.dtype, device=x.device), interpolation)
    own = row.get("noise_norm") is None and row["noise_radius_rule"] == "per-image"
    radius = float((moved - base).norm()) if own else float(row["noise_radius"])
    noisy = base + radius * sphere_noise(keys, tuple(x.shape[1:]))
    split = f"/{dataset.split}" if dataset.split else ""
    told = f"Image {index} of {dataset.name}{split} as the networks see it; first draw, noise of norm {radius:.3g}"
    return told, dict(zip(NAMES, _pixels(dataset, [base, moved, noisy]), strict=True))


def _found(row: Row, data_dir: str | None) -> tuple[ImageSet, int]:
    """The data set, in the input space of the row's network, and the index of the first image measured."""
    name, embedded = row["dataset"], row["dataset"] in EMBEDDED
    if not embedded and data_dir is None:
        raise ValueError(
            f"the images of {name} are not in the package, and a report opens no other folder; "
            "diffstab measure --report shows them"
        )
    if row.get("transform", DIFFEO) not in (DIFFEO, *TRANSFORMS):
        raise ValueError(
            f"the transformation {row['transform']} is code of your own; a report runs those of the package"
        )
    if row.get("worst") is not None or row.get("transform") == PAIRS:
        raise ValueError("the changes depend on a network, or were given; a report draws random ones alone")
    told = row.get("preprocessing")
    preprocessing = None if told is None else Preprocessing.of_json(told)
    if preprocessing is not None and max(preprocessing.size) > LARGEST_SIDE:
        raise ValueError(f"the images have {max(preprocessing.size)} pixels a side; at most {LARGEST_SIDE} are allowed")
    split = {"split": row["split"]} if row.get("split") else {}
    dataset = load_dataset(name, **split, data_dir=None if embedded else data_dir, preprocessing=preprocessing)
    chosen = choose(min(row["images"], len(dataset)), len(dataset), row["seed"])
    if embedded and _digest(dataset, chosen) != row["data_sha256"]:
        raise ValueError(f"the measured images are others than those of {name} in the package; measure these")
    return dataset, int(chosen[0])


def _digest(dataset: ImageSet, chosen: Tensor) -> str:
    images, labels = zip(*(dataset[index] for index in chosen.tolist()), strict=True)
    return images_sha256(image_digests(chosen, torch.stack(images)), dict(zip(chosen.tolist(), labels, strict=True)))


def _transformation(row: Row, size: tuple[int, int]) -> Transformation:
    transform = row.get("transform", DIFFEO)
    if transform != DIFFEO:
        return perturbation(transform, size, delta=row["delta"])
    drawn = {name: row[name] for name in ("cutoff", "temperature", "cutoff_rule")}
    if None in drawn.values():  # would become a default
        raise KeyError("cutoff, temperature and cutoff_rule are needed")
    return perturbation(DIFFEO, size, **drawn)


def _pixels(dataset: ImageSet, images: list[Tensor]) -> Iterator[Tensor]:
    """Pixel values of images in the network's input space."""
    made = dataset.preprocessing
    assert made is not None
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (made.mean, made.std))
    return (image[0] * std + mean for image in images)


def _address(pixels: Tensor) -> str:
    """A PNG as a `data:` address; values beyond black and white are cut."""
    whole = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return png_address(Image.fromarray(whole[..., 0] if whole.shape[-1] == 1 else whole))
