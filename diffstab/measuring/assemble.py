"""From what the passes found to the result: numbers with intervals, every knob, hashes."""

import time
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..options.choices import GIVEN
from ..options.measure import MeasureSettings
from ..provenance import git_commit, images_sha256, indices_sha256, network_sha256, versions, weights_sha256
from ..results.raw_values import RawValues
from ..results.result import ErrorRate, StabilityResult
from ..statistics.averages import Statistic
from ..statistics.averages import average as averaged
from ..statistics.estimates import largest_ratio, stability
from ..statistics.intervals import Array, binomial_interval
from ..statistics.pairs import OutputPairs
from .batches import Images
from .first_pass import Survey
from .layers.profile import layer_profile
from .memory import Note
from .network_state import Network, batch_norm_used
from .second_pass import Changes
from .setup import Plan


class Found(NamedTuple):
    """What the passes found; ||eta|| is `[N, draws]`."""

    survey: Survey
    radii: Array
    changes: Changes


def outcome(model: Network, images: Images, plan: Plan, found: Found, start: float, note: Note) -> StabilityResult:
    """The result of a measurement that began at `start`; `note` is told what the user should know of its layers."""
    settings, (survey, radii, changes) = plan.settings, found
    order = survey.keys.argsort()  # intervals resample images in the order of their index, however they came
    raw = _raw(survey, changes, order)
    pairs = OutputPairs(raw.outputs)
    estimates = stability(
        *raw.changes(plan.statistic), pairs, plan.statistic, resamples=settings.resamples, seed=settings.seed
    )
    layers, values = layer_profile(changes.layers, raw, estimates, plan, note)
    count = len(order)
    return StabilityResult(
        **_named(model, images),
        **_chosen(plan),
        D=estimates["D"],
        G=estimates["G"],
        R=estimates["R"],
        **_rates(raw, changes.wrong, plan),
        weights_sha256=weights_sha256(model),
        network_sha256=network_sha256(model),
        data_sha256=images_sha256(survey.digests, dict(zip(survey.keys.tolist(), survey.labels.tolist(), strict=True))),
        indices_sha256=indices_sha256(survey.keys),
        images=count,
        output=changes.output,
        noise_radius=float(averaged(radii.reshape(-1, 1), Statistic(settings.average))),
        fold_fraction=_mean(survey.folds),
        clamped_fraction=_mean(survey.clamped),
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


def _raw(survey: Survey, changes: Changes, order: NDArray[np.int64]) -> RawValues:
    outputs, deformation, noise = (v[order] for v in (changes.outputs, changes.deformation, changes.noise))
    by_output = deformation.shape[-1] == outputs.shape[1]
    flips = None if changes.flips is None else changes.flips[order]
    return RawValues(
        indices=survey.keys[order],
        deformation=deformation.sum(-1),
        noise=noise.sum(-1),
        outputs=outputs,
        displacement_norm=survey.norms[order],
        deformation_by_output=deformation if by_output else None,
        noise_by_output=noise if by_output else None,
        flips_deformation=None if flips is None else flips[:, 0::2],
        flips_noise=None if flips is None else flips[:, 1::2],
        image_norm=survey.sizes[order],
        gradient_norm=survey.gradients[order],
    )


def _rates(raw: RawValues, wrong: int | None, plan: Plan) -> dict[str, Any]:
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
        "lipschitz": largest_ratio(moved, room, resamples=plan.settings.resamples, seed=plan.settings.seed),
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


def _chosen(plan: Plan) -> dict[str, Any]:
    """Every knob."""
    settings, transformation = plan.settings, plan.transformation
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
        "median_rule": plan.statistic.median_rule,
        "pairs": plan.statistic.pairs,
        "convention": plan.convention.name,
        "batch_size": settings.batch_size,
        "resamples": settings.resamples,
        "precision": plan.precision,
        "device": str(plan.device),
        "seed": settings.seed,
        "layers_asked": settings.layers,
    }
