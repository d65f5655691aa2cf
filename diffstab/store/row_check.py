"""Check that a row has the columns and types that every reader of a store relies on, whoever wrote it.

A store may have a million rows, so the types of all columns of a row are looked up at once.
"""

from collections.abc import Mapping
from dataclasses import fields
from operator import itemgetter
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from ..options import COLUMNS
from ..results import KEY_NAMES, OF_DEFORMATIONS, ROW, ErrorRate, Outcome
from ..statistics import Interval
from .entry import Row


def _kinds() -> dict[str, set[Any]]:
    """Returns the types that the value of each column may have."""
    kinds = {f.name: set(get_args(f.type) if isinstance(f.type, UnionType) else (f.type,)) for f in fields(Outcome)}
    kinds |= {one.column: {one.kind, NoneType} for one in COLUMNS.values()}
    return {name: {get_origin(kind) or kind for kind in kinds[name]} for name in ROW}


KINDS = _kinds()
# Columns that each row has.
NEEDED = {*KEY_NAMES, "D", "G", "R", "dataset", "convention", "images"} - set(OF_DEFORMATIONS)
TEXTS, COUNTS = (itemgetter(*(name for name in ROW if name in NEEDED and kind in KINDS[name])) for kind in (str, int))
INTERVALS = itemgetter("D", "G", "R")
# Columns that may be missing; a value must have the right type.
NUMBERS = [name for name in ROW if float in KINDS[name]]
RATES = [name for name in ROW if NoneType in KINDS[name] and KINDS[name] & {ErrorRate, Interval}]
MORE_COUNTS = [name for name in ROW if int in KINDS[name] and name not in NEEDED]
FLAGS = [name for name in ROW if bool in KINDS[name]]
MORE_TEXTS = [name for name in ROW if str in KINDS[name] and name not in NEEDED]
MORE_MAPPINGS = ["asked", "training", *(name for name in ROW if dict in KINDS[name])]
NUMERIC = {int, float}  # without bool
MOST_SHAPES = 10_000
# names of a row's intervals, by its columns and their types; an empty tuple if they are no measurement's
_known: dict[tuple[tuple[str, ...], tuple[type, ...]], tuple[str, ...]] = {}


def is_measurement(row: Row) -> bool:
    """Returns True if a row read from JSON has every needed column of a measurement, and each value the right type.

    >>> is_measurement({"model": "lenet"})
    False
    """
    shape = (tuple(row), tuple(map(type, row.values())))
    intervals = _known.get(shape)
    if intervals is None:
        if len(_known) > MOST_SHAPES:  # for a store whose rows all differ in their columns
            _known.clear()
        intervals = _known[shape] = _intervals_of(row) if _types_fit(row) else ()
    return (
        len(intervals) > 0
        and min(COUNTS(row)) >= 0
        and all(map(_is_interval, [row[name] for name in intervals]))
        and _are_layers(row.get("layers"))
    )


def _intervals_of(row: Row) -> tuple[str, ...]:
    return ("D", "G", "R", *(name for name in RATES if row.get(name) is not None))


def _types_fit(row: Row) -> bool:
    try:
        INTERVALS(row)
        texts, counts = set(map(type, TEXTS(row))), set(map(type, COUNTS(row)))
    except KeyError:
        return False
    return (
        texts == {str}
        and counts == {int}
        and all(type(row.get(name)) in {*NUMERIC, NoneType} for name in NUMBERS)
        and all(type(row.get(name)) in {int, NoneType} for name in MORE_COUNTS)
        and all(type(row.get(name)) in {bool, NoneType} for name in FLAGS)
        and all(type(row.get(name)) in {str, NoneType} for name in MORE_TEXTS)
        and all(type(row.get(name)) in {dict, NoneType} for name in MORE_MAPPINGS)
    )


def _is_interval(value: Any) -> bool:
    try:
        middle, low, high = type(value["value"]), type(value["low"]), type(value["high"])
    except (KeyError, TypeError):
        return False
    return middle is low is high is float or {middle, low, high} <= NUMERIC


def _are_layers(layers: Any) -> bool:
    return layers is None or (
        isinstance(layers, list)
        and all(
            isinstance(layer, Mapping)
            and isinstance(layer.get("name"), str)
            and type(layer.get("depth")) in NUMERIC
            and all(_is_interval(layer.get(letter)) for letter in "DGR")
            for layer in layers
        )
    )
