"""The second pass of a measurement: runs the network on x, tau x and x + eta, and sums squared changes in float64."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..options import KEEP_OUTPUTS_UP_TO
from ..precision import doubled
from ..provenance import image_digests
from ..statistics import Array
from .batches import Batch, Batches, Radius
from .drawn import Drawn
from .equivariance import FLOOR, FOLLOWED, Following
from .first_pass import FirstPass, described
from .forward import forward
from .inspection import Inspected, inspect
from .layers.gather import LayerChanges
from .memory import Memory, Note
from .modules import finding_hidden
from .network_state import Network
from .outputs import flat, flat_output
from .raised_noise import Raised, RaisedNoise, joined_raised
from .setup import Setup

Progress = Callable[[int, int], None]
FLIPS, CLASSES, FIELDS = "flips", "classes", "fields"


@dataclass(frozen=True)
class SecondPass:
    """Values per image, in the order of the pass.

    Attributes:
        keys: Index of each image, `[N]`; if the batch is part of f, the order differs from the first pass.
        outputs: Outputs f(x), `[N, outputs]`.
        deformation: Squared changes of f by tau, `[N, draws, outputs]`, or summed over the outputs, `[N, draws, 1]`.
        noise: Squared changes of f by eta, in the same shape.
        flips: 1 if the class changed, else 0, `[N, 2 draws]`: by tau and by eta in turn; None without classes.
        classes: Predicted class of each image before any smoothing, `[N]`; None without classes.
        output: Place of f(x) in what the network returned; None if it is all of it.
        shape: Shape of f(x) for one image.
        moved: Squared differences of f(tau x) and f(x) moved along by tau, in the same shape; None if not measured.
        floor: Squared difference of the pooled images in the same way, and their change, `[N, draws, 2]`; or None.
        fields: Folds, clamped share, gradient norm (see `described`) and largest Xi of worst fields, `[N, draws, 4]`;
            None for random ones.
        layers: Changes of the layers; None if no layers are observed.
        raised: Squared change by noise of a few images, also with larger noise.
        inspected: Outcome of the inspection with a few images.
    """

    keys: NDArray[np.int64]
    outputs: Array
    deformation: Array
    noise: Array
    flips: Array | None
    classes: Array | None
    output: str | None
    shape: tuple[int, ...]
    moved: Array | None
    floor: Array | None
    fields: Array | None
    layers: LayerChanges | None
    raised: Raised = field(default_factory=dict)
    inspected: Inspected = field(default_factory=Inspected)


def run_second_pass(
    model: Network,
    batches: Batches,
    setup: Setup,
    first: FirstPass,
    radius: Radius,
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
        radius: Noise norm ||eta|| by batch, from `by_batch`.
        memory: Memory of the device.
        progress: Function that is called with (forward passes done, their total).
        larger: Gathers the images that are run again with larger noise.

    Raises:
        ValueError: If the loader gives other images than before, an output is not finite, or `inspect` raises it.
        MixesImagesError: If `inspect` raises it.
    """
    runs, count, done = 1 + 2 * setup.settings.draws, len(first.keys), 0
    found: list[SecondPass] = []
    layers = LayerChanges()
    for batch in batches():
        if any(first.digests.get(key) != one for key, one in image_digests(batch.keys, batch.images).items()):
            raise ValueError("the loader gave other images on its second pass; switch off shuffling and augmentation")
        with nullcontext() if done else finding_hidden(model):
            parts = memory.run(lambda part: _batch_changes(model, part, setup, radius(part)), batch)
        for part in parts:
            layers.join(part.layers)
        found.append(join_second_passes([replace(part, layers=None) for part in parts]))
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
    observed = layers.on_host() if setup.layers is not None else None
    return replace(join_second_passes(found), layers=observed, raised=raised, inspected=inspected)


def join_second_passes(parts: Sequence[SecondPass | None]) -> SecondPass:
    """Joins the passes of several batches, or of several processes."""
    whole = [part for part in parts if part is not None]
    optional = (name for name in (FLIPS, CLASSES, "moved", "floor", "fields") if getattr(whole[0], name) is not None)
    names = ("keys", "outputs", "deformation", "noise", *optional)
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in whole]) for name in names}
    layers = LayerChanges()
    for part in whole:
        layers.join(part.layers)
    raised = joined_raised([part.raised for part in whole])
    return replace(whole[0], **arrays, layers=layers if layers.keys else None, raised=raised)


def note_amp(model: Network, batches: Batches, setup: Setup, radius: Radius, memory: Memory, note: Note) -> None:
    """Notes the effect of autocast on the first batch: R_f with it and without it."""
    batch = next(batches(), None)
    if batch is None:
        return

    def relative(chosen: Setup) -> float:
        found = join_second_passes(memory.run(lambda part: _batch_changes(model, part, chosen, radius(part)), batch))
        a, b = (float(np.median(v.sum(-1))) for v in (found.deformation, found.noise))
        return a / b if b else float("nan")

    own = replace(setup, layers=None)
    lowered, full = relative(own), relative(replace(own, settings=replace(setup.settings, amp=False)))
    note(
        f"{setup.precision}: on the first {len(batch.keys)} images R_f is {lowered:.3g}, and {full:.3g} in "
        f"{str(setup.dtype).removeprefix('torch.')} ({lowered / full - 1:+.1%}); leave amp out to have that"
    )


def _batch_changes(model: Network, batch: Batch, setup: Setup, radii: Tensor) -> SecondPass:
    columns, output, where, layers = batch_columns(model, batch, setup, radii)
    table = torch.cat(list(columns.values()), dim=1).cpu().numpy()  # in one copy from the device
    ends = np.cumsum([part.shape[1] for part in columns.values()])
    found = dict(zip(columns, np.split(table, ends[:-1], axis=1), strict=True))
    flips, classes = found.pop(FLIPS, None), found.pop(CLASSES, None)
    for stage, part in found.items():
        bad = np.flatnonzero(~np.isfinite(part).all(1))
        if len(bad):
            raise ValueError(f"the network's output for image {int(batch.keys[bad[0]])} is not finite, at {stage}")
    moved, floor, fields = (
        np.stack(of_one, axis=1)
        if (of_one := [found.pop(name) for name in [*found] if name.startswith(stage)])
        else None
        for stage in (FOLLOWED, FLOOR, FIELDS)
    )
    outputs, *squares = found.values()
    by_tau, by_eta = (np.stack(squares[first::2], axis=1) for first in (0, 1))
    classes = None if classes is None else classes[:, 0]
    rates = flips, classes, where, tuple(output.shape[1:])
    return SecondPass(batch.keys.numpy(), outputs, by_tau, by_eta, *rates, moved, floor, fields, layers)


def batch_columns(
    model: Network, batch: Batch, setup: Setup, radii: Tensor
) -> tuple[dict[str, Tensor], Tensor, str | None, LayerChanges | None]:
    """Runs the part of the pass that is on the device.

    Args:
        model: The network.
        batch: Images.
        setup: Setup of the measurement.
        radii: Noise norms ||eta||, `[B, draws]`.

    Returns:
        Tensors `[B, ...]` by name: f(x); per draw the squared changes by deformation and by noise; 1 or 0 for each
        change of class, and the class before any smoothing, if f has classes; for maps the differences from f(x) moved
        along, and their floor. Then f(x) as it came, its place in what the network returned, and the changes of the
        layers.
    """
    images = setup.placed(batch)
    drawn = Drawn(setup, batch, images, model)
    following = Following(drawn)
    outputs, layers = forward(model, drawn.inputs(radii), batch, setup, following)
    output, where = next(outputs)
    reference = flat(output)
    first = output.clone() if following.measures(output) else None  # a network may reuse its output's memory
    parts, flips = {"f(x)": reference}, []
    has_classes = output.ndim == 2 and output.shape[1] > 1 and setup.inside is None
    classes = reference.argmax(1, keepdim=True) if has_classes else None
    for number, (changed, _) in enumerate(outputs):
        values = flat(changed)
        if classes is not None:
            flips.append(doubled(values.argmax(1, keepdim=True) != classes))
        squares = (values - reference).square()
        by_output = setup.statistic.per_coordinate or squares.shape[1] <= KEEP_OUTPUTS_UP_TO
        draw, by_noise = divmod(number, 2)
        stage = f"{('f(tau x)', 'f(x + eta)')[by_noise]}, draw {draw}"
        parts[stage] = squares if by_output else squares.sum(1, keepdim=True)
        if first is not None and not by_noise:
            parts |= following.columns(first, changed, draw, by_output=by_output)
    if setup.settings.worst is not None:
        parts |= _described_worst(drawn, setup)
    if classes is not None:
        parts[FLIPS] = torch.cat(flips, dim=1)
        if setup.settings.interpolation != "bilinear" and int(batch.labels.min()) >= 0:  # f(x) is of smoothed images
            classes = flat_output(model, images, setup).argmax(1, keepdim=True)
        parts[CLASSES] = doubled(classes)
    return parts, output, where, layers


def _described_worst(drawn: Drawn, setup: Setup) -> dict[str, Tensor]:
    """Returns folds, clamped share, gradient norm and largest Xi of the worst fields, `[B, 4]` by draw."""
    found = {}
    for draw in range(setup.settings.draws):
        field = drawn.sample(draw)
        largest_xi = doubled(field.xi().amax((-2, -1)))
        columns = [*described(field, setup.transformation, largest_xi), largest_xi]
        found[f"{FIELDS}, draw {draw}"] = torch.stack(columns, dim=1)
    return found
