"""Rows of a store as columns for a page, exact; and their layers, rounded."""

import json
from collections.abc import Sequence
from typing import Any

from ..results import Flat, flat, without_layers
from ..store import Row, columns_of

EXACT = 2**53  # whole numbers up to here are exact in JavaScript
DIGITS = 5


def columnar(rows: Sequence[Row]) -> dict[str, dict[str, list[Any]]]:
    """Columns as their distinct values `of` and the place `at` of each row's value among them.

    `at` is left out where all rows share a value, or each has another.

    Whole numbers beyond 2^53, which a page could not hold exactly, become texts.

    >>> columnar([{"seed": 0, "draws": 1, "images": 50}, {"seed": 2**64 - 1, "draws": 1, "images": 50}])
    {'images': {'of': [50]}, 'draws': {'of': [1]}, 'seed': {'of': [0, '18446744073709551615']}}
    >>> columnar([{"seed": 3}, {"seed": 0}, {"seed": 3}])
    {'seed': {'of': [3, 0], 'at': [0, 1, 0]}}
    """
    flats = [flat(without_layers(row)) for row in rows]
    return {name: _column(name, flats) for name in columns_of(flats)}


def _column(name: str, flats: Sequence[Flat]) -> dict[str, list[Any]]:
    found: dict[str, int] = {}
    at = [found.setdefault(json.dumps(_held(row.get(name)), allow_nan=False), len(found)) for row in flats]
    of = [json.loads(text) for text in found]
    return {"of": of} if len(of) in (1, len(at)) else {"of": of, "at": at}


def _held(value: Any) -> Any:
    """The value as JavaScript can hold it."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT:
        return str(value)
    return value


def layers_of(rows: Sequence[Row]) -> dict[str, Any]:
    """R_f of each layer: names and depths once for rows that share them, R with its interval to five digits.

    Rows with E have it beside D, for each layer; None where a layer has none.

    >>> interval = {"value": 0.123456789, "low": 0.1, "high": 0.2}
    >>> layers_of([{}, {"layers": [{"name": "fc", "depth": 1.0, "R": interval}]}])
    {'profiles': [{'names': ['fc'], 'depths': [1.0]}], 'rows': [{'row': 1, 'of': 0, 'R': [[0.12346, 0.1, 0.2]]}]}
    """
    profiles: dict[str, int] = {}
    found = []
    for place, row in enumerate(rows):
        layers = row.get("layers")
        if layers and isinstance(layers, list):
            names = [f"{layer['name']} {layer['part']}" if layer.get("part") else layer["name"] for layer in layers]
            depths = [rounded(layer["depth"]) for layer in layers]
            profile = profiles.setdefault(json.dumps({"names": names, "depths": depths}), len(profiles))
            R = [[rounded(layer["R"][end]) for end in ("value", "low", "high")] for layer in layers]
            pairs = [[rounded(layer[name]["value"]) for name in "ED"] if "E" in layer else None for layer in layers]
            found.append({"row": place, "of": profile, "R": R, **({"E": pairs} if any(pairs) else {})})
    return {"profiles": [json.loads(text) for text in profiles], "rows": found}


def rounded(value: float) -> float:
    """Rounds to the digits that a picture needs."""
    return float(f"{value:.{DIGITS}g}")
