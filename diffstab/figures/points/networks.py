"""One point per network from the rows of its measurements: test error, D_f, G_f and R_f, averaged over its seeds.

A network is a `model` name; its seeds are its trainings, told apart by their weights. Several measurements of the same
weights (other images, fields and noise) are log-averaged first. All points share one measuring setting.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ...checks import escaped
from ...options import base_name
from ...store import Row
from .choice import choose
from .point import Gathered, points_of
from .setting import grouped, is_like, refuse_mixed, setting_of

TRAITS = ("depth", "batch_norm", "skip")  # columns of the points; None where the architecture is not known


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
