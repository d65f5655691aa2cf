"""Elastic deformations of other libraries as functions of a batch, with a different field for each image.

They use their defaults, with displacements of about a pixel, and draw from other ensembles than this package.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from diffstab import MaxEntropyEnsemble

Deform = Callable[[], object]


def one_at_a_time(images: Tensor, ensemble: MaxEntropyEnsemble) -> Deform:
    """Deforms image by image with fields of the ensemble: S C S^T for each component, then grid_sample."""
    height, width = ensemble.size
    line, column = (torch.linspace(-1, 1, n, device=images.device) for n in (height, width))

    def deform_each() -> Tensor:
        done = []
        for image in images:
            dx, dy = ensemble.sample(1, device=images.device)[0].displacement()
            x, y = column - dx * (2 / (width - 1)), line[:, None] - dy * (2 / (height - 1))
            grid = torch.stack([x, y], -1)[None]
            done.append(grid_sample(image[None], grid, padding_mode="border", align_corners=True))
        return torch.cat(done)

    return deform_each


def peers(images: Tensor) -> dict[str, Deform]:
    """Returns the deformations of installed libraries, by name."""
    found = {}
    for name, make in (
        ("torchvision v2", _torchvision),
        ("kornia", _kornia),
        ("albumentations", _albumentations),
        ("MONAI", _monai),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found[name] = make(images)
            except ImportError:
                continue
    return found


def _torchvision(images: Tensor) -> Deform:
    from torchvision.transforms.v2 import ElasticTransform

    transform = ElasticTransform()
    return lambda: torch.stack([transform(image) for image in images])


def _kornia(images: Tensor) -> Deform:
    from kornia.augmentation import RandomElasticTransform

    side = min(images.shape[-2:])
    size = min(63, side - 1 + side % 2)  # the blur's size: odd, and at most the image's
    transform = RandomElasticTransform((size, size), p=1.0)
    return lambda: transform(images)


def _albumentations(images: Tensor) -> Deform:
    import albumentations

    transform = albumentations.ElasticTransform(alpha=50, sigma=5, p=1.0)
    arrays = [image.permute(1, 2, 0).cpu().contiguous().numpy() for image in images]
    return lambda: [transform(image=array)["image"] for array in arrays]


def _monai(images: Tensor) -> Deform:
    from monai.transforms import Rand2DElastic

    transform: Any = Rand2DElastic(spacing=(16, 16), magnitude_range=(1, 2), prob=1.0, padding_mode="border")
    return lambda: torch.stack([transform(image) for image in images])
