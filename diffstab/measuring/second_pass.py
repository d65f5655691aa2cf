"""The second pass of a measurement: runs the network on x, tau x and x + eta, and sums squared changes in float64."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..options import KEEP_OUTPUTS_UP_TO
from ..precision import doubled
from ..provenance import image_digests
from ..statistics import Array
from .batches import Batch, Batches
from .first_pass import FirstPass
from .forward import at_once, flat, in_turn, network_output
from .inspection import Inspected, inspect
from .layers.gather import BatchOfLayers, LayerChanges
from .memory import Memory
from .modules import finding_hidden
from .network_state import Network
from .raised_noise import Raised, RaisedNoise, joined_raised
from .setup import Setup

Progress = Callable[[int, int], None]
FLIPS, CLASSES = "flips", "classes"


@dataclass(frozen=True)
class SecondPass:
    """Values per image, in the order of the pass.

    Attributes:
        keys: Index of each image, `[N]`; if the batch is part of f, the order differs from the first pass.
        outputs: Outputs f(x), `[N, outputs]`.
        deformation: Squared changes of f by tau, `[N, draws, outputs]`, or summed over the outputs, `[N, draws, 1]`.
        noise: Squared changes of f by eta, in the same shape.
        wrong: Number of images that are classified wrongly; None without labels.
        output: Place of f(x) in what the network returned; None if it is all of it.
        flips: 1 if the class changed, else 0, `[N, 2 draws]`: by tau and by eta in turn; None without classes.
        layers: Changes of the layers; None if no layers are observed.
        shape: Shape of f(x) for one image.
        raised: Squared change by noise of a few images, also with larger noise.
        inspected: Outcome of the inspection with a few images.
    """

    keys: NDArray[np.int64]
    outputs: Array
    deformation: Array
    noise: Array
    wrong: int | None
    output: str | None
    flips: Array | None
    layers: LayerChanges | None = None
    shape: tuple[int, ...] = ()
    raised: Raised = field(default_factory=dict)
    inspected: Inspected = field(default_factory=Inspected)


class _Columns(NamedTuple):
    """Values of one batch, on the device.

    Attributes:
        parts: Tensors `[B, ...]` by name: f(x); per draw the squared changes by deformation and by noise; 1 or 0 for
            each change of class; and, if the images have labels, the class of each image before any smoothing.
        output: Place of f(x) in what the network returned; None if it is all of it.
        shape: Shape of f(x) for one image.
        layers: Changes of the layers; None if no layers are observed.
    """

    parts: dict[str, Tensor]
    output: str | None
    shape: tuple[int, ...]
    layers: BatchOfLayers | None

    def on_host(self) -> dict[str, Array]:
        """Returns the parts, in one copy from the device."""
        whole = torch.cat(list(self.parts.values()), dim=1).cpu().numpy()
        ends = np.cumsum([part.shape[1] for part in self.parts.values()])
        return dict(zip(self.parts, np.split(whole, ends[:-1], axis=1), strict=True))


def run_second_pass(
    model: Network,
    batches: Batches,
    setup: Setup,
    first: FirstPass,
    radii: Array,
    memory: Memory,
    progress: Progress | None,
    larger: RaisedNoise,
) -> SecondPass | None:
    """Runs the pass through the network; returns None if this process has no image.

    Args:
        model: The network, in the mode it is measured in.
        batches: The batches of the first pass.
        setup: Setup of the measurement.
        first: Values of the first pass.
        radii: Noise norm ||eta|| for each image and draw, `[N, draws]`.
        memory: Memory of the device.
        progress: Function that is called with (forward passes done, their total).
        larger: Gathers the images that are run again with larger noise.

    Raises:
        ValueError: If the loader gives other images than before, an output is not finite, or `inspect` raises it.
        MixesImagesError: If `inspect` raises it.
    """
    runs, count, done = 1 + 2 * setup.settings.draws, len(first.keys), 0
    radius = _by_image(first, radii)
    found: list[SecondPass] = []
    layers = None if setup.layers is None else LayerChanges()
    for batch in batches():
        if any(first.digests.get(key) != one for key, one in image_digests(batch.keys, batch.images).items()):
            raise ValueError("the loader gave other images on its second pass; switch off shuffling and augmentation")
        with nullcontext() if done else finding_hidden(model):
            parts = memory.run(lambda part: _batch_changes(model, part, setup, radius(part)), batch)
        for part in parts:
            if layers is not None and part.layers is not None:
                layers.add(part.changes.keys, part.layers)
        found.append(join_second_passes([part.changes for part in parts]))
        if not done:
            measured = dict(zip(batch.keys.tolist(), found[0].outputs, strict=True))
            inspected = inspect(model, batch, setup, memory, measured, whole=setup.whole(model))
        larger.take(batch, found[-1].outputs, found[-1].noise[:, 0].sum(-1))
        done += len(batch.keys)
        if progress is not None:
            progress(done * runs, count * runs)
    if done != count:
        raise ValueError(f"the loader gave {count} images on its first pass and {done} on its second")
    if not found:
        return None
    raised = larger.run(model, setup, memory, radius)
    return replace(join_second_passes(found), layers=layers and layers.on_host(), raised=raised, inspected=inspected)


def _by_image(first: FirstPass, radii: Array) -> Callable[[Batch], Tensor]:
    """Makes a function from a batch to ||eta|| of its images, `[B, draws]`, in any order of batches."""
    place = {key: n for n, key in enumerate(first.keys.tolist())}
    return lambda batch: torch.from_numpy(radii[[place[key] for key in batch.keys.tolist()]])


def join_second_passes(parts: Sequence[SecondPass | None]) -> SecondPass:
    """Joins the passes of several batches, or of several processes."""
    whole = [part for part in parts if part is not None]
    names = ("keys", "outputs", "deformation", "noise")
    arrays = {name: np.concatenate([getattr(part, name) for part in whole]) for name in names}
    wrong = [part.wrong for part in whole]
    total = None if None in wrong else sum(count for count in wrong if count is not None)
    layers = LayerChanges()
    for part in whole:
        if part.layers is not None:
            layers.join(part.layers)
    flips = [part.flips for part in whole if part.flips is not None]
    return SecondPass(
        **arrays,
        wrong=total,
        output=whole[0].output,
        flips=np.concatenate(flips) if flips else None,
        layers=layers if layers.keys else None,
        shape=whole[0].shape,
        raised=joined_raised([part.raised for part in whole]),
        inspected=whole[0].inspected,
    )


def amp_beside_full(
    model: Network, batches: Batches, setup: Setup, first: FirstPass, radii: Array, memory: Memory
) -> tuple[int, float, float] | None:
    """Measures the effect of autocast on the first batch: its number of images, R_f with autocast, and without it."""
    batch = next(batches(), None)
    if batch is None:
        return None
    radius = _by_image(first, radii)
    setup = replace(setup, layers=None)
    full = replace(setup, settings=replace(setup.settings, amp=False))

    def relative(chosen: Setup) -> float:
        parts = memory.run(lambda part: _batch_changes(model, part, chosen, radius(part)), batch)
        found = join_second_passes([part.changes for part in parts])
        a, b = (float(np.median(v.sum(-1))) for v in (found.deformation, found.noise))
        return a / b if b else float("nan")

    return len(batch.keys), relative(setup), relative(full)


class _BatchChanges(NamedTuple):
    """Squared changes of one batch, of the output and of the layers."""

    changes: SecondPass
    layers: BatchOfLayers | None


def _batch_changes(model: Network, batch: Batch, setup: Setup, radii: Tensor) -> _BatchChanges:
    columns = batch_columns(model, batch, setup, radii)
    found = columns.on_host()
    classes, flips = found.pop(CLASSES, None), found.pop(FLIPS, None)
    for stage, part in found.items():
        bad = np.flatnonzero(~np.isfinite(part).all(1))
        if len(bad):
            raise ValueError(f"the network's output for image {int(batch.keys[bad[0]])} is not finite, at {stage}")
    outputs, *squares = found.values()
    wrong = None if classes is None else _count_wrong(batch, classes, outputs.shape[1], setup)
    by_tau, by_eta = (np.stack(squares[first::2], axis=1) for first in (0, 1))
    return _BatchChanges(
        SecondPass(batch.keys.numpy(), outputs, by_tau, by_eta, wrong, columns.output, flips, shape=columns.shape),
        columns.layers,
    )


def batch_columns(model: Network, batch: Batch, setup: Setup, radii: Tensor) -> _Columns:
    """Runs the part of the pass that is on the device; `radii` are ||eta||, `[B, draws]`."""
    images = setup.placed(batch)
    inputs = setup.inputs(batch, images, radii)
    outputs, layers = (in_turn(model, inputs, setup), None) if setup.layers is None else at_once(model, inputs, setup)
    outputs = iter(outputs)
    output, where = next(outputs)
    reference = flat(output)
    parts, flips = {"f(x)": reference}, []
    classifies = output.ndim == 2 and output.shape[1] > 1
    for number, (changed, _) in enumerate(outputs):
        values = flat(changed)
        if classifies:
            flips.append(doubled(values.argmax(1, keepdim=True) != reference.argmax(1, keepdim=True)))
        squares = (values - reference).square()
        by_output = setup.statistic.per_coordinate or squares.shape[1] <= KEEP_OUTPUTS_UP_TO
        stage = f"{('f(tau x)', 'f(x + eta)')[number % 2]}, draw {number // 2}"
        parts[stage] = squares if by_output else squares.sum(1, keepdim=True)
    if classifies:
        parts[FLIPS] = torch.cat(flips, dim=1)
        if int(batch.labels.min()) >= 0:
            smoothed = setup.settings.interpolation != "bilinear"
            own = flat(network_output(model, images, setup)[0]) if smoothed else reference
            parts[CLASSES] = doubled(own.argmax(1, keepdim=True))
    return _Columns(parts, where, tuple(output.shape[1:]), layers)


def _count_wrong(batch: Batch, classes: Array, outputs: int, setup: Setup) -> int | None:
    """Counts the images that are classified wrongly; None if labels and outputs can't be matched."""
    places = setup.label_outputs(outputs)
    if places is None:
        return None
    largest = int(batch.labels.max())
    if largest >= len(places):
        raise ValueError(f"an image has label {largest} but the network has {len(places)} outputs for labels")
    return int((classes[:, 0] != np.asarray(places)[batch.labels.numpy()]).sum())
