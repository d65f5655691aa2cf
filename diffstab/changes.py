"""The second pass of a measurement: the network on x, tau x and x + eta. Squared changes are summed in float64."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .batches import Batch, Batches
from .deformation import deform
from .memory import Memory
from .modes import Network
from .outputs import measured_output
from .plan import Plan
from .precision import doubled
from .provenance import image_digests
from .settings import KEEP_OUTPUTS_UP_TO
from .statistics import Array
from .streams import sphere_noise
from .survey import Survey

Progress = Callable[[int, int], None]
SAME_IMAGES = 8  # that are run twice, to see whether the network gives the same outputs
SAME_WITHIN = 1e-4  # of the outputs' norm; rounding on a GPU that sums in any order stays far below


@dataclass(frozen=True)
class Changes:
    """What the pass found: f(x), the changes of f, how many images were classified wrongly, and where f(x) stood."""

    outputs: Array
    deformation: Array
    noise: Array
    wrong: int | None
    output: str | None


class _Columns(NamedTuple):
    """One tensor of the batch, on the device, and what its columns are.

    Attributes:
        values: f(x) `[B, outputs]`, then per draw the squared changes by deformation and by noise, then the class of
            each image itself, even where x is smoothed, if it has a label.
        widths: Of f(x) and each of the changes.
        stages: Their names.
        output: Where f(x) stood in what the network returned.
    """

    values: Tensor
    widths: list[int]
    stages: list[str]
    output: str | None


def run_network(
    model: Network,
    batches: Batches,
    plan: Plan,
    survey: Survey,
    radii: Array,
    memory: Memory,
    progress: Progress | None,
) -> Changes | None:
    """The pass through the network; None if there is no image for this process.

    Args:
        model: In the mode it is measured in.
        batches: The same as the survey's.
        plan: Of the measurement.
        survey: What the first pass found.
        radii: ||eta|| for each image and draw, `[N, draws]`.
        memory: Of the device.
        progress: Called with (images run through the network, their total).
    """
    runs, count, done = 1 + 2 * plan.settings.draws, len(survey.keys), 0
    radius = _by_image(survey, radii)
    found: list[Changes] = []
    for batch in batches():
        if any(survey.digests.get(key) != one for key, one in image_digests(batch.keys, batch.images).items()):
            raise ValueError("the loader gave other images on its second pass; switch off shuffling and augmentation")
        found += memory.run(lambda part: _batch_changes(model, part, plan, radius(part)), batch)
        if not done:
            _check_repeats(model, batch, plan, memory)
        done += len(batch.keys)
        if progress is not None:
            progress(done * runs, count * runs)
    if done != count:
        raise ValueError(f"the loader gave {count} images on its first pass and {done} on its second")
    return joined(found) if found else None


def _by_image(survey: Survey, radii: Array) -> Callable[[Batch], Tensor]:
    """||eta|| of a batch's images, `[B, draws]`, whatever the order that batches come in."""
    place = {key: n for n, key in enumerate(survey.keys.tolist())}
    return lambda batch: torch.from_numpy(radii[[place[key] for key in batch.keys.tolist()]])


def joined(parts: Sequence[Changes | None]) -> Changes:
    """Of several batches, or several processes."""
    whole = [part for part in parts if part is not None]
    names = ("outputs", "deformation", "noise")
    arrays = {name: np.concatenate([getattr(part, name) for part in whole]) for name in names}
    wrong = [part.wrong for part in whole]
    total = None if None in wrong else sum(count for count in wrong if count is not None)
    return Changes(**arrays, wrong=total, output=whole[0].output)


def amp_beside_full(
    model: Network, batches: Batches, plan: Plan, survey: Survey, radii: Array, memory: Memory
) -> tuple[int, float, float] | None:
    """What autocast does to R_f: the number of images in the first batch, R_f of them with it and without it."""
    batch = next(batches(), None)
    if batch is None:
        return None
    radius = _by_image(survey, radii)
    full = replace(plan, settings=replace(plan.settings, amp=False))

    def relative(chosen: Plan) -> float:
        found = joined(memory.run(lambda part: _batch_changes(model, part, chosen, radius(part)), batch))
        a, b = (float(np.median(v.sum(-1))) for v in (found.deformation, found.noise))
        return a / b if b else float("nan")

    return len(batch.keys), relative(plan), relative(full)


def _check_repeats(model: Network, batch: Batch, plan: Plan, memory: Memory) -> None:
    """Raises ValueError if a few images give other outputs when they are run again."""
    few = Batch(*(column[:SAME_IMAGES] for column in batch))
    try:
        memory.run(lambda part: _run_twice(model, part, plan), few)
    except RuntimeError:  # a network may be made for one size of batch
        memory.run(lambda part: _run_twice(model, part, plan), batch)


def _run_twice(model: Network, batch: Batch, plan: Plan) -> None:
    images = plan.base(plan.placed(batch))
    first, second = (_flat(_output(model, images, plan)[0]) for _ in range(2))
    share = float((first - second).norm() / first.norm()) if first.isfinite().all() else 0.0
    if share > SAME_WITHIN:
        raise ValueError(
            f"the network gives other outputs for the same images, by {share:.1%}: something random is left on in "
            "evaluation mode, such as torch.nn.functional.dropout without training=self.training; switch it off"
        )


def _batch_changes(model: Network, batch: Batch, plan: Plan, radii: Tensor) -> Changes:
    columns = batch_columns(model, batch, plan, radii)
    *split, classes = np.split(columns.values.cpu().numpy(), np.cumsum(columns.widths), axis=1)
    for stage, part in zip(columns.stages, split, strict=True):
        bad = ~np.isfinite(part).all(1)
        if bad.any():
            raise ValueError(f"the network's output for image {int(batch.keys[bad][0])} is not finite, at {stage}")
    wrong = _count_wrong(batch, classes, split[0].shape[1], plan) if classes.size else None
    return Changes(split[0], np.stack(split[1::2], axis=1), np.stack(split[2::2], axis=1), wrong, columns.output)


def batch_columns(model: Network, batch: Batch, plan: Plan, radii: Tensor) -> _Columns:
    """The part of the pass that runs on the device; `radii` are `[B, draws]`."""
    images = plan.placed(batch)
    base = plan.base(images)
    output, where = _output(model, base, plan)
    reference = _flat(output)
    stages, parts = ["f(x)"], [reference]
    for draw in range(plan.settings.draws):
        keys = plan.keys(batch, draw)
        deformed = deform(images, plan.field(keys), plan.settings.interpolation)
        eta = sphere_noise(keys, tuple(images.shape[1:]), plan.device).to(plan.dtype)
        noisy = base + radii[:, draw].to(plan.device, plan.dtype).view(-1, 1, 1, 1) * eta
        for stage, changed in (("f(tau x)", deformed), ("f(x + eta)", noisy)):
            squares = (_flat(_output(model, changed, plan)[0]) - reference).square()
            by_output = plan.statistic.per_coordinate or squares.shape[1] <= KEEP_OUTPUTS_UP_TO
            parts.append(squares if by_output else squares.sum(1, keepdim=True))
            stages.append(f"{stage}, draw {draw}")
    widths = [part.shape[1] for part in parts]
    if output.ndim == 2 and output.shape[1] > 1 and int(batch.labels.min()) >= 0:
        smoothed = plan.settings.interpolation != "bilinear"
        classes = (_flat(_output(model, images, plan)[0]) if smoothed else reference).argmax(1, keepdim=True)
        parts.append(doubled(classes))
    return _Columns(torch.cat(parts, dim=1), widths, stages, where)


def _output(model: Network, images: Tensor, plan: Plan) -> tuple[Tensor, str | None]:
    """The network's output `[B, ...]`, checked but for its values, and where it stood."""
    with torch.autocast(plan.device.type) if plan.settings.amp else nullcontext():
        output, where = measured_output(_returned(model, images))
    if output.ndim < 1 or len(output) != len(images) or not output.numel() or not output.is_floating_point():
        came = f"{output.dtype} {tuple(output.shape)}"
        raise ValueError(f"the network returned {came} for {len(images)} images; floats [B, ...] are needed")
    return output, where


def _returned(model: Network, images: Tensor) -> Any:
    """What the network returns; an error of its own that says nothing of the images tells them."""
    try:
        return model(images.clone())  # a network may change its input in place
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        shape = "x".join(map(str, images.shape))
        raise ValueError(f"the network fails on images of {shape} ({type(error).__name__}: {error})") from error


def _flat(output: Tensor) -> Tensor:
    """In float64, `[B, outputs]`: a copy, since a network may use its output's memory again."""
    return doubled(output.reshape(len(output), -1))


def _count_wrong(batch: Batch, classes: Array, outputs: int, plan: Plan) -> int | None:
    """How many images are classified wrongly; None where labels and outputs can't be matched."""
    places = plan.label_outputs(outputs)
    if places is None:
        return None
    largest = int(batch.labels.max())
    if largest >= len(places):
        raise ValueError(f"an image has label {largest} but the network has {len(places)} outputs for labels")
    return int((classes[:, 0] != np.asarray(places)[batch.labels.numpy()]).sum())
