"""From what the passes found to the result: numbers with intervals, every knob, hashes."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..options import GIVEN, MeasureSettings
from ..provenance import git_commit, images_sha256, indices_sha256, network_sha256, versions, weights_sha256
from ..results import ErrorRate, RawValues, StabilityResult
from ..statistics import Array, OutputPairs, Statistic, binomial_interval, largest_ratio, stability
from ..statistics import average as averaged
from .batches import Images
from .first_pass import FirstPass
from .layers.profile import layer_profile
from .memory import Note
from .network_state import Network, batch_norm_used
from .passes import Passes
from .second_pass import SecondPass
from .setup import Setup


def assemble(model: Network, images: Images, found: Passes, start: float, note: Note) -> StabilityResult:
    """The result of a measurement that began at `start`; `note` is told what the user should know of its layers."""
    setup, first, radii, second = found
    settings = setup.settings
    order = first.keys.argsort()  # intervals resample images in the order of their index, however they came
    raw = _raw(first, second, order)
    pairs = OutputPairs(raw.outputs)
    estimates = stability(
        *raw.changes(setup.statistic), pairs, setup.statistic, resamples=settings.resamples, seed=settings.seed
    )
    layers, values = layer_profile(second.layers, raw, estimates, setup, note)
    count = len(order)
    return StabilityResult(
        **_named(model, images),
        **_chosen(setup),
        D=estimates["D"],
        G=estimates["G"],
        R=estimates["R"],
        **_rates(raw, second.wrong, setup),
        weights_sha256=weights_sha256(model),
        network_sha256=network_sha256(model),
        data_sha256=images_sha256(first.digests, dict(zip(first.keys.tolist(), first.labels.tolist(), strict=True))),
        indices_sha256=indices_sha256(first.keys),
        images=count,
        output=second.output,
        noise_radius=float(averaged(radii.reshape(-1, 1), Statistic(settings.average))),
        fold_fraction=_mean(first.folds),
        clamped_fraction=_mean(first.clamped),
        batch_norm=batch_norm_used(model, settings.batch_norm),
        batch_order=_order(model, images, settings),
        versions=versions(),
        git_commit=git_commit(),
        seconds=time.perf_counter() - start,
        layers=layers,
        raw=replace(raw, layers=values),
    )


def _order(model: Network, images: Images, settings: MeasureSettings) -> str | None:
    """Of images in batches that batch norm works on."""
    if batch_norm_used(model, settings.batch_norm) != "batch":
        return None
    return "seeded" if isinstance(images, (Tensor, Dataset)) else "given"


def _mean(values: Array) -> float | None:
    """None where the transformation does not tell."""
    return None if np.isnan(values).any() else float(values.mean())


def _raw(first: FirstPass, second: SecondPass, order: NDArray[np.int64]) -> RawValues:
    outputs, deformation, noise = (v[order] for v in (second.outputs, second.deformation, second.noise))
    by_output = deformation.shape[-1] == outputs.shape[1]
    flips = None if second.flips is None else second.flips[order]
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
        gradient_norm=first.gradients[order],
    )


def _rates(raw: RawValues, wrong: int | None, setup: Setup) -> dict[str, Any]:
    """Test error, label flips and the Lipschitz ratio."""
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


def _named(model: Network, images: Images) -> dict[str, Any]:
    """What model and images call themselves; the command line puts its own names in their place."""
    name, split, preprocessing = (getattr(images, about, None) for about in ("name", "split", "preprocessing"))
    return {
        "model": type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", "callable"),
        "model_source": "python",
        "weights": "own",
        "dataset": name if isinstance(name, str) else type(images).__name__,
        "split": split if isinstance(split, str) else None,
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
    }


def _chosen(setup: Setup) -> dict[str, Any]:
    """Every knob."""
    settings, transformation = setup.settings, setup.transformation
    ensemble = ("cutoff", "cutoff_rule", "temperature", "delta_rule")
    return {
        "transform": transformation.name,
        "delta": transformation.delta,
        **{name: getattr(transformation, name, None) for name in ensemble},
        "draws": settings.draws,
        "interpolation": settings.interpolation,
        "average": settings.average,
        "noise_radius_rule": str(settings.noise_radius) if settings.noise_norm is None else GIVEN,
        "noise_norm": settings.noise_norm,
        "radius_average": settings.average,
        "median_rule": setup.statistic.median_rule,
        "pairs": setup.statistic.pairs,
        "convention": setup.convention.name,
        "batch_size": settings.batch_size,
        "resamples": settings.resamples,
        "precision": setup.precision,
        "device": str(setup.device),
        "seed": settings.seed,
        "layers_asked": settings.layers,
    }
