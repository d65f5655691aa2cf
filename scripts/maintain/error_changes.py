"""Effect of single changes on R_f and test error: further networks, and other numbers of training images."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from error_numbers import QUANTITIES, Points, arrays_of

from diffstab.figures.points.choice import choose
from diffstab.figures.points.point import Point, points_of
from diffstab.figures.points.setting import TASK, refuse_several_settings
from diffstab.options import TrainOptions, base_name
from diffstab.statistics import Array, Interval, binomial_interval, partial_correlation
from diffstab.store import Row

P = "training.train_size"
KINDS = {  # kinds of changes, by the options that show them; if several fit, the first counts
    "label noise": ("label_noise",),
    "fewer training images": ("train_size",),
    "augmentation": ("translate", "flip", "diffeo_temperature"),
    "recipe": ("optimizer", "lr", "weight_decay"),
}
OPTIONS = [name for names in KINDS.values() for name in names]
WIDTH = "width"


@dataclass(frozen=True)
class Many:
    """Networks of several widths and trainings, each with its change from the usual network.

    Attributes:
        points: Test error, R_f, D_f and 1/G_f of the N networks.
        groups: Points of the networks.
        changed: Kind of change, or None, `[N]`.
        usual: Position of the network to compare with, or None, `[N]`.
    """

    points: Points
    groups: list[Point]
    changed: list[str | None]
    usual: list[int | None]

    def of_kinds(self, kinds: Sequence[str | None]) -> Points:
        """Returns the networks with these kinds of change."""
        return self.points.taken([one in kinds for one in self.changed])

    def within_networks(self) -> dict[str, Interval]:
        """Returns partial correlations over all networks, with the mean of each architecture removed."""
        names = [base_name(name) for name in self.points.names]
        columns = np.array([[float(name == one) for one in dict.fromkeys(names)] for name in names])[:, 1:]
        error = self.points.error
        return {
            name: partial_correlation(error, self.points.values[name], columns, groups=self.points.groups)
            for name in QUANTITIES
        }

    def same_direction(self, *kinds: str) -> tuple[Interval, int]:
        """Returns the share of changes in which error and R_f both rise or both fall, and the number of changes."""
        pairs = [(k, own) for k, own in enumerate(self.usual) if own is not None and self.changed[k] in kinds]
        error, R = (
            np.array([np.log(values[k] / values[own]) for k, own in pairs])
            for values in (self.points.error, self.points.values["R"])
        )
        return binomial_interval(int((error * R > 0).sum()), len(pairs)), len(pairs)

    def kinds(self) -> list[str]:
        """Returns the kinds of change that have a network to compare with."""
        pairs = zip(self.changed, self.usual, strict=True)
        return sorted({kind for kind, own in pairs if kind is not None and own is not None})


def many_networks(zoo: Sequence[Row], more: Sequence[Row]) -> Many:
    """Collects the zoo's networks, averaged over their seeds, and the networks that were trained beside them."""
    rows = [*choose(zoo).trained, *choose(more).trained]
    refuse_several_settings(rows, TASK)
    columns = ["model", *(f"training.{name}" for name in OPTIONS)]
    groups = [replace(point, label=point.model) for point in points_of(rows, columns, [])]
    changed = [_changed(group, {row["model"] for row in zoo if row.get("model")}) for group in groups]
    unchanged = {group.model: k for k, group in enumerate(groups) if changed[k] is None}
    by_base = {base_name(name): k for name, k in unchanged.items()}
    usual = [
        None
        if kind is None
        else by_base.get(base_name(group.model))
        if kind == WIDTH
        else _unchanged(groups, group.model, changed)
        for group, kind in zip(groups, changed, strict=True)
    ]
    return Many(arrays_of(groups), groups, changed, usual)


def _unchanged(groups: Sequence[Point], model: str, changed: Sequence[str | None]) -> int | None:
    """Returns the position of the network with this name and the usual training; None if there is none."""
    found = [k for k, group in enumerate(groups) if group.model == model and changed[k] in (None, WIDTH)]
    return found[0] if found else None


def _changed(group: Point, zoo: set[str]) -> str | None:
    recipe = TrainOptions(model=group.model, dataset="fashionmnist", recipe="laptop")
    usual = {name: getattr(recipe, name) for name in OPTIONS}
    for kind, names in KINDS.items():
        if not all(_same(group, name, usual[name]) for name in names):
            return kind
    return None if group.model in zoo else WIDTH


def _same(group: Point, name: str, usual: object) -> bool:
    """Returns True if a group's option has a value; an empty column counts as 0."""
    return (group.at[f"training.{name}"] or 0) == (usual or 0)


Curve = Mapping[str, Array]


def curves_over_size(rows: Sequence[Row]) -> dict[str, Curve]:
    """Returns P (number of training images), R and error of each network, by rising P."""
    groups = points_of(choose(rows).trained, ["model", P], [])
    lines = [
        {
            "model": group.model,
            "P": group.at[P],
            "R": group["R"].value,
            "error": group["error"].value,
        }
        for group in groups
    ]
    return _curves(lines)


def curves_of_figure(path: Path) -> dict[str, Curve]:
    """Returns P, R and error of each network from the points of fig18-sizes, without networks that lack P."""
    with path.open(newline="") as stream:
        lines = [line for line in csv.DictReader(stream) if line["train_size"]]
    return _curves([{**line, "P": line["train_size"]} for line in lines])


def _curves(lines: Sequence[Mapping[str, object]]) -> dict[str, Curve]:
    found: dict[str, Curve] = {}
    for name in dict.fromkeys(str(line["model"]) for line in lines):
        own = sorted((line for line in lines if line["model"] == name), key=lambda line: float(str(line["P"])))
        found[name] = {one: np.array([float(str(line[one])) for line in own]) for one in ("P", "R", "error")}
    return found
