"""Points of networks from the rows of their measurements, averaged over seeds: one a network, or curves over a sweep.

A network is a `model` name; its seeds are its trainings, told apart by their weights. Several measurements of the same
weights (other images, fields and noise) are log-averaged first. All points share one measuring setting, but for the
columns of a `Sweep`, which tell the points of a curve apart; a curve is of a network after training or at
initialisation.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...checks import escaped
from ...options import base_name
from ...store import Row
from .choice import Chosen, choose
from .point import Gathered, Point, points_of
from .setting import grouped, is_like, refuse_mixed, refuse_several_settings, setting_of, together

TRAITS = ("depth", "batch_norm", "skip")  # columns of the points; None where the architecture is not known
QUANTITIES = ("R", "G", "D")  # of the table of curves


def gather(
    rows: Sequence[Row],
    filters: Sequence[str] = (),
    *,
    traits: Callable[[str], Sequence[Any] | None] = lambda name: None,
) -> Gathered:
    """The networks that rows are about, by rising R. Rows of trained networks count; those at initialisation give
    `R_init`.

    Args:
        rows: Rows of a store.
        filters: Conditions that every row must pass, as in `store.select`.
        traits: Function from a model's name to TRAITS, such as `diffstab.models.traits_of`.

    Raises:
        ValueError: If no trained network is there; if rows differ in a setting, or those of a network in how it was
            trained; if a test error is missing, or a value is 0 where a logarithm is taken.

    >>> head = {"status": "done", "kind": "measure", "weights": "train", "model": "lenet", "cutoff": 3.0}
    >>> rates = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> error = {"value": 0.02, "low": 0.01, "high": 0.04, "images": 500}
    >>> found = gather([{**head, **rates, "test_error": error, "weights_sha256": "a"}])
    >>> found.points[0]["R"], found.setting["cutoff"]
    (Spread(value=0.5, log_sd=None, low=0.4, high=0.6), 3.0)
    """
    trained, fresh, notes, told = choose(rows, filters)
    if not trained:
        raise ValueError(
            f"no measurement of a trained network is among {told}; measure some with weights: train, or filter less"
        )
    refuse_mixed(trained)
    labels = labels_of(grouped(trained, "model"))
    alike = [row for row in fresh if row["model"] in labels and is_like(row, trained[0])]
    R_init = {point.model: {"R_init": point["R"]} for point in points_of(alike, ["model"], notes, ["R"])}
    points = []
    for point in points_of(trained, ["model"], notes, ("error", "D", "G", "R")):
        at = {**point.at, **dict(zip(TRAITS, traits(point.model) or [None] * len(TRAITS), strict=True))}
        spreads = {**point.spreads, **R_init.get(point.model, {})}
        points.append(replace(point, at=at, spreads=spreads, label=labels[point.model]))
    points.sort(key=lambda point: point["R"].value)
    return Gathered(points, setting_of(trained[0]), list(dict.fromkeys(notes)))


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


def gather_series(
    chosen: Chosen,
    sweep: Sweep,
    unfold: Callable[[Row], Iterable[Row]] = lambda row: [row],
    quantities: Sequence[str] = ("D", "G", "R"),
    optional: Sequence[str] = (),
) -> Gathered:
    """The points that rows make up, curve by curve: by name, the trained one of a network first, by rising x.

    Args:
        chosen: Rows from `choice.choose`.
        sweep: Columns in which the rows may differ.
        unfold: Makes several rows of one, such as one for each layer.
        quantities: Quantities of the points.
        optional: Further quantities, of the points that have rows with them.

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
                for one in points_of(parts, sweep.places, notes, quantities, x=sweep.x, optional=optional)
            ]
            points += curve
            notes += _uneven(curve)
    along = sweep.places if sweep.x is None else [sweep.x]  # at equal x in the order of the rows
    points.sort(key=lambda one: (one.model, one.fresh, [_rank(one.at[column]) for column in (*sweep.by, *along)]))
    return Gathered(points, setting_of((trained or fresh)[0], sweep.columns), list(dict.fromkeys(notes)))


def _uneven(curve: list[Point]) -> list[str]:
    seeds = [point.seeds for point in curve]
    if min(seeds) == max(seeds):
        return []
    when = " at initialisation" if curve[0].fresh else ""
    return [f"the points of {curve[0].model}{when} have {min(seeds)} to {max(seeds)} seeds"]


def _rank(value: Any) -> tuple[int, float, str]:
    """Numbers first, then texts."""
    return (0, float(value), "") if isinstance(value, (int, float)) else (1, 0.0, str(value))


def labels_of(names: Iterable[str]) -> dict[str, str]:
    """Short names: without the source's prefix and the width, unless two networks would share one.

    >>> labels_of(["vgg11-w0.25", "paper:lenet-w0.5", "lenet-w1"])
    {'vgg11-w0.25': 'vgg11', 'paper:lenet-w0.5': 'lenet-w0.5', 'lenet-w1': 'lenet-w1'}
    """
    labels = {name: name for name in names}
    for shorter in (lambda name: name.rpartition(":")[2], base_name):
        tried = {name: shorter(label) for name, label in labels.items()}
        times = Counter(tried.values())
        labels = {name: tried[name] if times[tried[name]] == 1 else label for name, label in labels.items()}
    return {name: escaped(label).replace("$", r"\$") for name, label in labels.items()}  # no formula to matplotlib
