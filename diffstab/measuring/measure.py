"""measure(): the change of a network's output when its images are deformed, relative to noise of the same size.

The first pass, over the deformed images alone, gives the noise norm. The second pass runs the network f on each image x
and, per draw, on the deformed image tau x and on x plus noise eta. Only squared distances and f(x) are kept per image.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from ..checks import a_text, positive_integer
from ..options import (
    DEFAULT_CONVENTION,
    DEFAULTS,
    DIFFEO,
    Convention,
    MeasureSettings,
    chosen,
    convention_named,
    layer_text,
)
from ..perturbations import Transformation, perturbation
from ..precision import ieee_float32
from ..processes import ALONE, Processes, taking_turns
from ..results import StabilityResult
from ..statistics import Statistic
from ..streams import choose, untouched_global_state
from .assemble import LabelOutputs, assemble
from .batches import Batches, Images, as_batches
from .given_images import as_images, image_size
from .layers.names import layers_meant
from .memory import Note
from .modules import network_in, plain
from .network_state import Network, batch_norms, place_and_precision
from .notes import progress_bar, tell
from .passes import two_passes
from .second_pass import Progress
from .setup import Setup


@taking_turns()
def measure(
    model: Network,
    images: Images,
    transformation: Transformation | str | None = None,
    *,
    delta: float | None = None,
    cutoff: float | None = None,
    temperature: float | None = None,
    labels: Tensor | None = None,
    label_outputs: LabelOutputs = range,
    indices: Tensor | None = None,
    count: int | None = None,
    draws: int = DEFAULTS.draws,
    average: str = DEFAULTS.average,
    noise_radius: str | None = DEFAULTS.noise_radius,
    noise_norm: float | None = DEFAULTS.noise_norm,
    convention: str | None = None,
    interpolation: str = DEFAULTS.interpolation,
    seed: int = DEFAULTS.seed,
    batch_size: int = DEFAULTS.batch_size,
    batch_norm: str = DEFAULTS.batch_norm,
    resamples: int = DEFAULTS.resamples,
    amp: bool = DEFAULTS.amp,
    layers: str | Sequence[str] | None = None,
    workers: int = 0,
    device: torch.device | str | None = None,
    name: str | None = None,
    progress: Progress | bool = False,
    note: Note | None = None,
    processes: Processes = ALONE,
) -> StabilityResult:
    """Measures D_f, G_f and R_f (Eqs. 4, 5) of a network over images and an ensemble of deformations.

    R_f is the squared change of the output under a random smooth deformation tau of the image, divided by the change
    under noise eta of the same size; lower is more stable. D_f and G_f are these two changes relative to the squared
    distance between the outputs for two images, and R_f = D_f / G_f.

    The network runs in evaluation mode, in IEEE float32 or float64, without gradients; its train/eval modes are
    restored afterwards. The global random state is not touched.

    Several threads may measure: the measurements of one process take turns, so the numbers are those of one thread.
    Meanwhile, don't use the networks or the global random generators, which are restored afterwards, and let nothing
    that `measure` calls wait for another thread that measures. To use several cores or GPUs at once, use processes: a
    sweep, or `torchrun`.

    A few images are run again to check whether the numbers can be trusted. `note` then warns of images that are copies
    or come from few classes, of input that the network ignores, of precision that it lowers by itself, and of outputs
    that depend on the other images of a batch; in the last case, batches are kept whole.

    Args:
        model: A network, or any callable from images `[B, C, H, W]` to outputs `[B, ...]`; the modules that it calls
            are found and treated alike. If it returns several outputs, the logits or else the first tensor are
            measured; the result says which.
        images: Images in the network's own input space (normalised): `[N, C, H, W]` (a tensor or NumPy array), a
            `Dataset` of images or `(image, label)`, or a loader of such batches. An item or batch may be a dict with
            `pixel_values` or `image`, and `label` or `labels`.
        transformation: A `MaxEntropyEnsemble` of deformations, another one of `perturbations` or its name, such as
            `rotation`, or your own. None makes an ensemble from `delta`, `cutoff` and `temperature`, for the size of
            the images.
        delta: Root-mean-square displacement in pixels; 1 if neither it nor `temperature` is given.
        cutoff: Cutoff c, the largest frequency of the deformations in half-waves per side; None takes 3.
        temperature: Temperature T of the deformations (the variance of their coefficients, dimensionless); replaces
            `delta`.
        labels: Class of each image, `[N]`; only with a tensor of images.
        label_outputs: Function from the network's number of outputs to the output for each label, or to None if
            labels can't be matched. By default, label k is output k.
        indices: Indices of the images to use from a tensor or `Dataset`, int64; they also key the random streams.
        count: Number of images to use from a tensor or `Dataset`, chosen by the seed as with `diffstab measure
            --images`; all of them if there are fewer.
        draws: Number of draws per image: each draw is one deformation and one noise vector.
        average: Average over images and draws, `median` or `mean`.
        noise_radius: Rule for ||eta||: `ensemble` (the average of ||tau x - x||, one norm for all images) or
            `per-image` (each image's own); None takes the convention's.
        noise_norm: Norm ||eta|| as a number in units of the network's input; replaces the rule.
        convention: Definitions that the settings leave open, `paper` (the paper's text) or `reference` (its published
            code); None takes the ensemble's own, otherwise `paper`.
        interpolation: Interpolation between pixels, `bilinear` or `gaussian`; with `gaussian`, x stands for the
            smoothed image (App. C).
        seed: Seed of all random streams.
        batch_size: Largest number of images per forward pass; it is halved when memory runs out.
        batch_norm: Statistics of batch normalisation: `running`, or those of each `batch` (App. E.1, at
            initialisation).
        resamples: Number of bootstrap resamples behind the 95 % intervals.
        amp: True runs the network under torch.autocast; a note says how large the error is.
        layers: Layers to measure besides the output: `auto` (timm's feature points, otherwise the top-level blocks),
            `all`, or names of modules with wildcards. An image then runs in one batch with its changes, so that only
            squared distances of a layer's output are kept; the seed sets the order of images.
        workers: Number of loader processes, for a `Dataset`.
        device: Device of the images; None takes the network's own. The network is not moved.
        name: Name of the network in the result; None takes its class.
        progress: True shows a bar, in a terminal and in a notebook; a function is called with (forward passes done,
            their total).
        note: Function that is called with each warning as text; None makes it a Python warning.
        processes: Processes of `torchrun`: each measures a part of the images, and all return the same result.

    Raises:
        TypeError: If the images are not floating point or the network returns no tensor.
        ValueError: If a setting is unknown, or no layer has that name; if there are fewer than 2 images, or their size
            is not the ensemble's; if images or outputs are not finite; if nothing moves (T = 0); if R_f is not defined
            (f is constant); if the network gives different outputs for the same images, stays in training mode, or runs
            modules that are hidden.

    >>> images = torch.rand(50, 1, 16, 16)
    >>> measure(torch.nn.Flatten(), images, delta=1.0, cutoff=3).images
    50
    """
    start, model, images = time.perf_counter(), network_in(model), as_images(images)
    name = None if name is None else a_text("name", name)
    ensemble = {"delta": delta, "cutoff": cutoff, "temperature": temperature}
    transformation = _perturbation(transformation, images, convention, ensemble)
    rules = _convention(transformation, convention)
    settings = MeasureSettings(
        draws=draws,
        average=average,
        noise_radius=chosen(noise_radius, rules.noise_radius),
        noise_norm=noise_norm,
        interpolation=interpolation,
        seed=seed,
        batch_size=batch_size,
        batch_norm=batch_norm,
        resamples=resamples,
        amp=amp,
        layers=None if layers is None else layer_text("layers", layers),
    )
    statistic = Statistic(average, rules.median_rule, rules.pairs)
    indices = indices if count is None else _chosen(count, images, indices, seed)
    own_device, dtype = place_and_precision(model, images)
    place = torch.device(device or own_device or "cpu")
    meant = None
    if settings.layers is not None:
        model = plain(model)
        meant = layers_meant(model, settings.layers)
    setup = Setup(transformation, settings, rules, statistic, place, dtype, meant)
    _check(model, setup, own_device)
    batches = _batches_of(images, setup, processes, labels=labels, indices=indices, workers=workers)
    with (
        progress_bar(progress) as told,
        untouched_global_state(setup.device),
        ieee_float32(setup.device),
        torch.no_grad(),
    ):
        found = two_passes(model, batches, setup, processes, note or _warn, told)
    result = assemble(model, images, found, label_outputs, start, note or _warn)
    if processes.first:
        tell(found, result, images, note or _warn)
    return result if name is None else replace(result, model=name)


def _perturbation(
    given: Transformation | str | None, images: Images, convention: str | None, ensemble: dict[str, float | None]
) -> Transformation:
    """Returns the given transformation, or makes the named one for the size of the images."""
    if given is None or isinstance(given, str):
        named = {"convention": chosen(convention, DEFAULT_CONVENTION), **ensemble}
        return perturbation(given or DIFFEO, image_size(images), **named)  # type: ignore[arg-type]
    for option, value in ensemble.items():
        if value is not None:
            raise ValueError(
                f"{option} is {value!r} and a transformation is given, which has its own; give one of them"
            )
    return given


def _batches_of(images: Images, setup: Setup, processes: Processes, **given: Any) -> Callable[[int, bool], Batches]:
    """Makes a function of (size, whole) that makes batches; whole ones have a seeded order, equal in all processes."""

    def batches(size: int, whole: bool) -> Batches:
        kept = whole or setup.layers is not None  # a layer compares images of the same batch
        share, order = (processes.rank, processes.count), setup.settings.seed if kept else None
        return as_batches(images, batch_size=size, share=share, whole=kept, order=order, **given)

    return batches


def _convention(transformation: Transformation, name: str | None) -> Convention:
    """Returns the named convention, else the transformation's, else the paper's. Raises ValueError if two differ."""
    own = getattr(transformation, "convention", None)
    if name is None:
        return own if isinstance(own, Convention) else convention_named(DEFAULT_CONVENTION)
    if isinstance(own, Convention) and own.name != name:
        raise ValueError(f"convention is {name!r} and the ensemble's is {own.name!r}; give it to the ensemble alone")
    return convention_named(name)


def _chosen(count: int, images: Images, indices: Tensor | None, seed: int) -> Tensor:
    """Chooses `count` indices. Raises ValueError if indices are given too, or the number of images is unknown."""
    if indices is not None:
        raise ValueError(f"count is {count} and indices are given; give one of the two")
    if not isinstance(images, (Tensor, Dataset)) or isinstance(images, IterableDataset):
        raise ValueError(f"count is {count} and images are a loader's batches; a tensor or Dataset is needed to choose")
    total = len(images)  # type: ignore[arg-type]
    return choose(min(positive_integer("count", count, least=1), total), total, seed)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)


def _check(model: Network, setup: Setup, own: torch.device | None) -> None:
    device, delta = setup.device, setup.transformation.delta
    if isinstance(delta, Tensor):
        raise ValueError("the ensemble has one temperature per image; measuring needs one for all")
    if delta == 0:
        raise ValueError("temperature is 0, so nothing moves and R_f is 0 / 0; give a temperature or delta above 0")
    rounding = 4 * torch.finfo(setup.dtype).eps * max(setup.transformation.size)
    if delta is not None and delta <= rounding:
        raise ValueError(
            f"delta is {delta:.2g} pixels, within the rounding of {setup.dtype} positions ({rounding:.1g}); "
            "give a larger one, or a network in float64"
        )
    if own is not None and (device.type != own.type or device.index not in (None, own.index)):
        raise ValueError(f"device is {device} but the network is on {own}; move it first (network.to({str(device)!r}))")
    if setup.layers is not None and setup.statistic.per_coordinate:
        raise ValueError(
            "layers are asked for and the median is taken per output coordinate, for which every value of every layer "
            "would have to be kept; take average mean, the paper convention, or no layers"
        )
    if setup.settings.batch_norm == "batch" and any(isinstance(n, torch.jit.ScriptModule) for n in batch_norms(model)):
        raise ValueError(
            "batch_norm is 'batch' and the network is of TorchScript, which may keep the mode it was made in; hand "
            "over the module that it was made of"
        )
    if setup.settings.amp and setup.dtype == torch.float64:
        raise ValueError("amp is on and the network is in float64; take one of the two")
