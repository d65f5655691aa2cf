"""The setting of a row: the columns in which rows must agree to be compared."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..options import DIFFEO
from .entry import Row

SETTING = tuple(
    "dataset split images draws transform cutoff cutoff_rule temperature delta delta_rule interpolation average "
    "noise_radius_rule noise_norm radius_average median_rule pairs convention".split()
)
BEFORE = {"transform": DIFFEO}  # of rows that were kept before there was a choice


def told_setting(setting: Mapping[str, Any], seeds: Sequence[int] = ()) -> str:
    """A setting in a line, for people.

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
    """What stands in the columns of a row's setting, in rows from before there was a choice too.

    >>> setting_values({"cutoff": 3.0}, ["transform", "cutoff", "split"])
    ('diffeo', 3.0, None)
    """
    return tuple(row.get(column, BEFORE.get(column)) for column in columns)
