"""Rows as those of the 15 networks of the paper."""

import math
from typing import NamedTuple

import numpy as np
from support.measured_rows import row


class Traits(NamedTuple):
    depth: int
    batch_norm: bool
    skip: bool


TRAITS = {
    **{f"fc_l{n}": Traits(n, False, False) for n in (2, 4, 6)},
    "lenet": Traits(5, False, False),
    "alexnet": Traits(8, False, False),
    **{f"vgg{n}": Traits(n, False, False) for n in (11, 16, 19)},
    **{f"vgg{n}_bn": Traits(n, True, False) for n in (11, 16, 19)},
    **{f"resnet{n}": Traits(n, True, True) for n in (18, 34, 50)},
    "efficientnet_b0": Traits(18, True, True),
    "vit_tiny": Traits(14, False, True),
}
# R of networks as in Fig. 5
R_OF = dict(
    zip(TRAITS, (3.2, 4, 3.6, 1.4, 0.9, 0.3, 0.2, 0.21, 0.22, 0.12, 0.13, 0.1, 0.085, 0.09, 0.06), strict=False)
)


def rows_like_the_papers(seeds=3, init=False):
    rng = np.random.default_rng(5)
    found = []
    for name, R in R_OF.items():
        G, error = 0.006 * R**-0.3 * math.exp(0.3 * rng.normal()), 0.03 * R**0.38 * math.exp(0.1 * rng.normal())
        for seed in range(seeds):
            a, b, c = np.exp(0.1 * rng.normal(size=3))
            found.append(row(name, seed, R=R * a, G=G * b, error=error * c))
            if init:
                found.append(row(name, seed, R=a, G=0.4, error=0.9, weights="init"))
    return found
