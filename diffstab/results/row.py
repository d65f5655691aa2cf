"""Results as rows of a table: values by column."""

from collections.abc import Callable
from functools import cache
from typing import Any

Row = dict[str, Any]
Column = str
Flat = dict[Column, Any]


def value_at(row: Row, column: Column) -> Any:
    """Returns a row's value in a column, with dots for nested values; None if the row has no such column.

    >>> value_at({"R": {"value": 1.0}}, "R.value")
    1.0
    """
    return getter(column)(row)


@cache
def getter(column: Column) -> Callable[[Row], Any]:
    """Returns a function that gives `value_at` of one column."""
    name, *inner = column.split(".")

    def value_of(row: Row) -> Any:
        value = row.get(name)
        for one in inner:
            value = value.get(one) if isinstance(value, dict) else None
        return None if isinstance(value, dict) else value

    return value_of


def flat(row: Row) -> Flat:
    """Flattens nested values: `{"R": {"value": 1}}` becomes `{"R.value": 1}`.

    >>> flat({"R": {"value": 1.0}, "model": "lenet"})
    {'R.value': 1.0, 'model': 'lenet'}
    """
    found: Flat = {}
    for name, value in row.items():
        if isinstance(value, dict):
            for inner, one in flat(value).items():
                found[f"{name}.{inner}"] = one
        else:
            found[name] = value
    return found


def without_layers(row: Row) -> Row:
    """Returns the row without its list of layers, so that it fits into one line of a table.

    The row of an experiment has a number of layers, which stays.
    """
    return {name: value for name, value in row.items() if name != "layers" or isinstance(value, int)}
