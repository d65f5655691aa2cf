"""The first pass of a measurement: deforms the images and measures the change, without the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..fields import DisplacementField
from ..perturbations import Transformation
from ..precision import doubled
from ..provenance import image_digests
from ..statistics import Array, Statistic
from ..statistics import average as averaged
from .batches import Batch, Batches, Radius
from .memory import Memory
from .setup import Setup

COLUMNS = 4  # for each draw


@dataclass(frozen=True)
class FirstPass:
    """Values per image, in the order of the pass.

    Attributes:
        keys: Index of each image, `[N]`.
        labels: Class of each image, `[N]`; -1 for no label.
        sizes: Norm ||x|| of each image, `[N]`, in units of the network's input.
        norms: Change by deformation, ||tau x - x||, `[N, draws]`.
        folds: 1 if a field folds, else 0, `[N, draws]`; NaN if the transformation doesn't know it.
        clamped: Share of pixels whose source lies outside the image, `[N, draws]`; NaN if unknown.
        gradients: Largest gradient ||grad tau||_inf, `[N, draws]`; NaN if unknown.
        digests: Digest of each image, by its index.
    """

    keys: NDArray[np.int64]
    labels: NDArray[np.int64]
    sizes: Array
    norms: Array
    folds: Array
    clamped: Array
    gradients: Array
    digests: dict[int, bytes]


def run_first_pass(batches: Batches, setup: Setup, memory: Memory) -> FirstPass:
    """Runs the pass, with one device-to-host copy per batch."""
    keys, labels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    rows = [np.empty((0, 1 + COLUMNS * setup.settings.draws))]
    digests: dict[int, bytes] = {}
    for batch in batches():
        _check_images(batch, setup)
        digests.update(image_digests(batch.keys, batch.images))
        rows += memory.run(lambda part: first_pass_batch(part, setup).cpu().numpy(), batch)
        keys.append(batch.keys.numpy())
        labels.append(batch.labels.numpy())
    table = np.concatenate(rows)
    if not np.isfinite(table[:, 1::COLUMNS]).all():
        raise ValueError(f"the transformation {setup.transformation.name} made images that are not finite; mend it")
    norms, folds, clamped, gradients = (table[:, first::COLUMNS] for first in range(1, 1 + COLUMNS))
    whole = np.concatenate(keys), np.concatenate(labels), table[:, 0]
    return FirstPass(*whole, norms, folds, clamped, gradients, digests)


def first_pass_batch(batch: Batch, setup: Setup) -> torch.Tensor:
    """Computes ||x||, then per draw ||tau x - x|| and the columns of `described`: `[B, 1 + 4 draws]`."""
    images = setup.placed(batch)
    base = setup.base(images)
    parts = [doubled(base.flatten(1)).norm(dim=1)]
    for draw in range(setup.settings.draws):
        sample = setup.sample(setup.keys(batch, draw))
        norm = doubled((setup.transformed(images, sample) - base).flatten(1)).norm(dim=1)
        parts += [norm, *described(sample, setup.transformation, norm)]
    return torch.stack(parts, 1)


def described(sample: Any, transformation: Transformation, like: torch.Tensor) -> list[torch.Tensor]:
    """Returns folds (1 or 0), clamped share and ||grad tau||_inf of each sample, `[B]` each; NaN if unknown."""
    if isinstance(sample, DisplacementField):
        gradient = sample.gradient()
        told = [sample.folds(gradient), sample.clamped_fraction(), sample.gradient_norm(gradient)]
        return [doubled(one) for one in told]
    known = [getattr(transformation, name, None) for name in ("folds", "clamped_fraction", "gradient_norm")]
    return [torch.full_like(like, torch.nan) if one is None else doubled(one(sample)) for one in known]


def join_first_passes(parts: Sequence[FirstPass]) -> FirstPass:
    """Joins the passes of several processes. Raises ValueError if there are fewer than 2 images."""
    arrays = {
        name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0]) if name != "digests"
    }
    whole = FirstPass(**arrays, digests={key: digest for part in parts for key, digest in part.digests.items()})
    if len(whole.keys) < 2:
        raise ValueError(f"{len(whole.keys)} image(s) came; D_f and G_f compare images, so at least 2 are needed")
    return whole


def _check_images(batch: Batch, setup: Setup) -> None:
    """Checks images in the first pass only: the second pass compares digests."""
    images, size = batch.images, setup.transformation.size
    if not images.is_floating_point():
        raise TypeError(f"images are {images.dtype}; floats in the network's input space are needed, as after / 255")
    if min(images.shape[-2:]) < 2:
        raise ValueError(f"images have {images.shape[-2]} x {images.shape[-1]} pixels; each side needs at least 2")
    if tuple(images.shape[-2:]) != size:
        raise ValueError(f"images have {images.shape[-2]} x {images.shape[-1]} pixels; the ensemble is for {size}")
    finite = images.isfinite().flatten(1).all(1)
    if not bool(finite.all()):
        key = int(batch.keys[~finite.to(batch.keys.device)][0])
        raise ValueError(f"image {key} holds NaN or infinite values before any deformation; remove or mend it")


def noise_radius(first: FirstPass, setup: Setup) -> float:
    """Returns the ensemble's noise norm ||eta|| (Eq. 4). Raises ValueError if it is within rounding."""
    pooled = Statistic(setup.statistic.average)
    radius = float(averaged(first.norms.reshape(-1, 1), pooled))
    size = float(averaged(first.sizes.reshape(-1, 1), pooled))
    if radius <= 4 * torch.finfo(setup.dtype).eps * size:
        raise ValueError(
            f"the deformations change the images by no more than rounding (||tau x - x|| is {radius:.2g}), so R_f is "
            "0 / 0; are the images constant, or the temperature too low?"
        )
    return radius


def noise_radii(first: FirstPass, radius: float, setup: Setup) -> Array:
    """Returns the noise norm ||eta|| for each image and draw, `[N, draws]`."""
    if setup.settings.noise_norm is not None:
        return np.full_like(first.norms, setup.settings.noise_norm)
    return first.norms if setup.settings.noise_radius == "per-image" else np.full_like(first.norms, radius)


def by_batch(first: FirstPass, radii: Array) -> Radius:
    """Makes a function from a batch to ||eta|| of its images, in any order of batches."""
    place = {key: n for n, key in enumerate(first.keys.tolist())}
    return lambda batch: torch.from_numpy(radii[[place[key] for key in batch.keys.tolist()]])
