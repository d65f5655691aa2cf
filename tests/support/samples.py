"""Samples of networks with changes of a known law."""

import numpy as np

from diffstab.statistics.averages import Statistic
from diffstab.statistics.comparison import compare_pair
from diffstab.statistics.samples import PairedSample

PAPER = Statistic()
MEAN = Statistic("mean")
REFERENCE = Statistic("median", "coordinate", "all")
EVERY = [PAPER, MEAN, REFERENCE]


def sample(rng, *, count=40, draws=2, statistic=PAPER, indices=None, stability=1.0) -> PairedSample:
    shape = (count, draws, 3 if statistic.per_coordinate else 1)
    return PairedSample(stability * rng.lognormal(size=shape), rng.lognormal(size=shape), indices)


def compare(first, second, statistic=PAPER, **options):
    return compare_pair(first, second, statistic, **{"resamples": 200, "seed": 0, **options})


def reordered(block: PairedSample, order: np.ndarray) -> PairedSample:
    return PairedSample(block.deformation[order], block.noise[order], block.indices[order])
