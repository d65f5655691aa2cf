"""Classes by nearest neighbours, for networks without a classifier."""

import numpy as np
from numpy.typing import NDArray

from .intervals import Array

AT_ONCE = 1000  # images whose similarities to all others are in memory


def classes_by_neighbours(
    features: Array, labels: NDArray[np.int64], neighbours: int, copies: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Returns each image's class `[N]` by a vote of its nearest others: the image itself and its copies are left out.

    Near is a large cosine of the angle between features. Among classes with as many votes, that of the nearer image
    wins.

    Args:
        features: Features f(x), `[N, n]`.
        labels: Class of each image, `[N]`, 0 or more.
        neighbours: Number of nearest others that vote.
        copies: Number of each image, `[N]`, that copies share; None if all images differ.

    Raises:
        ValueError: If an image has too few others, or no direction, since its features are all 0.

    >>> features = np.array([[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]])
    >>> classes_by_neighbours(features, np.array([4, 4, 7, 7]), 1)
    array([4, 4, 7, 7])
    """
    numbers = np.arange(len(labels)) if copies is None else copies
    others = len(labels) - int(np.bincount(numbers).max())
    if neighbours > others:
        raise ValueError(f"neighbours is {neighbours} and an image has {others} others; measure more images, or fewer")
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    if not norms.all():
        raise ValueError(f"the features of image {int(norms.argmin())} are 0, without direction; leave neighbours out")
    unit = features / norms
    found = []
    for start in range(0, len(labels), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        cosines = unit[part] @ unit.T
        cosines[numbers[part, None] == numbers] = -np.inf
        nearest = np.argpartition(-cosines, neighbours - 1, axis=1)[:, :neighbours]
        order = np.argsort(-np.take_along_axis(cosines, nearest, axis=1), axis=1, kind="stable")
        nearest = np.take_along_axis(nearest, order, axis=1)
        found += [_voted(own) for own in labels[nearest]]
    return np.array(found)


def _voted(labels: NDArray[np.int64]) -> int:
    """Returns the most frequent label; of several, the one that comes first."""
    votes = np.bincount(labels)
    return int(labels[votes[labels].argmax()])
