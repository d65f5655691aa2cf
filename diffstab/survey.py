"""The first pass of a measurement: over the deformed images alone, without the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .batches import Batch, Batches
from .deformation import deform
from .memory import Memory
from .plan import Plan
from .precision import doubled
from .provenance import image_digests
from .statistics import Array


@dataclass(frozen=True)
class Survey:
    """What the pass found: arrays by image, in the order of the pass.

    Attributes:
        keys: Index of each image, `[N]`.
        labels: `[N]`, -1 for none.
        sizes: ||x||, `[N]`.
        norms: ||tau x - x||, `[N, draws]`.
        folds: 1 where a field folds, `[N, draws]`.
        clamped: Share of clamped pixels, `[N, draws]`.
        digests: Of each image, by its index.
    """

    keys: NDArray[np.int64]
    labels: NDArray[np.int64]
    sizes: Array
    norms: Array
    folds: Array
    clamped: Array
    digests: dict[int, bytes]


def survey_images(batches: Batches, plan: Plan, memory: Memory) -> Survey:
    """The pass; each batch makes one device-to-host copy."""
    keys, labels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    rows = [np.empty((0, 1 + 3 * plan.settings.draws))]
    digests: dict[int, bytes] = {}
    for batch in batches():
        _check_images(batch, plan)
        digests.update(image_digests(batch.keys, batch.images))
        rows += memory.run(lambda part: survey_batch(part, plan).cpu().numpy(), batch)
        keys.append(batch.keys.numpy())
        labels.append(batch.labels.numpy())
    table = np.concatenate(rows)
    norms, folds, clamped = table[:, 1::3], table[:, 2::3], table[:, 3::3]
    return Survey(np.concatenate(keys), np.concatenate(labels), table[:, 0], norms, folds, clamped, digests)


def survey_batch(batch: Batch, plan: Plan) -> torch.Tensor:
    """||x||, then per draw ||tau x - x||, whether the field folds, and its clamped share: `[B, 1 + 3 draws]`."""
    images = plan.placed(batch)
    base = plan.base(images)
    parts = [doubled(base.flatten(1)).norm(dim=1)]
    for draw in range(plan.settings.draws):
        field = plan.field(plan.keys(batch, draw))
        deformed = deform(images, field, plan.settings.interpolation)
        norm = doubled((deformed - base).flatten(1)).norm(dim=1)
        parts += [norm, doubled(field.folds()), doubled(field.clamped_fraction())]
    return torch.stack(parts, 1)


def joined(parts: Sequence[Survey]) -> Survey:
    """Of several processes. Raises ValueError if there are fewer than 2 images."""
    digests = {key: digest for part in parts for key, digest in part.digests.items()}
    names = ("keys", "labels", "sizes", "norms", "folds", "clamped")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    whole = Survey(**arrays, digests=digests)
    if len(whole.keys) < 2:
        raise ValueError(f"{len(whole.keys)} image(s) came; D_f and G_f compare images, so at least 2 are needed")
    return whole


def _check_images(batch: Batch, plan: Plan) -> None:
    """Once, in the first pass: the second one compares digests."""
    images, size = batch.images, plan.ensemble.size
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
