"""Whether a row holds what every reader of a store counts on, whoever wrote it."""

import math
from collections.abc import Mapping
from typing import Any

from ..results import KEY_NAMES
from .parts import Row

OF_DEFORMATIONS = {"cutoff", "cutoff_rule", "temperature", "delta_rule"}  # which other transformations have not
MEASURED = frozenset({*KEY_NAMES, "D", "G", "R", "dataset", "convention", "images"}) - OF_DEFORMATIONS  # in every row
TEXTS = (
    "model network_sha256 weights_sha256 data_sha256 dataset convention interpolation average noise_radius_rule "
    "radius_average median_rule pairs batch_norm precision"
).split()
COUNTS = ("draws", "images", "resamples", "seed")
NUMBERS = ("cutoff", "temperature", "delta", "noise_norm", "noise_radius", "fold_fraction", "clamped_fraction")
RATES = ("test_error", "flips_deformation", "flips_noise", "lipschitz")
MORE_TEXTS = "weights weights_tag weights_key head model_source split transform cutoff_rule delta_rule".split()
MORE_MAPPINGS = ("asked", "training", "versions", "preprocessing", "model_options")


def is_measurement(row: Row) -> bool:
    """Whether the columns of a measurement are there, each of its kind; others may be missing, but not be odd.

    >>> is_measurement({"model": "lenet"})
    False
    """
    if not row.keys() >= MEASURED:
        return False
    return (
        all(isinstance(row[name], str) for name in TEXTS)
        and all(_is_count(row[name]) for name in COUNTS)
        and all(_is_interval(row[name]) for name in "DGR")
        and all(row.get(name) is None or _is_number(row[name]) for name in NUMBERS)
        and all(row.get(name) is None or _is_interval(row[name]) for name in RATES)
        and all(row.get(name) is None or isinstance(row[name], str) for name in MORE_TEXTS)
        and all(row.get(name) is None or isinstance(row[name], Mapping) for name in MORE_MAPPINGS)
        and _are_layers(row.get("layers"))
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_interval(value: Any) -> bool:
    ends = ("value", "low", "high")
    return isinstance(value, Mapping) and all(_is_number(value.get(end)) for end in ends)


def _are_layers(layers: Any) -> bool:
    if layers is None:
        return True
    return isinstance(layers, list) and all(
        isinstance(layer, Mapping)
        and isinstance(layer.get("name"), str)
        and _is_number(layer.get("depth"))
        and all(_is_interval(layer.get(letter)) for letter in "DGR")
        for layer in layers
    )
