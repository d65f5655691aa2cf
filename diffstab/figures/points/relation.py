"""The test error of networks against R_f, D_f and 1/G_f: correlations, power laws, beside the paper's values."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...options import base_name
from ...statistics import LEVEL, Array, Interval, PowerLaw, correlation_interval, fitted_power_law
from .point import Point, table_of

QUANTITIES = ("R", "D", "1/G")
COLUMNS = ("error", "D", "G", "R", "R_init")  # of the CSV file

# Correlation of the logarithms with the test error: CIFAR10 in Figs. 5, 15 and 16, the others in Table 2, which has
# that of G, the opposite of 1/G's.
PAPER = {
    "mnist": {"R": 0.75, "D": 0.71, "1/G": 0.43},
    "svhn": {"R": 0.81, "D": 0.87, "1/G": 0.28},
    "fashionmnist": {"R": 0.94, "D": 0.72, "1/G": 0.68},
    "tinyimagenet": {"R": 0.74, "D": 0.69, "1/G": 0.66},
    "cifar10": {"R": 0.97, "D": 0.62, "1/G": 0.85},
}
ALSO = {"mnist5k": "mnist"}  # parts of a data set
ARCHITECTURES = 4  # the fewest for an interval over them


@dataclass(frozen=True)
class Relation:
    """The test error against each quantity, over networks.

    Attributes:
        correlations: Correlations of the logarithms with 95 % intervals, by quantity: `R`, `D`, `1/G`.
        law: error = a R^b.
        root_law: error = a sqrt(R), the paper's.
    """

    correlations: dict[str, Interval]
    law: PowerLaw
    root_law: PowerLaw


def relate(points: Sequence[Point]) -> Relation:
    """Correlations and power laws over networks; intervals are over architectures where networks are `alike`.

    Raises:
        ValueError: If there are fewer than 3 networks, or a quantity is the same for all.
    """
    error, R, groups = values_of(points, "error"), values_of(points, "R"), alike([point.model for point in points])
    found = {name: correlation_interval(error, values_of(points, name), groups=groups) for name in QUANTITIES}
    law, root_law = (fitted_power_law(R, error, exponent=fixed, groups=groups) for fixed in (None, 0.5))
    return Relation(found, law, root_law)


def alike(names: Sequence[str]) -> list[str] | None:
    """The architecture of each network, if some share one: then they are no independent points of a correlation.

    None if all differ, or if there are fewer than 4 architectures, too few for an interval over them.

    >>> alike(["fc_l2", "fc_l2-w4", "lenet", "vgg11", "alexnet"])
    ['fc_l2', 'fc_l2', 'lenet', 'vgg11', 'alexnet']
    >>> alike(["fc_l2-w2", "lenet"]), alike(["fc_l2", "fc_l2-w2", "fc_l2-w4"])
    (None, None)
    """
    own = [base_name(name) for name in names]
    return own if ARCHITECTURES <= len(set(own)) < len(own) else None


def values_of(points: Iterable[Point], name: str) -> Array:
    """A quantity of each point, `[N]`."""
    return np.array([point[name].value for point in points])


def paper_values(dataset: str) -> tuple[str, dict[str, float]] | None:
    """The paper's name for a data set and its correlations there; None where it gives none.

    >>> paper_values("mnist5k")
    ('mnist', {'R': 0.75, 'D': 0.71, '1/G': 0.43})
    """
    name = re.sub(r"[^a-z0-9]", "", dataset.lower())
    name = ALSO.get(name, name)
    return (name, PAPER[name]) if name in PAPER else None


def plain(relation: Relation, dataset: str) -> dict[str, Any]:
    """The JSON form, with the paper's correlations."""
    paper = paper_values(dataset)
    return {
        "correlation": {
            name: {**interval._asdict(), "paper": paper[1][name] if paper else None}
            for name, interval in relation.correlations.items()
        },
        "fit": {"factor": relation.law.factor._asdict(), "exponent": relation.law.exponent._asdict()},
        "fit_of_exponent_half": {"factor": relation.root_law.factor._asdict()},
        "interval": {
            "level": LEVEL,
            "of": "Student's t over networks, of correlations a jackknife of Fisher's z; over architectures, by a "
            "jackknife, if some of at least 4 have several networks",
        },
    }


def networks_table(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Networks as the lines of a table."""
    return table_of(points, COLUMNS, {"model": "name", "error": "test_error"})
