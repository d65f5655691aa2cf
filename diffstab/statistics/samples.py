"""Squared changes of several networks over the same images, and R_f of each in common resamples. Pure, numpy, float64.

Networks measured with the same seed saw the same images, fields and noise directions. So much of the random error of
their R_f is common and cancels in a ratio. One bootstrap over images serves all networks.

A network measured with several seeds has one block of values per seed. Its R is the log-average exp(mean log R_k) over
blocks. Images are resampled, each with its fields and noise; an image in two blocks counts equally often in both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..checks import LARGEST_SEED, positive_integer
from ..options import MOST_RESAMPLES
from .averages import Statistic, generator, resampled_average
from .intervals import Array


@dataclass(frozen=True, eq=False)
class PairedSample:
    """Squared changes of one network's output for one seed; all networks have the images in the same order.

    Attributes:
        deformation: Squared changes a under deformation, `[N, draws, K]`; K is 1 for the squared norm, or the number of
            outputs.
        noise: Squared changes b under noise, `[N, draws, K]`.
        indices: Indices of the images in their data set, `[N]`; None if unknown.

    Raises:
        ValueError: If shapes do not fit, if there are fewer than 2 images, if a value is negative or not finite, or if
            an image is listed twice.
    """

    deformation: Array
    noise: Array
    indices: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.deformation)
        if len(shape) != 3 or shape != np.shape(self.noise) or 0 in shape:
            raise ValueError(f"deformation is {shape}, noise {np.shape(self.noise)}; two of [N, draws, K] are needed")
        if shape[0] < 2:
            raise ValueError(f"{shape[0]} image; networks are compared over images, so at least 2 are needed")
        for name in ("deformation", "noise"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if not (np.isfinite(values) & (values >= 0)).all():
                raise ValueError(f"{name} has negative or non-finite values; squared changes are needed")
            object.__setattr__(self, name, values)
        if self.indices is not None:
            indices = np.asarray(self.indices)
            if indices.shape != shape[:1] or len(np.unique(indices)) < len(indices):
                raise ValueError(f"indices are {indices.shape}; one for each of {shape[0]} images, no image twice")
            object.__setattr__(self, "indices", indices)


def log_stability(
    samples: Mapping[str, Sequence[PairedSample]], statistic: Statistic, *, resamples: int, seed: int
) -> tuple[Array, Array]:
    """log R of the networks, `[networks]`, and in their resamples, `[networks, resamples]`.

    A resample's value is NaN if a block has no image, and infinite if <a> or <b> is 0.
    """
    resamples = positive_integer("resamples", resamples, least=100, most=MOST_RESAMPLES)
    seed = positive_integer("seed", seed, least=0, most=LARGEST_SEED)
    _check_alike(samples, statistic)
    weights = multiplicities(next(iter(samples.values())), resamples, seed)
    logs = np.empty((len(samples), len(weights), 1 + resamples))
    for i, (name, blocks) in enumerate(samples.items()):
        for k, (block, drawn) in enumerate(zip(blocks, weights, strict=True)):
            a, b = (resampled_average(v, drawn, statistic) for v in (block.deformation, block.noise))
            if b[0] == 0:
                raise ValueError(
                    f"{name}, block {k}: the output does not change under noise (<b> = 0); R_f is not defined"
                )
            if a[0] == 0:
                raise ValueError(
                    f"{name}, block {k}: the output does not change when images are deformed (<a> = 0); "
                    "R_f is 0, and its ratio to the R_f of another network is not defined"
                )
            with np.errstate(divide="ignore", invalid="ignore"):
                logs[i, k] = np.log(a) - np.log(b)
    with np.errstate(invalid="ignore"):
        averaged = logs.mean(1)
    return averaged[:, 0], averaged[:, 1:]


def multiplicities(blocks: Sequence[PairedSample], resamples: int, seed: int) -> list[NDArray[np.int64]]:
    """Numbers of times each image is drawn: `[1 + resamples, N]` per block. The first row is the sample itself."""
    rng = generator(seed, "bootstrap")  # the generator of `stability`, so that one block of medians has its interval

    def drawn(count: int) -> NDArray[np.int64]:
        rows = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
        return np.concatenate([np.ones((1, count), dtype=np.int64), rows])

    indices = [block.indices for block in blocks if block.indices is not None]
    if not indices:
        return [drawn(len(block.noise)) for block in blocks]
    images = np.unique(np.concatenate(indices))
    joint = drawn(len(images))
    return [joint[:, np.searchsorted(images, own)] for own in indices]


def _check_alike(samples: Mapping[str, Sequence[PairedSample]], statistic: Statistic) -> None:
    """Raises ValueError unless all networks were measured on the same blocks of images."""
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} network; at least 2 are needed to compare")
    own, expected = next(iter(samples.items()))
    if not expected or len({block.indices is None for block in expected}) > 1:
        raise ValueError(f"{own} has {len(expected)} blocks; at least 1, and indices in all or in none, are needed")
    for name, blocks in samples.items():
        if _layout(blocks) != _layout(expected):
            raise ValueError(
                f"blocks of (images, draws, whether indices are given) are {_layout(expected)} for {own} and "
                f"{_layout(blocks)} for {name}; all networks must have the same"
            )
        for k, (block, other) in enumerate(zip(blocks, expected, strict=True)):
            if statistic.average == "median" and not statistic.per_coordinate and block.noise.shape[2] != 1:
                raise ValueError(
                    f"{name}, block {k}: {block.noise.shape[2]} values a draw; the median rule 'norm' takes one, "
                    "the squared norm"
                )
            for at, (here, there) in enumerate(zip(_listed(other), _listed(block), strict=True)):
                if here != there:
                    raise ValueError(
                        f"block {k}, position {at}: image {here} for {own} and {there} for {name}; "
                        "the same images in the same order are needed"
                    )


def _layout(blocks: Sequence[PairedSample]) -> list[tuple[int, int, bool]]:
    return [(*block.noise.shape[:2], block.indices is not None) for block in blocks]


def _listed(block: PairedSample) -> list[int]:
    return [] if block.indices is None else block.indices.tolist()
