"""The two passes of a measurement: over the deformed images alone, then through the network.

Fields and noise are pure functions of (seed, image, draw), so both passes see the same ones. Squared distances are
summed in float64; each batch makes one device-to-host copy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .batches import Batch, Batches
from .deformation import deform, identity_field
from .ensemble import MaxEntropyEnsemble
from .field import DisplacementField
from .modes import Network
from .precision import doubled
from .provenance import image_digests
from .settings import KEEP_OUTPUTS_UP_TO, MeasureSettings
from .statistics import Array, Statistic
from .streams import StreamKeys, sphere_noise

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """Everything that both passes need."""

    ensemble: MaxEntropyEnsemble
    settings: MeasureSettings
    statistic: Statistic
    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class Survey:
    """What the first pass found: arrays by image, in the order of the pass.

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


@dataclass(frozen=True)
class Changes:
    """What the second pass found: f(x), the changes of f, and how many images were classified wrongly."""

    outputs: Array
    deformation: Array
    noise: Array
    wrong: int | None


def survey_images(batches: Batches, plan: Plan) -> Survey:
    """The pass over the deformed images alone."""
    keys, labels, rows = [], [], []
    digests: dict[int, bytes] = {}
    for batch in batches():
        _check_images(batch, plan)
        images = _placed(batch, plan)
        digests.update(image_digests(batch.keys, batch.images))
        base = _base(images, plan)
        parts = [doubled(base.flatten(1)).norm(dim=1)]
        for draw in range(plan.settings.draws):
            field = _field(_keys(batch, plan, draw), plan)
            deformed = deform(images, field, plan.settings.interpolation)
            norm = doubled((deformed - base).flatten(1)).norm(dim=1)
            parts += [norm, doubled(field.folds()), doubled(field.clamped_fraction())]
        rows.append(torch.stack(parts, 1).cpu().numpy())
        keys.append(batch.keys.numpy())
        labels.append(batch.labels.numpy())
    count = sum(len(key) for key in keys)
    if count < 2:
        raise ValueError(f"{count} image(s) came; D_f and G_f compare images, so at least 2 are needed")
    table = np.concatenate(rows)
    norms, folds, clamped = table[:, 1::3], table[:, 2::3], table[:, 3::3]
    return Survey(np.concatenate(keys), np.concatenate(labels), table[:, 0], norms, folds, clamped, digests)


def _placed(batch: Batch, plan: Plan) -> Tensor:
    """The batch's images on the device in the network's precision."""
    return batch.images.to(plan.device, plan.dtype)


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


def _base(images: Tensor, plan: Plan) -> Tensor:
    """What x means: the image, smoothed by the interpolation where nothing moves (App. C)."""
    if plan.settings.interpolation == "bilinear":
        return images
    still = identity_field(plan.ensemble.size, dtype=plan.dtype, device=plan.device)
    return deform(images, still, plan.settings.interpolation)


def _keys(batch: Batch, plan: Plan, draw: int) -> StreamKeys:
    return StreamKeys(plan.settings.seed, batch.keys, draw)


def _field(keys: StreamKeys, plan: Plan) -> DisplacementField:
    return plan.ensemble.sample(keys, dtype=plan.dtype, device=plan.device)


def run_network(
    model: Network, batches: Batches, plan: Plan, survey: Survey, radii: Array, progress: Progress | None
) -> Changes:
    """The pass through the network.

    Args:
        model: In the mode it is measured in.
        batches: The same as the survey's.
        plan: Of the measurement.
        survey: What the first pass found.
        radii: ||eta|| for each image and draw, `[N, draws]`.
        progress: Called with (images run through the network, their total).
    """
    runs, count, done = 1 + 2 * plan.settings.draws, len(survey.keys), 0
    found = []
    for batch in batches():
        if any(survey.digests.get(key) != one for key, one in image_digests(batch.keys, batch.images).items()):
            raise ValueError("the loader gave other images on its second pass; switch off shuffling and augmentation")
        stop = done + len(batch.keys)
        found.append(_batch_changes(model, batch, plan, torch.from_numpy(radii[done:stop])))
        done = stop
        if progress is not None:
            progress(done * runs, count * runs)
    if done != count:
        raise ValueError(f"the loader gave {count} images on its first pass and {done} on its second")
    *arrays, wrong = zip(*found, strict=True)
    outputs, deformation, noise = (np.concatenate(parts) for parts in arrays)
    return Changes(outputs, deformation, noise, None if None in wrong else sum(wrong))


def _batch_changes(model: Network, batch: Batch, plan: Plan, radii: Tensor) -> tuple[Array, Array, Array, int | None]:
    """f(x) `[B, outputs]`, its squared changes by deformations and noise, `[B, draws, K]` each, and wrong classes."""
    images = _placed(batch, plan)
    base = _base(images, plan)
    output = _output(model, base)
    reference = _flat(output)
    stages, parts = ["f(x)"], [reference]
    for draw in range(plan.settings.draws):
        keys = _keys(batch, plan, draw)
        deformed = deform(images, _field(keys, plan), plan.settings.interpolation)
        eta = sphere_noise(keys, tuple(images.shape[1:]), plan.device).to(plan.dtype)
        noisy = base + radii[:, draw].to(plan.device, plan.dtype).view(-1, 1, 1, 1) * eta
        for stage, changed in (("f(tau x)", deformed), ("f(x + eta)", noisy)):
            squares = (_flat(_output(model, changed)) - reference).square()
            by_output = plan.statistic.per_coordinate or squares.shape[1] <= KEEP_OUTPUTS_UP_TO
            parts.append(squares if by_output else squares.sum(1, keepdim=True))
            stages.append(f"{stage}, draw {draw}")
    columns = torch.cat(parts, dim=1).cpu().numpy()
    split = np.split(columns, np.cumsum([part.shape[1] for part in parts])[:-1], axis=1)
    for stage, values in zip(stages, split, strict=True):
        bad = ~np.isfinite(values).all(1)
        if bad.any():
            raise ValueError(f"the network's output for image {int(batch.keys[bad][0])} is not finite, at {stage}")
    wrong = _count_wrong(model, batch, plan, split[0]) if output.ndim == 2 else None
    return split[0], np.stack(split[1::2], axis=1), np.stack(split[2::2], axis=1), wrong


def _output(model: Network, images: Tensor) -> Tensor:
    """The network's output `[B, ...]`, checked but for its values."""
    output = model(images.clone())  # a network may change its input in place
    if not isinstance(output, Tensor):
        raise TypeError(f"the network returned a {type(output).__name__}; wrap it to return one tensor [B, ...]")
    if output.ndim < 1 or len(output) != len(images) or not output.numel() or not output.is_floating_point():
        came = f"{output.dtype} {tuple(output.shape)}"
        raise ValueError(f"the network returned {came} for {len(images)} images; floats [B, ...] are needed")
    return output


def _flat(output: Tensor) -> Tensor:
    """In float64, `[B, outputs]`: a copy, since a network may use its output's memory again."""
    return doubled(output.reshape(len(output), -1))


def _count_wrong(model: Network, batch: Batch, plan: Plan, outputs: Array) -> int | None:
    """How many images are classified wrongly: by f(x), of the image itself even where x is smoothed.

    None without labels or with fewer than two classes.
    """
    if outputs.shape[1] < 2 or int(batch.labels.min()) < 0:
        return None
    largest = int(batch.labels.max())
    if largest >= outputs.shape[1]:
        raise ValueError(f"an image has label {largest} but the network has {outputs.shape[1]} outputs")
    if plan.settings.interpolation != "bilinear":
        outputs = _flat(_output(model, _placed(batch, plan))).cpu().numpy()
    return int((outputs.argmax(1) != batch.labels.numpy()).sum())
