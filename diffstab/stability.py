"""measure(): how much a network's output changes when its images are deformed, relative to noise of the same size.

The first pass, over the deformed images alone, gives the noise radius; the second runs the network once on x and, per
draw, once on tau x and once on x + eta. Per image only squared distances and f(x) are kept.
"""

import time
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .batches import Batches, Images, as_batches
from .changes import Changes, Progress
from .ensemble import MaxEntropyEnsemble
from .memory import Note
from .modes import Network, batch_norm_used, place_and_precision
from .plan import LabelOutputs, Plan
from .precision import ieee_float32
from .processes import ALONE, Processes
from .provenance import git_commit, images_sha256, indices_sha256, network_sha256, versions, weights_sha256
from .results import ErrorRate, RawValues, StabilityResult
from .settings import DEFAULTS, MeasureSettings, chosen
from .statistics import Array, Statistic, binomial_interval, stability
from .statistics import average as averaged
from .streams import untouched_global_state
from .survey import Survey
from .two_passes import TwoPasses


def measure(
    model: Network,
    images: Images,
    ensemble: MaxEntropyEnsemble,
    *,
    labels: Tensor | None = None,
    label_outputs: LabelOutputs = range,
    indices: Tensor | None = None,
    draws: int = DEFAULTS.draws,
    average: str = DEFAULTS.average,
    noise_radius: str | None = DEFAULTS.noise_radius,
    interpolation: str = DEFAULTS.interpolation,
    seed: int = DEFAULTS.seed,
    batch_size: int = DEFAULTS.batch_size,
    batch_norm: str = DEFAULTS.batch_norm,
    resamples: int = DEFAULTS.resamples,
    amp: bool = DEFAULTS.amp,
    workers: int = 0,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    note: Note | None = None,
    processes: Processes = ALONE,
) -> StabilityResult:
    """Measures D_f, G_f and R_f (Eqs. 4, 5) of a network over images and an ensemble of deformations.

    The network is run in evaluation mode, in IEEE float32 or float64, without gradients; it comes back in the modes it
    was given in. The global random state is not touched.

    Args:
        model: Any callable from images `[B, C, H, W]` to outputs `[B, ...]`. Of several outputs the
            logits are measured, or the first tensor; the result says which.
        images: In the network's own input space: `[N, C, H, W]`, a `Dataset` of images or `(image, label)`, or a
            loader of such batches.
        ensemble: The deformations; its convention is that of the measurement.
        labels: Classes `[N]`, with a tensor of images.
        label_outputs: From the network's number of outputs to the output that stands for each label, or to None where
            labels can't be matched; by default label k is output k.
        indices: Which images of a tensor or `Dataset`, int64; also keys their random streams.
        draws: Deformations and noise vectors per image.
        average: `median` or `mean`, over images and draws.
        noise_radius: `ensemble` or `per-image`; None takes the convention's.
        interpolation: `bilinear` or `gaussian`; with `gaussian`, x stands for the smoothed image (App. C).
        seed: Of all random streams.
        batch_size: Images per forward pass, at most; halved where memory runs out.
        batch_norm: `running` statistics, or those of each `batch` (App. E.1, at initialisation).
        resamples: Bootstrap resamples behind the intervals.
        amp: Run the network under torch.autocast; a note tells what error that makes.
        workers: Loader processes, for a `Dataset`.
        device: Where images go; None takes the network's own. The network is not moved.
        progress: Called with (images run through the network, their total).
        note: Called with what the user should know; None makes it a warning.
        processes: Of `torchrun`, of which this is one: each takes a part of the images, and all return one result.

    Raises:
        TypeError: If the images are not floating point or the network returns no tensor.
        ValueError: If a setting is unknown; if there are fewer than 2 images, or of another size than the ensemble's;
            if images or outputs are not finite; if nothing moves (T = 0); if R_f is not defined (f is constant); if the
            network gives other outputs for the same images.

    >>> from diffstab import MaxEntropyEnsemble
    >>> images = torch.rand(50, 1, 16, 16)
    >>> measure(torch.nn.Flatten(), images, MaxEntropyEnsemble(16, delta=1.0)).images
    50
    """
    start = time.perf_counter()
    settings = MeasureSettings(
        draws=draws,
        average=average,
        noise_radius=chosen(noise_radius, ensemble.convention.noise_radius),
        interpolation=interpolation,
        seed=seed,
        batch_size=batch_size,
        batch_norm=batch_norm,
        resamples=resamples,
        amp=amp,
    )
    statistic = Statistic(average, ensemble.convention.median_rule, ensemble.convention.pairs)
    own_device, dtype = place_and_precision(model, images)
    plan = Plan(ensemble, settings, statistic, torch.device(device or own_device or "cpu"), dtype, label_outputs)
    _check(model, plan, own_device)

    def batches(size: int) -> Batches:
        share = (processes.rank, processes.count)
        whole = batch_norm_used(model, batch_norm) == "batch"
        return as_batches(
            images, labels=labels, indices=indices, batch_size=size, workers=workers, share=share, whole=whole
        )

    run = TwoPasses(model, batches, plan, processes, note or _warn, progress)
    with untouched_global_state(plan.device), ieee_float32(plan.device), torch.no_grad():
        survey, radii, changes = run.passes()
    return _result(model, images, run.plan, survey, radii, changes, start)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)


def _check(model: Network, plan: Plan, own: torch.device | None) -> None:
    ensemble, device = plan.ensemble, plan.device
    if isinstance(ensemble.temperature, Tensor):
        raise ValueError("the ensemble has one temperature per image; measuring needs one for all")
    if ensemble.temperature == 0:
        raise ValueError("temperature is 0, so nothing moves and R_f is 0 / 0; give a temperature or delta above 0")
    rounding = 4 * torch.finfo(plan.dtype).eps * max(ensemble.size)
    if 0 < ensemble.delta <= rounding:
        raise ValueError(
            f"delta is {ensemble.delta:.2g} pixels, within the rounding of {plan.dtype} positions ({rounding:.1g}); "
            "give a larger one, or a network in float64"
        )
    if not callable(model):
        raise TypeError(f"model is a {type(model).__name__}; a callable from [B, C, H, W] to [B, ...] is needed")
    if own is not None and (device.type != own.type or device.index not in (None, own.index)):
        raise ValueError(f"device is {device} but the network is on {own}; move it first (network.to({str(device)!r}))")
    if plan.settings.amp and plan.dtype == torch.float64:
        raise ValueError("amp is on and the network is in float64; take one of the two")


def _result(
    model: Network, images: Images, plan: Plan, survey: Survey, radii: Array, changes: Changes, start: float
) -> StabilityResult:
    settings = plan.settings
    order = survey.keys.argsort()  # intervals resample images in the order of their index, however they came
    raw = _raw(survey, changes, order)
    estimates = stability(
        *raw.changes(plan.statistic), raw.outputs, plan.statistic, resamples=settings.resamples, seed=settings.seed
    )
    count = len(order)
    error = None if changes.wrong is None else ErrorRate(*binomial_interval(changes.wrong, count), count)
    return StabilityResult(
        **_named(model, images),
        **_chosen(plan),
        D=estimates["D"],
        G=estimates["G"],
        R=estimates["R"],
        weights_sha256=weights_sha256(model),
        network_sha256=network_sha256(model),
        data_sha256=images_sha256(survey.digests, dict(zip(survey.keys.tolist(), survey.labels.tolist(), strict=True))),
        indices_sha256=indices_sha256(survey.keys),
        images=count,
        test_error=error,
        output=changes.output,
        noise_radius=float(averaged(radii.reshape(-1, 1), Statistic(settings.average))),
        fold_fraction=float(survey.folds.mean()),
        clamped_fraction=float(survey.clamped.mean()),
        batch_norm=batch_norm_used(model, settings.batch_norm),
        versions=versions(),
        git_commit=git_commit(),
        seconds=time.perf_counter() - start,
        raw=raw,
    )


def _raw(survey: Survey, changes: Changes, order: NDArray[np.int64]) -> RawValues:
    outputs, deformation, noise = (v[order] for v in (changes.outputs, changes.deformation, changes.noise))
    kept = (deformation, noise) if deformation.shape[-1] == outputs.shape[1] else (None, None)
    return RawValues(survey.keys[order], deformation.sum(-1), noise.sum(-1), outputs, survey.norms[order], *kept)


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
    settings, ensemble = plan.settings, plan.ensemble
    return {
        "draws": settings.draws,
        "cutoff": ensemble.cutoff,
        "cutoff_rule": ensemble.cutoff_rule,
        "temperature": float(ensemble.temperature),
        "delta": float(ensemble.delta),
        "delta_rule": ensemble.delta_rule,
        "interpolation": settings.interpolation,
        "average": settings.average,
        "noise_radius_rule": str(settings.noise_radius),
        "radius_average": settings.average,
        "median_rule": plan.statistic.median_rule,
        "pairs": plan.statistic.pairs,
        "convention": ensemble.convention.name,
        "batch_size": settings.batch_size,
        "resamples": settings.resamples,
        "precision": plan.precision,
        "device": str(plan.device),
        "seed": settings.seed,
    }
