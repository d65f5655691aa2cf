"""R, D and the test error of networks trained for stability, by the weight of the penalty, beside augmentations."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from ...store import Row
from ..drawing.axes import UNIT, draw_unit, figure_of, name_places, set_log
from ..drawing.codes import AXES, Look, network_looks
from ..drawing.lines import Drawn, draw_legend, draw_points, look_keys
from ..points.choice import Chosen, choose
from ..points.networks import Sweep, gather_series
from ..points.point import Point, split, table_of
from .groups import NONE, augmentation_of, beside, by_training

WAY = "way"  # a column that rows get here
QUANTITIES = {"R": AXES["R"], "D": "$D_f$", "error": AXES["error"]}
OVER_WAYS = Sweep(
    None, places=("dataset", WAY), follows=("images", "temperature", "training.dataset"), trainings=("dataset", WAY)
)
PENALTY = "penalty "
ROW, BELOW, APART = 1.9, 1.0, 0.45  # inches of a row of panels and of what stands below; share of a place that is used


def penalty_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f, D_f and the test error of networks by how they were trained, a column for each data set.

    From left to right: neither, augmentations, then D_f in the loss (`train --penalty`), by its weight.

    Raises:
        ValueError: If no network was trained with a penalty; if rows differ in another setting, or those of a network
            in how else it was trained; if a number is missing or has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in ("D", "G", "R", "test_error")}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "train", "dataset": "mnist5k"}
    >>> rows = [{**head, **numbers, "training": {"penalty": weight}} for weight in (1.0, 0.1)]
    >>> [line["way"] for line in penalty_figure(rows).table]
    ['penalty 0.1', 'penalty 1']
    """
    chosen = _by_way(choose(rows, filters))
    points, setting, notes = gather_series(chosen, OVER_WAYS, quantities=[*QUANTITIES])
    points.sort(key=lambda one: (one.model, one.at["dataset"], _order(one.at[WAY])))
    ways, datasets = sorted(split(points, WAY), key=_order), split(points, "dataset")
    looks = network_looks(split(points, "label"))
    size = (ROW * len(QUANTITIES) + BELOW, len(QUANTITIES), len(datasets))
    with figure_of(*size, squeeze=False, sharex=True, sharey="row") as (figure, grid):
        for (quantity, told), panels in zip(QUANTITIES.items(), grid, strict=True):
            for panel, (dataset, own) in zip(panels, datasets.items(), strict=True):
                panel.set_title(str(dataset) if panel in grid[0] else "")
                for label, curve in split(own, "label").items():
                    _draw(panel, curve, quantity, ways, [*looks].index(label), looks)
                name_places(panel, "x", [way.replace(" (", "\n(") for way in ways], rules=True)
                panel.tick_params("x", labelrotation=90)
            panels[0].set_ylabel(told)
            set_log(panels[0], "y", points, quantity, more=[UNIT] if quantity == "R" else [])
        for panel in grid[0]:
            draw_unit(panel)
        draw_legend(figure, look_keys(looks))
    return Drawn(figure, table_of(points, [*QUANTITIES]), notes, setting)


def _draw(
    panel: Axes, points: Sequence[Point], quantity: str, ways: Sequence[str], place: int, looks: Mapping[str, Look]
) -> None:
    """A network's points beside those of the others, those of penalties on a line."""
    look, offset = looks[points[0].label], beside(place, len(looks), APART)
    for joined in (False, True):
        own = [point for point in points if str(point.at[WAY]).startswith(PENALTY) == joined]
        places = [ways.index(point.at[WAY]) + offset for point in own]
        if own:
            name = f"{own[0].label} {own[0].at['dataset']} {quantity}{' by weight' if joined else ''}"
            draw_points(panel, own, places, quantity, look, name=name, joined=joined)


def _by_way(chosen: Chosen) -> Chosen:
    """The rows of networks that a sweep trained, with the names of how."""
    taught = by_training(chosen, WAY, _way_of)
    if not any(str(row[WAY]).startswith(PENALTY) for row in taught.trained):
        raise ValueError(f"no network was trained with a penalty among {chosen.told}; sweep train: {{penalty: [0, 1]}}")
    return taught


def _way_of(training: Mapping[str, Any]) -> str:
    """Names how a network was trained from its options: the penalty and its weight, augmentation, or both."""
    weight, augmented = training.get("penalty"), augmentation_of(training)
    both = f" + {augmented}" if augmented != NONE else ""
    return f"{PENALTY}{weight:g}{both}" if weight else augmented


def _order(way: str) -> tuple[bool, bool, float, str]:
    """Sorts none first, then augmentations, then penalties by their weight."""
    weight = float(way.split()[1]) if way.startswith(PENALTY) else 0.0
    return way != NONE, weight > 0, weight, way
