"""Results as rows of a table: values by column, and the setting, the columns that compared rows must agree in."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from ..options import DIFFEO

Row = dict[str, Any]
Column = str
Flat = dict[Column, Any]

SETTING = tuple(
    "dataset split images draws transform cutoff cutoff_rule temperature delta delta_rule interpolation average "
    "noise_radius_rule noise_norm radius_average median_rule pairs convention".split()
)
BEFORE = {"transform": DIFFEO}  # values of columns that older rows lack


def told_setting(setting: Mapping[str, Any], seeds: Sequence[int] = ()) -> str:
    """Returns a setting as one line of text.

    >>> told_setting({"dataset": "mnist5k", "images": 500, "draws": 1, "cutoff": 3.0, "average": "mean"}, [0, 1])
    '500 images of mnist5k, draws: 1, seed 0, 1; c = 3, mean'
    """
    named = setting.get
    split = f"/{named('split')}" if named("split") else ""
    images = f"{named('images')} images of " if named("images") is not None else ""
    transform = named("transform")
    parts = [
        None if transform == DIFFEO else transform,
        None if named("cutoff") is None else f"c = {named('cutoff'):g}",
        None if named("delta") is None else f"delta = {named('delta'):.3g} px",
        None if named("noise_norm") is None else f"||eta|| = {named('noise_norm'):.3g}",
        *(named(name) for name in ("interpolation", "average")),
        None if named("convention") is None else f"{named('convention')} convention",
    ]
    what = [f"{images}{named('dataset')}{split}"]
    what += [] if named("draws") is None else [f"draws: {named('draws')}"]
    what += [f"seed {', '.join(map(str, seeds))}"] if seeds else []
    about = ", ".join(str(part) for part in parts if part)
    return "; ".join([", ".join(what), *([about] if about else [])])


def setting_values(row: Row, columns: Sequence[str] = SETTING) -> tuple[Any, ...]:
    """Returns a row's values in the columns of its setting. A column that older rows lack gets the value they had.

    >>> setting_values({"cutoff": 3.0}, ["transform", "cutoff", "split"])
    ('diffeo', 3.0, None)
    """
    return tuple(row.get(column, BEFORE.get(column)) for column in columns)


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
    """Returns the row without its list of layers, so that it fits into one line of a table."""
    return {name: value for name, value in row.items() if name != "layers"}
