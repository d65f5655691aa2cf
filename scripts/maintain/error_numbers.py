"""Numbers of docs/predicting-error.md, computed from kept rows: correlations, families, predictions, variations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from diffstab.figures.points import read_rows
from diffstab.figures.points.choice import choose
from diffstab.figures.points.networks import gather
from diffstab.figures.points.point import Point
from diffstab.figures.points.relation import QUANTITIES, alike, values_of
from diffstab.models import Shape, resolve_model, traits_of
from diffstab.options import base_name
from diffstab.statistics import (
    Agreement,
    Array,
    CorrelationDifference,
    Interval,
    agreement,
    correlation_difference,
    correlation_interval,
    holm,
    left_out_residuals,
    mean_interval,
    partial_correlation,
)
from diffstab.store import Row

SHAPE = Shape(1, 28, 28, 10)  # images and classes of both data sets
FAMILIES = ("fully connected", "plain", "batch norm", "residual")
TEST_IMAGES = {"fashionmnist": 10_000}
ALL = 15  # networks of the paper
FEWEST = 4  # networks behind a correlation that has an interval
PREDICTORS = {"nothing": (), **{name: (name,) for name in QUANTITIES}, "D_f and 1/G_f": ("D", "1/G")}
Z_95 = 1.96  # half the width of an interval in standard errors


@dataclass(frozen=True)
class Points:
    """Networks as arrays `[N]` in one order.

    Attributes:
        names: Names of the networks.
        values: Test error (`error`), R_f, D_f and 1/G_f (QUANTITIES).
        seeds: Number of seeds of each network.
    """

    names: list[str]
    values: dict[str, Array]
    seeds: list[int]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def error(self) -> Array:
        """Test errors, `[N]`."""
        return self.values["error"]

    @property
    def families(self) -> list[str]:
        """Family of each network."""
        return [family_of(name) for name in self.names]

    @property
    def groups(self) -> list[str] | None:
        """Architecture of each network, where some share one."""
        return alike(self.names)

    def taken(self, chosen: Sequence[bool]) -> "Points":
        """Returns the chosen networks."""
        places = np.flatnonzero(chosen)
        values = {name: own[places] for name, own in self.values.items()}
        return Points([self.names[k] for k in places], values, [self.seeds[k] for k in places])

    def architecture(self) -> Array:
        """Returns the logarithms of the numbers of layers and of parameters, `[N, 2]`."""
        return np.log([(depth_of(name), parameters_of(name)) for name in self.names])

    def of_families(self) -> Array:
        """Returns a column of 0 and 1 for each family except the first, `[N, families - 1]`."""
        own = self.families
        known = list(dict.fromkeys(own))
        return np.array([[float(one == name) for name in known[1:]] for one in own])


@cache
def table_of(path: Path) -> list[Row]:
    """Returns the rows of a kept table; an empty list if there is no such file.

    Trainings of before 2026-11-30 don't say that their test error is over all test images.
    """
    rows = read_rows(path)[0] if path.exists() else []
    for row in rows:
        error = row.get("test_error")
        if row.get("kind") == "train" and error and not error.get("images"):
            error["images"] = TEST_IMAGES[row["dataset"]]
    return rows


def arrays_of(networks: Sequence[Point]) -> Points:
    """Returns networks of the figures as arrays."""
    values = {name: values_of(networks, name) for name in (*QUANTITIES, "error")}
    return Points([one.model for one in networks], values, [one.seeds for one in networks])


def trained_networks(rows: Sequence[Row], filters: Sequence[str] = ()) -> list[Point]:
    """Returns one point per network, by rising R_f."""
    return gather(rows, filters, traits=traits_of).points


def family_of(name: str) -> str:
    """Returns the family of a network: fully connected, plain, batch norm, or residual (with skip connections).

    >>> [family_of(name) for name in ("fc_l2-w4", "lenet", "vgg11_bn-w0.25", "efficientnet_b0-w0.25")]
    ['fully connected', 'plain', 'batch norm', 'residual']
    """
    traits = traits_of(name)
    if base_name(name).startswith("fc_"):
        return FAMILIES[0]
    return FAMILIES[3] if traits.skip else FAMILIES[2] if traits.batch_norm else FAMILIES[1]


def depth_of(name: str) -> int:
    """Returns the number of layers, as the paper counts them."""
    return traits_of(name).depth


@cache
def parameters_of(name: str) -> int:
    """Returns the number of weights and biases."""
    network = resolve_model(name, SHAPE, dataset="mnist5k", weights="init", seed=0).network
    return sum(parameter.numel() for parameter in network.parameters())


def correlations(points: Points) -> dict[str, Interval]:
    """Returns the correlations of log error with the logarithm of each quantity."""
    return {name: correlation_interval(points.error, points.values[name], groups=points.groups) for name in QUANTITIES}


def moves_most(points: Points) -> tuple[str, Interval]:
    """Returns the network without which the correlation with R_f differs most, and the correlation without it."""
    whole = correlations(points)["R"].value
    without = {name: correlations(points.taken([one != name for one in points.names]))["R"] for name in points.names}
    name = max(without, key=lambda one: abs(without[one].value - whole))
    return name, without[name]


def by_family(points: Points) -> dict[str, dict[str, Interval]]:
    """Returns correlations within all families at once (means removed), of the families' means, and in each family."""
    within = {name: partial_correlation(points.error, points.values[name], points.of_families()) for name in QUANTITIES}
    own = {name: points.taken([one == name for one in points.families]) for name in FAMILIES}
    own = {name: part for name, part in own.items() if len(part)}
    log_means = {
        name: np.array([np.exp(np.log(part.values[name]).mean()) for part in own.values()])
        for name in ("error", *QUANTITIES)
    }
    means = Points(list(own), log_means, [0] * len(own))
    several = {name: correlations(part) for name, part in own.items() if len(part) >= FEWEST}
    return {"families' means removed": within, "families' means alone": correlations(means), **several}


def given_architecture(points: Points) -> dict[str, Interval]:
    """Returns partial correlations, given the logarithms of the numbers of layers and of parameters."""
    return {name: partial_correlation(points.error, points.values[name], points.architecture()) for name in QUANTITIES}


def rivals(points: Points) -> dict[str, CorrelationDifference]:
    """Runs the paired tests of R_f against D_f and 1/G_f."""
    R = points.values["R"]
    return {
        name: correlation_difference(points.error, R, points.values[name], groups=points.groups)
        for name in QUANTITIES[1:]
    }


@dataclass(frozen=True)
class Prediction:
    """Quality of predicting a network's error from the other networks.

    Attributes:
        factor: exp of the root mean square of log(error / predicted).
        gain: Decrease of the mean |log(error / predicted)| from its value when predicting the average, with interval.
    """

    factor: float
    gain: Interval | None


def predictions(points: Points) -> dict[str, Prediction]:
    """Predicts each network's error from the others; returns the quality by the quantities that predict."""
    residuals = {
        name: left_out_residuals(points.error, *(points.values[one] for one in own)) for name, own in PREDICTORS.items()
    }
    none = np.abs(residuals["nothing"])
    found = {}
    for name, own in residuals.items():
        gain = none - np.abs(own)
        factor = float(np.exp(np.sqrt((own**2).mean())))
        found[name] = Prediction(factor, mean_interval(gain) if PREDICTORS[name] else None)
    return found


def seeds_agree(rows: Sequence[Row], quantity: str) -> tuple[Agreement, dict[str, float]]:
    """Compares the spread of log R_f (or another quantity) over seeds with the standard errors.

    Returns:
        Agreement over all networks, and the factor of each network: spread in standard errors.
    """
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in choose(rows).trained:
        value, low, high = (row[quantity][end] for end in ("value", "low", "high"))
        groups.setdefault(row["model"], []).append((np.log(value), np.log(high / low) / (2 * Z_95)))
    pairs = {name: tuple(np.array(own).T) for name, own in groups.items() if len(own) > 1}
    return agreement(list(pairs.values())), {name: agreement([own]).factor for name, own in pairs.items()}


@dataclass(frozen=True)
class Settling:
    """Errors of a network in two trainings, of which the second has twice the epochs.

    Attributes:
        name: Name of the network.
        half, full: Error with half the epochs of the second and with all.
        lowered: Share by which twice the epochs lower the error.
    """

    name: str
    half: float
    full: float

    @property
    def lowered(self) -> float:
        return 1 - self.full / self.half


def settling(rows: Sequence[Row], half: Sequence[Row]) -> list[Settling]:
    """Returns the errors of each network and seed that has both trainings."""
    full = _errors(rows)
    return [
        Settling(name, error, full[name, seed]) for (name, seed), error in _errors(half).items() if (name, seed) in full
    ]


def _errors(rows: Sequence[Row]) -> dict[tuple[str, int], float]:
    return {(row["model"], row["training"]["seed"]): row["test_error"]["value"] for row in choose(rows).trained}


@dataclass(frozen=True)
class Variant:
    """Correlations for R_f measured in another way.

    Attributes:
        name: Difference from the usual way.
        networks: Number of networks.
        found: Correlation of log error with each quantity.
        against: Paired test against the usual way.
    """

    name: str
    networks: int
    found: dict[str, Interval]
    against: CorrelationDifference | None = None

    @property
    def told(self) -> str:
        """Name, with the number of networks if not all 15 were measured."""
        return self.name if self.networks == ALL else f"{self.name} ({self.networks} networks)"


def variants(rows: Sequence[Row], usual: Mapping[str, object]) -> list[Variant]:
    """Returns correlations for each way to measure R_f; `usual` has the columns of the way to compare with."""
    columns = ("split", "convention", "average", "interpolation", "delta", "cutoff", "images")
    trained = choose(rows).trained
    errors = {row["weights_sha256"]: row["test_error"]["value"] for row in trained if row["split"] == "test"}
    ways: dict[tuple[object, ...], dict[str, Row]] = {}
    for row in trained:
        ways.setdefault(tuple(row[column] for column in columns), {})[row["model"]] = row
    base = ways.get(tuple(usual[column] for column in columns), {})
    found = []
    for way, own in ways.items():
        names = [name for name in own if own[name]["weights_sha256"] in errors]
        if len(names) < FEWEST:
            continue
        error = np.array([errors[own[name]["weights_sha256"]] for name in names])
        values = {one: np.array([own[name][one]["value"] for name in names]) for one in "RDG"}
        values["1/G"] = 1 / values.pop("G")
        told = Variant(
            _way_told(dict(zip(columns, way, strict=True)), usual),
            len(names),
            correlations(Points(names, {"error": error, **values}, [])),
        )
        if own is base:
            found.insert(0, told)
        elif set(names) == set(base):
            usual_R = np.array([base[name]["R"]["value"] for name in names])
            found.append(replace(told, against=correlation_difference(error, values["R"], usual_R)))
        else:
            found.append(told)
    return _adjusted(found)


def _adjusted(found: Sequence[Variant]) -> list[Variant]:
    """Sorts by name after the usual way, and adjusts p-values for the number of tests (Holm)."""
    tested = [one for one in found if one.against]
    p_values = holm(np.array([one.against.p for one in tested]))
    tested = [replace(one, against=one.against._replace(p=float(p))) for one, p in zip(tested, p_values, strict=True)]
    return [*(one for one in found if not one.against), *sorted(tested, key=lambda one: one.name)]


def _way_told(way: Mapping[str, object], usual: Mapping[str, object]) -> str:
    if way["split"] != usual["split"]:
        return "on training images"
    if way["convention"] != usual["convention"]:
        return f"convention `{way['convention']}`"
    if way["average"] != usual["average"]:
        return f"`{way['average']}` in place of `{usual['average']}`"
    images = f", {way['images']:,} images" if way["images"] != usual["images"] else ""
    kind = f", {way['interpolation']}" if way["interpolation"] != usual["interpolation"] else ""
    return f"delta = {way['delta']:g}, c = {way['cutoff']:g}{kind}{images}"
