"""Curves of networks over something that was swept: rows become points, log-averaged over seeds.

A curve is of a network after training or at initialisation; its points are told apart by the columns of a `Sweep`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from ...store import Row
from .choice import Chosen
from .networks import labels_of
from .point import Gathered, Point, points_of
from .setting import grouped, is_like, refuse_mixed, refuse_several_settings, setting_of, together

QUANTITIES = ("R", "G", "D")  # of the table


@dataclass(frozen=True)
class Sweep:
    """The columns in which the rows of a figure differ; in all others they agree.

    Attributes:
        x: Column along the axis; None if no column of numbers lies there.
        places: Columns that tell the points of a curve apart.
        by: Columns that tell the curves of a network apart.
        follows: Columns that differ as a consequence of these.
        trainings: Columns of `by` in which trainings differ from curve to curve.
    """

    x: str | None
    places: tuple[str, ...]
    by: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    trainings: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns in which rows may differ."""
        return (*self.by, *self.places, *self.follows)


def gather_series(chosen: Chosen, sweep: Sweep, unfold: Callable[[Row], Iterable[Row]] = lambda row: [row]) -> Gathered:
    """The points that rows make up, curve by curve: by name, the trained one of a network first, by rising x.

    Args:
        chosen: Rows from `choice.choose`.
        sweep: Columns in which the rows may differ.
        unfold: Makes several rows of one, such as one for each layer.

    Raises:
        ValueError: If there are no rows; if they differ in another setting, or those of a network in how it was
            trained; if a number is missing or has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"model": "lenet", "weights": "pretrained", "weights_sha256": "a", "cutoff": 3.0, **numbers}
    >>> rows = [{**head, "delta": delta} for delta in (2.0, 1.0)]
    >>> found = gather_series(Chosen(rows, [], [], ""), Sweep("delta", places=("delta",)))
    >>> [(point.at["delta"], point["R"].value) for point in found.points], found.setting["cutoff"]
    ([(1.0, 0.5), (2.0, 0.5)], 3.0)
    """
    trained, notes = chosen.trained, list(chosen.notes)
    fresh = [row for row in chosen.fresh if not trained or is_like(row, trained[0], sweep.columns)]
    refuse_several_settings(fresh, sweep.columns)
    if not trained and not fresh:
        raise ValueError(f"no measurement is among {chosen.told}; measure some, or filter less")
    refuse_mixed(trained, sweep.columns, sweep.trainings)
    if len(fresh) < len(chosen.fresh):
        notes.append(f"{len(chosen.fresh) - len(fresh)} rows at initialisation under other settings are left out")
    labels = labels_of(grouped([*trained, *fresh], "model"))
    points: list[Point] = []
    for weights, rows in (("trained", trained), ("init", fresh)):
        for place, own in together(rows, ("model", *sweep.by)).items():
            by = dict(zip(sweep.by, place[1:], strict=True))
            name = " ".join(map(str, [*place, *(["init"] if weights == "init" else [])]))
            parts = [part for row in own for part in unfold(row)]
            curve = [
                replace(
                    one, at={"model": place[0], "weights": weights, **by, **one.at}, label=labels[place[0]], curve=name
                )
                for one in points_of(parts, sweep.places, notes, ("D", "G", "R"), x=sweep.x)
            ]
            points += curve
            notes += _uneven(curve)
    along = sweep.places if sweep.x is None else [sweep.x]  # at equal x in the order of the rows
    points.sort(key=lambda one: (one.model, one.fresh, [_rank(one.at[column]) for column in (*sweep.by, *along)]))
    shared = setting_of((trained or fresh)[0])
    setting = {column: value for column, value in shared.items() if column not in sweep.columns}
    return Gathered(points, setting, list(dict.fromkeys(notes)))


def _uneven(curve: list[Point]) -> list[str]:
    seeds = [point.seeds for point in curve]
    if min(seeds) == max(seeds):
        return []
    when = " at initialisation" if curve[0].fresh else ""
    return [f"the points of {curve[0].model}{when} have {min(seeds)} to {max(seeds)} seeds"]


def _rank(value: Any) -> tuple[int, float, str]:
    """Numbers first, then texts."""
    return (0, float(value), "") if isinstance(value, (int, float)) else (1, 0.0, str(value))
