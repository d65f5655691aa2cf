"""Places for labels beside crowded points: boxes that cover neither each other nor a point. Pure numpy.

Each label has some places round its point, near ones first. A place is free if it lies inside the frame and covers no
point; among the free ones labels take, one after the other and again until nothing changes, the place that costs the
least: other labels covered cost most, then a label on the way from a label to its own point, then a marker on that way
or a point that is nearer, then lines covered, distance. Then some are moved at random, the others follow, and what
costs less in all is kept (iterated local search). A label that covers another in the end is left out. All lengths are
in one unit, such as points of 1/72 inch.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...statistics import Array

DIRECTIONS = 16
REACHES = (1.0, 2.2, 4.0, 6.5, 9.5, 13.0)  # distances from the point, in gaps
SWEEPS = 12
KICKS, KICKED = 150, 4  # random moves, and how many labels each moves
COVERS_LABEL, CROSSES_LABEL, CROSSES_MARKER, NEARER_POINT, COVERS_LINE, PER_REACH = 100.0, 20.0, 8.0, 4.0, 0.35, 0.7
MOST_LINES = 4  # covered pieces of lines that cost more than fewer do
WAY = np.array([0.15, 0.85])  # ends of the way from a label to its point that must lead through nothing


class Places(NamedTuple):
    """Candidates for all labels.

    Attributes:
        boxes: (left, bottom, right, top), `[M, 4]`.
        label: Number of the label that each is a place of, `[M]`.
        cost: Cost of each place alone, `[M]`.
        mutual: Further cost of two places together, `[M, M]`; COVERS_LABEL or more where they overlap.
    """

    boxes: Array
    label: NDArray[np.int64]
    cost: Array
    mutual: Array


def place_labels(
    points: Array, sizes: Array, frame: Array, markers: Array, lines: Array, *, gap: float, seed: int = 0
) -> list[Array | None]:
    """The lower left corner of each label, `[2]`, or None for one that no place is left for.

    Args:
        points: Points that are labelled, `[N, 2]`.
        sizes: Width and height of each label, `[N, 2]`.
        frame: (left, bottom, right, top), `[4]`; labels stay inside.
        markers: Boxes that must not be covered, `[K, 4]`: markers and error bars.
        lines: Boxes that should not be covered, `[L, 4]`, such as lines in short pieces.
        gap: Least distance from a point to its label.
        seed: Seed of the random moves.

    >>> frame, none = np.array([0.0, 0.0, 100.0, 50.0]), np.zeros((0, 4))
    >>> place_labels(np.array([[50.0, 20.0]]), np.array([[20.0, 8.0]]), frame, none, none, gap=4.0)
    [array([54., 16.])]
    """
    places = _places(points, sizes, frame, markers, lines, gap)
    rng = np.random.default_rng(seed)
    taken = _settled(places, {}, rng.permutation(len(points)))
    for _ in range(KICKS if len(taken) > 1 else 0):
        moved = {k: int(rng.choice(np.flatnonzero(places.label == k))) for k in rng.choice(list(taken), KICKED)}
        other = _settled(places, taken | moved, rng.permutation(len(points)))
        taken = min(taken, other, key=lambda chosen: _total(places, chosen))
    covers = {k: (places.mutual[place, list(taken.values())] >= COVERS_LABEL).sum() for k, place in taken.items()}
    kept: dict[int, int] = {}
    for k in sorted(taken, key=lambda k: int(covers[k])):
        if (places.mutual[taken[k], list(kept.values())] < COVERS_LABEL).all():
            kept[k] = taken[k]
    return [places.boxes[kept[k], :2] if k in kept else None for k in range(len(points))]


def _places(points: Array, sizes: Array, frame: Array, markers: Array, lines: Array, gap: float) -> Places:
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    side = (unit * np.sqrt(2)).clip(-1, 1)  # the nearest edge or corner of the box, not its middle, faces the point
    reach = np.array(REACHES)[:, None, None]
    middle = points[:, None, None] + gap * reach * unit + sizes[:, None, None] / 2 * side
    half = np.broadcast_to(sizes[:, None, None] / 2, middle.shape)
    boxes = np.concatenate([middle - half, middle + half], axis=-1).reshape(-1, 4)
    label = np.arange(len(points)).repeat(len(REACHES) * DIRECTIONS)
    near = PER_REACH * np.arange(len(REACHES))[:, None] + 0.1 * (1 - unit[:, 0]) / 2  # to the right, all else equal
    cost = np.tile(near.ravel(), len(points))
    free = (boxes[:, :2] >= frame[:2]).all(1) & (boxes[:, 2:] <= frame[2:]).all(1)
    free &= ~(_overlap(boxes, markers) > 0).any(1)
    boxes, label, cost = boxes[free], label[free], cost[free]
    distance = _distance(boxes, points)
    own = distance[np.arange(len(boxes)), label]
    cost += NEARER_POINT * (distance < own[:, None] - 1e-9).sum(1)
    cost += COVERS_LINE * (_overlap(boxes, lines) > 0).sum(1).clip(max=MOST_LINES)
    ways = _ways(boxes, points[label])
    own_markers = _crossed(points[:, None].repeat(2, axis=1), markers)[label]
    cost += CROSSES_MARKER * (_crossed(ways, markers) & ~own_markers).sum(1)
    crossing = _crossed(ways, boxes)
    mutual = COVERS_LABEL * (_overlap(boxes, boxes) > 0) + CROSSES_LABEL * (crossing | crossing.T)
    mutual[label[:, None] == label[None]] = 0
    return Places(boxes, label, cost, mutual)


def _ways(boxes: Array, points: Array) -> Array:
    """Ends of the shortest way from each box to its point, short of both, `[M, 2, 2]`."""
    nearest = points.clip(boxes[:, :2], boxes[:, 2:])
    return np.asarray(nearest[:, None] + WAY[:, None] * (points - nearest)[:, None])


def _crossed(ways: Array, boxes: Array) -> NDArray[np.bool_]:
    """Tells of each straight way `[M, 2, 2]` and box `[K, 4]` if one leads through the other, `[M, K]`.

    It does if no axis separates them: neither those of the box nor the normal of the way.
    """
    around = np.concatenate([ways.min(1), ways.max(1)], axis=1)
    apart = (around[:, None, 2:] <= boxes[:, :2]) | (around[:, None, :2] >= boxes[:, 2:])
    along = (ways[:, 1] - ways[:, 0])[:, None]
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2 - ways[:, :1], (boxes[:, 2:] - boxes[:, :2]) / 2
    beside = np.abs(along[..., 0] * middle[..., 1] - along[..., 1] * middle[..., 0])
    return np.asarray(~apart.any(-1) & (beside <= (np.abs(along[..., ::-1]) * half).sum(-1)))


def _settled(places: Places, chosen: dict[int, int], order: NDArray[np.int64]) -> dict[int, int]:
    """The place of each label that has a free one, chosen in turn until nothing changes."""
    mine = {int(k): np.flatnonzero(places.label == k) for k in order}
    chosen = dict(chosen)
    for _ in range(SWEEPS):
        before = dict(chosen)
        for k, own in mine.items():
            if len(own):
                others = np.array([place for other, place in chosen.items() if other != k], dtype=np.int64)
                cost = places.cost[own] + places.mutual[np.ix_(own, others)].sum(1)
                chosen[k] = int(own[np.argmin(cost)])
        if chosen == before:
            break
    return chosen


def _total(places: Places, chosen: dict[int, int]) -> float:
    taken = list(chosen.values())
    return float(places.cost[taken].sum() + places.mutual[taken][:, taken].sum() / 2)


def _overlap(one: Array, other: Array) -> Array:
    """Common area of each pair of boxes, `[M, K]`."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    return np.asarray((high - low).clip(0).prod(-1))


def _distance(boxes: Array, points: Array) -> Array:
    """Distance of each box from each point, `[M, N]`."""
    beyond = np.maximum(boxes[:, None, :2] - points[None], points[None] - boxes[:, None, 2:]).clip(0)
    return np.asarray(np.linalg.norm(beyond, axis=-1))
