"""measure(): the change of a network's output when its images are deformed, relative to noise of the same size.

The first pass, over the deformed images alone, gives the noise norm. The second pass runs the network f on each image x
and, per draw, on the deformed image tau x and on x plus noise eta. Only squared distances and f(x) are kept per image.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from ..checks import a_text, positive_integer
from ..fields import MaxEntropyEnsemble
from ..options import (
    DEFAULT_CONVENTION,
    DIFFEO,
    Convention,
    MeasureSettings,
    called_with,
    chosen,
    convention_named,
    is_inside,
)
from ..perturbations import Transformation, perturbation
from ..precision import ieee_float32
from ..processes import Processes, taking_turns
from ..results import StabilityResult
from ..statistics import Statistic
from ..streams import choose, untouched_global_state
from .arguments import Arguments, Given
from .assemble import assemble
from .batches import Batches, Images, as_batches
from .features import inside
from .given_images import as_images, image_size
from .layers.names import layers_meant
from .modules import network_in, plain
from .network_state import Network, batch_norms, place_and_precision
from .notes import progress_bar, tell
from .passes import two_passes
from .setup import Setup


@taking_turns()
@called_with(Arguments)
def measure(arguments: Arguments) -> StabilityResult:
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

    A few images are run again to check whether the numbers can be trusted. `note` then warns of images that are copies,
    come from few classes or were not scaled, of labels in another order than the outputs, of input that the network
    ignores, of precision that it lowers by itself, and of outputs that depend on the other images of a batch; in the
    last case, batches are kept whole.

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
        labels: Class of each image, `[N]`; only with a tensor of images.
        label_outputs: Function from the network's number of outputs to the output for each label, or to None if
            labels can't be matched. By default, label k is output k.
        indices: Indices of the images to use from a tensor or `Dataset`, int64; they also key the random streams.
        count: Number of images to use from a tensor or `Dataset`, chosen by the seed as with `diffstab measure
            --images`; all of them if there are fewer.
        workers: Number of loader processes, for a `Dataset`.
        device: Device of the images; None takes the network's own. The network is not moved.
        name: Name of the network in the result; None takes its class.
        progress: True shows a bar, in a terminal and in a notebook; a function is called with (forward passes done,
            their total).
        note: Function that is called with each warning as text; None makes it a Python warning.
        processes: Processes of `torchrun`: each measures a part of the images, and all return the same result.
        {settings}

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
    images = as_images(arguments.images)
    return measure_given(replace(arguments, images=images), _perturbation(arguments, images), arguments)


def measure_given(given: Given, transformation: Transformation, settings: MeasureSettings) -> StabilityResult:
    """Measures what is given by a transformation; of `settings`, those of the transformation itself are not read."""
    start, model, images = time.perf_counter(), network_in(given.model), as_images(given.images)
    name = None if given.name is None else a_text("name", given.name)
    rules = _convention(transformation, settings.convention)
    usual = getattr(transformation, "noise_radius", rules.noise_radius)
    settings = settings.used(convention=rules.name, noise_radius=chosen(settings.noise_radius, usual))
    statistic = Statistic(settings.average, rules.median_rule, rules.pairs)
    indices = given.indices if given.count is None else _chosen(given.count, images, given.indices, settings.seed)
    own_device, dtype = place_and_precision(model, images)
    place = torch.device(given.device or own_device or "cpu")
    if settings.layers is not None or is_inside(settings.of):
        model = plain(model)
    meant = None if settings.layers is None else layers_meant(model, settings.layers)
    within = inside(model, settings.of) if is_inside(settings.of) else None
    setup = Setup(transformation, settings, rules, statistic, place, dtype, meant, within)
    _check(model, setup, own_device)
    read = {"labels": given.labels, "indices": indices, "workers": given.workers}
    batches, note = _batches_of(images, setup, given.processes, **read), given.note or warnings.warn
    with (
        progress_bar(given.progress) as told,
        untouched_global_state(setup.device),
        ieee_float32(setup.device),
        torch.no_grad(),
    ):
        found = two_passes(model, batches, setup, given.processes, note, told)
    result = assemble(model, images, found, given.label_outputs, start, note)
    if given.processes.first:
        tell(found, result, images, note)
    return result if name is None else replace(result, model=name)


def _perturbation(given: Arguments, images: Images) -> Transformation:
    """Returns the given transformation, or makes the named one for the size of the images."""
    asked = {name: getattr(given, name) for name in ("delta", "cutoff", "temperature", "cutoff_rule", "delta_rule")}
    named = given.transformation
    if named is not None and given.transform != DIFFEO:
        raise ValueError(f"transform is {given.transform!r} and a transformation is given; give one of them")
    if named is None or isinstance(named, str):
        convention = chosen(given.convention, DEFAULT_CONVENTION)
        return perturbation(named or given.transform, image_size(images), **asked, convention=convention)
    for option, value in asked.items():
        if value is not None:
            raise ValueError(
                f"{option} is {value!r} and a transformation is given, which has its own; give one of them"
            )
    return named


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
    if setup.settings.worst is not None:
        _check_worst(setup)
    if setup.layers is not None and setup.statistic.per_coordinate:
        raise ValueError(
            "layers are asked for and the median is taken per output coordinate, for which every value of every layer "
            "would have to be kept; take average mean, the paper convention, or no layers"
        )
    if setup.batch_norm == "batch" and any(isinstance(n, torch.jit.ScriptModule) for n in batch_norms(model)):
        raise ValueError(
            "batch_norm is 'batch' and the network is of TorchScript, which may keep the mode it was made in; hand "
            "over the module that it was made of"
        )
    if setup.settings.amp and setup.dtype == torch.float64:
        raise ValueError("amp is on and the network is in float64; take one of the two")


def _check_worst(setup: Setup) -> None:
    """Refuses a search among anything but smooth deformations, and for outputs that images share."""
    told = f"worst is {setup.settings.worst!r} and"
    if not isinstance(setup.transformation, MaxEntropyEnsemble):
        raise ValueError(f"{told} the transformation is {setup.transformation.name}; a MaxEntropyEnsemble is needed")
    if setup.batch_norm == "batch":
        raise ValueError(f"{told} batch_norm is 'batch', under which an output depends on other images; take 'running'")
