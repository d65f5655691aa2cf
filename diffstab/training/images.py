"""Images of a training: those to train on, those that choose the epoch, and those that test."""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import TensorImageSet, load_dataset
from ..options import DEFAULT_DATASET, TrainOptions, is_table
from ..statistics import generator

VALIDATION, LAST, TEST = "validation", "last", "test"
Indices = NDArray[np.int64]


class Images(NamedTuple):
    """Images of a training.

    Attributes:
        train: Images that the network learns from.
        watched: Images that give the error after each epoch: the validation images if they choose the epoch, otherwise
            the test images.
        test: Images that give the error of the kept network.
        full: Number of training images without `train_size`.
    """

    train: TensorImageSet
    watched: TensorImageSet
    test: TensorImageSet
    full: int


def prepare_images(options: TrainOptions) -> Images:
    """Loads a training's images and splits them as the options say.

    Raises:
        ValueError: If the images have no labels or are not held in memory, if there are too few for `train_size` or
            `holdout`, or if held-out images shall choose the epoch and `holdout` is 0.
    """
    if options.select == VALIDATION and options.holdout == 0:
        raise ValueError("holdout is 0, which leaves no image to select the epoch by; raise it or use select last")
    whole, test = _labelled_splits(options)
    labels = whole.labels.numpy()
    noisy = noisy_labels(labels, options.label_noise, whole.classes, options.seed)
    share = options.holdout if options.select == VALIDATION else 0.0
    chosen, held = balanced(labels, whole.classes, options.train_size, share, options.seed)
    every, _ = balanced(labels, whole.classes, None, share, options.seed)

    def part(indices: Indices, name: str) -> TensorImageSet:
        index = torch.from_numpy(indices)
        return TensorImageSet(whole.name, name, whole.images[index], torch.from_numpy(noisy[indices]), whole.classes)

    watched = part(held, VALIDATION) if options.select == VALIDATION else test
    return Images(part(chosen, "train"), watched, test, len(every))


def _labelled_splits(options: TrainOptions) -> tuple[TensorImageSet, TensorImageSet]:
    """Returns training and test images. Raises ValueError unless they have labels and are held in memory."""
    # never in memory; loading would complain about a missing split first
    files = options.dataset == "folder" or is_table(options.dataset)
    load = partial(load_dataset, options.dataset, data_dir=options.data_dir, download=options.download)
    test = None if files else load(split="test")
    if isinstance(test, TensorImageSet) and test.classes:
        train = load(split="train")
        if isinstance(train, TensorImageSet):
            return train, test
    raise ValueError(
        f"dataset is {options.dataset!r}; training needs labelled images held in memory, such as {DEFAULT_DATASET}"
    )


def balanced(labels: Indices, classes: int, size: int | None, holdout: float, seed: int) -> tuple[Indices, Indices]:
    """Returns the indices of the images to train on and of those held out, in rising order.

    A share `holdout` of each class is held out, rounded. The images of a smaller size are part of those of a larger
    one.

    Args:
        labels: Labels of all training images, `[N]`.
        classes: Number of classes.
        size: Number of images of both parts together, equal for all classes; None takes all images.
        holdout: Share of these images that is held out.
        seed: Seed of the choice.

    Raises:
        ValueError: If `size` is no multiple of the classes or too large, or if one part would be empty.
    """
    members = [np.flatnonzero(labels == k) for k in range(classes)]
    if size is not None:
        _check_size(size, [len(own) for own in members])
    rng = generator(seed, "training images")
    chosen = [rng.permutation(own)[: None if size is None else size // classes] for own in members]
    counts = [round(holdout * len(own)) for own in chosen]
    held = np.concatenate([own[:count] for own, count in zip(chosen, counts, strict=True)])
    rest = np.concatenate([own[count:] for own, count in zip(chosen, counts, strict=True)])
    total = len(held) + len(rest)
    if holdout and not len(held):
        raise ValueError(
            f"holdout is {holdout:g}, which is no image of {total} with {classes} classes; raise it or use select last"
        )
    if not len(rest):
        raise ValueError(f"holdout is {holdout:g}, which leaves none of {total} images to train on; lower it")
    return np.sort(rest), np.sort(held)


def _check_size(size: int, counts: list[int]) -> None:
    classes, least = len(counts), min(counts)
    if size > sum(counts):
        raise ValueError(f"train_size is {size}, and there are {sum(counts)} training images; take at most as many")
    if size % classes:
        near = " or ".join(str(k) for k in (size // classes * classes, -(-size // classes) * classes) if k)
        raise ValueError(f"train_size is {size}, which {classes} classes don't divide; take {near}")
    if size // classes > least:
        raise ValueError(
            f"train_size is {size}, {size // classes} of each class, and one class has {least} images only"
        )


def noisy_labels(labels: Indices, share: float, classes: int, seed: int) -> Indices:
    """Replaces each label with probability `share` by one of the other classes.

    >>> noisy_labels(np.array([0, 1, 2]), 0.0, 3, seed=0)
    array([0, 1, 2])
    """
    rng = generator(seed, "label noise")
    replaced = rng.random(len(labels)) < share
    others = (labels + rng.integers(1, max(classes, 2), len(labels))) % classes
    return np.asarray(np.where(replaced, others, labels))


def darkest(images: Tensor) -> Tensor:
    """Returns the smallest value of each channel of images `[N, C, H, W]`, `[C]`: black in the input space."""
    return images.amin(dim=(0, 2, 3))
