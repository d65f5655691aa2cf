"""Makes the result from the two passes: numbers with intervals, every setting, hashes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..options import GIVEN, MeasureSettings, Role, names_with
from ..perturbations import GivenPairs
from ..provenance import (
    git_commit,
    image_digests,
    images_sha256,
    indices_sha256,
    network_sha256,
    versions,
    weights_sha256,
)
from ..results import ErrorRate, RawValues, StabilityResult
from ..statistics import Array, Statistic, binomial_interval, classes_by_neighbours, largest_ratio
from ..statistics import average as averaged
from ..streams import StreamKeys
from .batches import Images, images_left
from .first_pass import FirstPass
from .layers.profile import layer_profile
from .memory import Note
from .modules import plain
from .network_state import Network, batch_norm_used
from .notes import are_of_few_classes, classes_of
from .passes import Passes
from .raised_noise import OUTPUT, noise_exponent
from .second_pass import SecondPass
from .setup import Setup

LabelOutputs = Callable[[int], Sequence[int] | None]


def assemble(
    model: Network, images: Images, found: Passes, label_outputs: LabelOutputs, start: float, note: Note
) -> StabilityResult:
    """Makes the result of a measurement that began at `start`; `note` gets warnings about its layers."""
    setup, first, radii, second = found
    model = plain(model)
    settings = setup.settings
    order = first.keys.argsort()  # intervals resample images in the order of their index
    exponents = {name: noise_exponent(second.raised, name, settings.average) for name in second.raised}
    raw = _raw(first, second, order, exponents.get(OUTPUT))
    chosen = {"resamples": settings.resamples, "seed": settings.seed}
    numbers = raw.numbers(setup.statistic, radius_average=settings.average, **chosen)
    layers, values = layer_profile(model, second.layers, raw, exponents, numbers, setup, note)
    return StabilityResult(
        **_named(model, images),
        settings=_used(setup, model),
        **numbers,
        **_rates(raw, _count_wrong(raw, first, second, label_outputs, settings.neighbours), setup),
        weights_sha256=weights_sha256(model),
        network_sha256=network_sha256(model),
        parameters=sum(one.numel() for one in model.parameters()) if isinstance(model, nn.Module) else None,
        data_sha256=images_sha256(first.digests, dict(zip(first.keys.tolist(), first.labels.tolist(), strict=True))),
        indices_sha256=indices_sha256(first.keys),
        **_what_ran(raw, second, setup, images),
        changed_sha256=_changed_sha256(setup, first),
        noise_exponent=exponents.get(OUTPUT),
        few_classes=are_of_few_classes(first.labels, classes_of(images)),
        noise_radius=float(averaged(radii.reshape(-1, 1), Statistic(settings.average))),
        **_of_fields(first, second),
        radius_average=settings.average,
        median_rule=setup.statistic.median_rule,
        pairs=setup.statistic.pairs,
        device=str(setup.device),
        batch_order=_order(images) if setup.whole(model) else None,
        versions={**versions(), "kernel": setup.kernel},
        git_commit=git_commit(),
        seconds=time.perf_counter() - start,
        layers=layers,
        raw=replace(raw, layers=values),
    )


def _what_ran(raw: RawValues, second: SecondPass, setup: Setup, images: Images) -> dict[str, Any]:
    """Fields about the images that were measured, and about what the inspection saw of the network."""
    found, count = second.inspected, len(raw.indices)
    return {
        "images": count,
        "copies": 0 if raw.copies is None else count - 1 - int(raw.copies.max()),
        "images_left": images_left(images, count),
        "output": second.output,
        "precision": setup.precision if found.lowered is None or setup.settings.amp else f"mixed-{found.lowered}",
        "mixes_images": setup.mixes,
        "input_seen": found.seen,
    }


def _order(images: Images) -> str:
    """The order of images, for networks whose batch is part of f."""
    return "seeded" if isinstance(images, (Tensor, Dataset)) else "given"


def _copies(first: FirstPass, order: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Numbers images so that copies share a number, `[N]` in the given order; None if all images differ."""
    numbers: dict[bytes, int] = {}
    found = [numbers.setdefault(first.digests[key], len(numbers)) for key in first.keys[order].tolist()]
    return np.array(found) if len(numbers) < len(found) else None


def _changed_sha256(setup: Setup, first: FirstPass) -> str | None:
    """Hash of the changed images that were given; None for other transformations."""
    pairs = setup.transformation
    if not isinstance(pairs, GivenPairs):
        return None
    digests: dict[int, bytes] = {}
    for part in torch.from_numpy(np.sort(first.keys)).split(setup.settings.batch_size):
        digests |= image_digests(part, pairs.sample(StreamKeys(0, part), dtype=setup.dtype, device="cpu"))
    return images_sha256(digests, dict.fromkeys(digests, 0))


def _of_fields(first: FirstPass, second: SecondPass) -> dict[str, Any]:
    """Fields about folds and steepness: of the random transformations, or of the worst ones if those were searched."""
    if second.fields is None:
        return {"fold_fraction": _mean(first.folds), "clamped_fraction": _mean(first.clamped)}
    folds, clamped, _, xi = np.moveaxis(second.fields, -1, 0)
    return {"fold_fraction": _mean(folds), "clamped_fraction": _mean(clamped), "xi": float(np.median(xi))}


def _mean(values: Array) -> float | None:
    """The mean; None if the values are NaN, since the transformation doesn't know them."""
    return None if np.isnan(values).any() else float(values.mean())


def _raw(first: FirstPass, second: SecondPass, order: NDArray[np.int64], exponent: float | None) -> RawValues:
    own = second.keys.argsort()
    outputs, deformation, noise = (v[own] for v in (second.outputs, second.deformation, second.noise))
    by_output = deformation.shape[-1] == outputs.shape[1]
    flips, moved, floor = (None if v is None else v[own] for v in (second.flips, second.moved, second.floor))
    return RawValues(
        indices=first.keys[order],
        deformation=deformation.sum(-1),
        noise=noise.sum(-1),
        outputs=outputs,
        displacement_norm=first.norms[order],
        deformation_by_output=deformation if by_output else None,
        noise_by_output=noise if by_output else None,
        flips_deformation=None if flips is None else flips[:, 0::2],
        flips_noise=None if flips is None else flips[:, 1::2],
        image_norm=first.sizes[order],
        gradient_norm=first.gradients[order] if second.fields is None else second.fields[own][..., 2],
        noise_exponent=None if exponent is None else np.array(exponent),
        copies=_copies(first, order),
        moved=None if moved is None else moved.sum(-1),
        moved_by_output=moved if by_output else None,
        floor=floor,
    )


def _rates(raw: RawValues, wrong: int | None, setup: Setup) -> dict[str, Any]:
    """The fields of test error, label flips and Lipschitz ratio."""
    count = len(raw.indices)

    def share(hits: float | None) -> ErrorRate | None:
        return None if hits is None else ErrorRate(*binomial_interval(hits, count), count)

    flips = {f"flips_{by}": getattr(raw, f"flips_{by}") for by in ("deformation", "noise")}
    assert raw.gradient_norm is not None
    assert raw.image_norm is not None
    moved, room = np.sqrt(raw.deformation), raw.gradient_norm * raw.image_norm[:, None]
    return {
        "test_error": share(wrong),
        **{name: share(None if by is None else float(by.mean(1).sum())) for name, by in flips.items()},
        "lipschitz": largest_ratio(moved, room, resamples=setup.settings.resamples, seed=setup.settings.seed),
    }


def _count_wrong(
    raw: RawValues, first: FirstPass, second: SecondPass, label_outputs: LabelOutputs, neighbours: int | None
) -> int | None:
    """Counts wrongly classified images; None without classes, or if labels and outputs can't be matched."""
    if first.labels.min() < 0:
        return None
    labels = first.labels[first.keys.argsort()]
    if neighbours is not None:
        return int((classes_by_neighbours(raw.outputs, labels, neighbours, raw.copies) != labels).sum())
    if second.classes is None:
        return None
    places = label_outputs(second.outputs.shape[1])
    if places is None:
        return None
    largest = int(first.labels.max())
    if largest >= len(places):
        raise ValueError(f"an image has label {largest} but the network has {len(places)} outputs for labels")
    return int((second.classes[second.keys.argsort()] != np.asarray(places)[labels]).sum())


def _named(model: Network, images: Images) -> dict[str, Any]:
    """Names from the model and images themselves; the command line replaces them by its own."""
    name, split, preprocessing = (getattr(images, about, None) for about in ("name", "split", "preprocessing"))
    return {
        "model": type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", "callable"),
        "model_source": "python",
        "weights": "own",
        "dataset": name if isinstance(name, str) else type(images).__name__,
        "split": split if isinstance(split, str) else None,
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
    }


def _used(setup: Setup, model: Network) -> MeasureSettings:
    """The settings as they were used."""
    settings, transformation = setup.settings, setup.transformation
    ensemble = {name: getattr(transformation, name, None) for name in names_with(MeasureSettings, Role.DEFORMS)}
    return settings.used(
        transform=transformation.name,
        delta=transformation.delta,
        **ensemble,
        noise_radius=settings.noise_radius if settings.noise_norm is None else GIVEN,
        batch_norm=batch_norm_used(model, setup.batch_norm),
    )
