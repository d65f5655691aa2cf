"""Progress, and warnings about anything that could change what the numbers mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from ..results import StabilityResult
from .batches import Images
from .first_pass import FirstPass
from .memory import Note
from .passes import Passes
from .second_pass import Progress, SecondPass
from .setup import Setup

LONG_PIXEL = 20.0  # norm of a pixel's channels: of normalised images below 5, of values from 0 to 255 mostly above 50
ROUNDING = 100  # times the precision: smaller changes contain a few percent of rounding
FEW_CLASSES = 0.5  # of the number of classes that as many random images would have


def tell(found: Passes, result: StabilityResult, images: Images, note: Note) -> None:
    """Calls `note` with every warning that the two passes give reason for."""
    setup, first, _, second = found
    for text in (
        *_of_network(second, setup),
        *_of_images(first, setup, result, images),
        *_of_labels(first, second, result),
        *_of_maps(second),
    ):
        note(text)


def _of_network(second: SecondPass, setup: Setup) -> Iterator[str]:
    """Warns of rounding, of precision that the network lowers by itself, and of input that it ignores."""
    size = np.median(np.linalg.norm(second.outputs, axis=1))
    moved = np.sqrt(min(np.median(part.sum(-1)) for part in (second.deformation, second.noise)))
    share = float(moved / size) if size else 1.0
    if 0 < share < ROUNDING * torch.finfo(setup.dtype).eps:
        yield (
            f"the outputs change by {share:.1g} of their size, within {ROUNDING} times the rounding of "
            f"{str(setup.dtype).removeprefix('torch.')}; measure in float64 for an exact R_f"
        )
    found = second.inspected
    if found.lowered is not None and not setup.settings.amp:
        yield (
            f"the network runs operations in {found.lowered} by itself, as under an autocast of its own; its rounding "
            f"hides small changes, so R_f may be wrong several-fold; switch it off to measure in {setup.precision}"
        )
    if found.seen is not None and found.ignored:
        yield (
            f"{1 - found.seen:.1%} of the network's input never reaches its output ({found.ignored}), but "
            "noise there counts in ||eta||, so R_f is too large"
        )


def _of_images(first: FirstPass, setup: Setup, result: StabilityResult, images: Images) -> Iterator[str]:
    """Warns of images that are not scaled, came more than once, have few classes, or are dropped by a loader."""
    labels = first.labels
    pixel = np.median(first.sizes) / np.prod(setup.transformation.size) ** 0.5
    if pixel > LONG_PIXEL:
        yield (
            f"pixels of the images have a norm of {pixel:.0f} (root mean square), as before a division by 255; scale "
            "images as those that the network was trained on"
        )
    if result.copies:
        yield (
            f"{result.copies} of {result.images} images are copies of others; the intervals count each of the "
            f"{result.images - result.copies} different ones once; does the loader repeat images, or draw them with "
            "replacement?"
        )
    if result.few_classes:
        classes = classes_of(images) or 0
        yield (
            f"the {len(labels)} images are of {len(np.unique(labels))} of the {classes} classes, where a random choice "
            f"would have about {_usual(classes, len(labels)):.0f}, so the numbers are not the data set's; choose "
            "images at random, as count= does"
        )
    voters, each = result.settings.neighbours, len(labels) // max(1, len(np.unique(labels)))
    if voters is not None and labels.min() >= 0 and each <= voters:
        yield (
            f"a class has {each} images on average, and {voters} nearest neighbours vote, so the test error is too "
            "large; take more images, or fewer neighbours"
        )
    if result.images_left:
        total = result.images + result.images_left
        yield f"{result.images_left} of {total} images never came: the loader drops its last batch (drop_last=True)"


def _of_labels(first: FirstPass, second: SecondPass, result: StabilityResult) -> Iterator[str]:
    """Warns of missing labels, and of labels that would fit far better in another order."""
    missing = int((first.labels < 0).sum())
    if 0 < missing < len(first.labels):
        yield f"{missing} of {len(first.labels)} images have a negative label, which is none, so there is no test error"
    if result.test_error is None or second.classes is None or result.settings.neighbours is not None:
        return
    labels, outputs = first.labels[first.keys.argsort()], second.classes[second.keys.argsort()].astype(np.int64)
    if result.raw.copies is not None:
        different = np.unique(result.raw.copies, return_index=True)[1]
        labels, outputs = labels[different], outputs[different]
    wrong, given = _in_the_best_order(labels, outputs)
    error, guessed = result.test_error.value, 1 - np.unique(labels, return_counts=True)[1].max() / len(labels)
    if 2 * (wrong + given) < min(error, guessed) * len(labels):
        yield (
            f"the test error is {error:.1%}, and would be {wrong / len(labels):.1%} with the labels in another order; "
            "is theirs that of the network's outputs?"
        )


def _in_the_best_order(labels: NDArray[np.int64], outputs: NDArray[np.int64]) -> tuple[int, int]:
    """Gives labels to outputs, one to one and commonest pairs first: images that stay wrong, and labels given."""
    pairs, counts = np.unique(np.stack([labels, outputs], axis=1), axis=0, return_counts=True)
    given: set[int] = set()
    taken: set[int] = set()
    right = 0
    for place in np.argsort(-counts, kind="stable"):
        label, output = pairs[place].tolist()
        if label not in given and output not in taken:
            given.add(label)
            taken.add(output)
            right += int(counts[place])
    return len(labels) - right, len(given)


def _of_maps(second: SecondPass) -> Iterator[str]:
    """Tells of outputs with spatial extent, whose values D compares place by place, and whether E was measured."""
    shapes = {"the output": second.shape} if second.shape else {}
    if second.layers is not None:
        shapes |= {layer.name: layer.shape for layer in second.layers.layers or ()}
    maps = [f"{name} ({'x'.join(map(str, shape))})" for name, shape in shapes.items() if is_map(shape)]
    if maps:
        has = f" and {len(maps) - 1} more have" if len(maps) > 1 else " has"
        compared = f"{maps[0]}{has} spatial extent, where D_f and R_f compare values place by place"
        followed = second.moved is not None or (second.layers is not None and second.layers.follow)
        yield (
            f"{compared}; E_f compares with the map moved along with the image"
            if followed
            else (f"{compared}: a network whose map moves along with the image has large ones, however well it follows")
        )


def classes_of(images: Images) -> int | None:
    """Returns the number of classes of a data set, or of a loader's data set; None if it is unknown."""
    holder: Any = images.dataset if isinstance(images, DataLoader) else images
    classes = getattr(holder, "classes", None)
    return classes if isinstance(classes, int) else len(classes) if isinstance(classes, (list, tuple)) else None


def are_of_few_classes(labels: NDArray[np.int64], classes: int | None) -> bool:
    """Returns True if images have far fewer classes than as many random images of the data set would have."""
    if not classes or labels.min() < 0:
        return False
    return len(np.unique(labels)) < FEW_CLASSES * _usual(classes, len(labels))


def _usual(classes: int, images: int) -> float:
    """The expected number of classes among so many random images."""
    return float(classes * (1 - (1 - 1 / classes) ** images))


def is_map(shape: tuple[int, ...]) -> bool:
    """Returns True if an output of this shape (for one image) has values at several places: a map, or tokens.

    >>> is_map((1000,)), is_map((64, 1, 1)), is_map((64, 7, 7)), is_map((197, 192))
    (False, False, True, True)
    """
    return len(shape) >= 2 and int(np.prod(shape[1:])) > 1 and (len(shape) > 2 or shape[0] > 1)


@contextmanager
def progress_bar(progress: Progress | bool | None) -> Iterator[Progress | None]:
    """Yields a function of (forward passes done, their total): `progress` itself, a bar on stderr if True, or None."""
    if progress is not True:
        yield None if progress is False else progress
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("forward passes", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
