"""One point per network from the rows of its measurements: test error, D_f, G_f and R_f, averaged over its seeds.

A network is a `model` name; its seeds are its trainings, told apart by their weights. Several measurements of the same
weights (other images, fields and noise) are log-averaged first. All points share one measuring setting.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..statistics import Array, log_average
from ..store import FAILED, Row, is_measured
from ..store.table import select
from ..widths import base_name
from .setting import grouped, is_like, refuse_several_settings, refuse_several_trainings, setting_of

COLUMN = {"error": "test_error"}  # of the rows, where it has another name


class Traits(Protocol):
    """What the figure tells of an architecture; `diffstab.models.traits_of` gives one."""

    @property
    def depth(self) -> int:
        """Layers."""

    @property
    def batch_norm(self) -> bool:
        """Whether it has batch normalisation."""

    @property
    def skip(self) -> bool:
        """Whether it has skip connections."""


class Spread(NamedTuple):
    """A log-average over seeds and its error bar.

    Attributes:
        value: exp(mean log v).
        log_sd: Standard deviation of log v over seeds; None where there is one.
        low: value exp(-log_sd); with one seed, the end of its own 95 % interval, 0 if that is open below.
        high: Likewise.
    """

    value: float
    log_sd: float | None
    low: float
    high: float

    def inverse(self) -> "Spread":
        """Of 1 / v.

        >>> Spread(2.0, None, 1.0, 4.0).inverse()
        Spread(value=0.5, log_sd=None, low=0.25, high=1.0)
        """
        return Spread(1 / self.value, self.log_sd, 1 / self.high, 1 / self.low if self.low > 0 else math.inf)


@dataclass(frozen=True)
class Network:
    """One point of the figure.

    Attributes:
        name: The model's.
        label: Shorter, for the picture.
        depth: Layers; None, as the other two, where the architecture is not known.
        seeds: Trainings.
        error: Test error.
        R_init: R at initialisation, where it was measured.
    """

    name: str
    label: str
    depth: int | None
    batch_norm: bool | None
    skip: bool | None
    seeds: int
    error: Spread
    D: Spread
    G: Spread
    R: Spread
    R_init: Spread | None = None


@dataclass(frozen=True)
class Gathered:
    """The networks of a store under one setting, by rising R.

    Attributes:
        setting: What was measured, by column.
        notes: What was left out or replaced, one line each.
    """

    networks: list[Network]
    setting: dict[str, Any]
    notes: list[str]


def gather(
    rows: Sequence[Row], filters: Sequence[str] = (), *, traits: Callable[[str], Traits | None] = lambda name: None
) -> Gathered:
    """The networks that rows are about. Rows of trained networks count; those at initialisation give `R_init`.

    Args:
        rows: Of a store.
        filters: That every row has to pass, as in `store.table.select`.
        traits: Of a model, by its name.

    Raises:
        ValueError: If no trained network is there; if rows differ in a setting, or those of a network in how it was
            trained; if a test error is missing, or a value is 0 where a logarithm is taken.

    >>> head = {"status": "done", "kind": "measure", "weights": "train", "model": "lenet", "cutoff": 3.0}
    >>> rates = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> error = {"value": 0.02, "low": 0.01, "high": 0.04, "images": 500}
    >>> found = gather([{**head, **rates, "test_error": error, "weights_sha256": "a"}])
    >>> found.networks[0].R, found.setting
    (Spread(value=0.5, log_sd=None, low=0.4, high=0.6), {'cutoff': 3.0})
    """
    chosen = select(rows, filters)
    measured = [row for row in chosen if is_measured(row)]
    trained = [row for row in measured if row.get("weights") != "init"]
    if not trained:
        raise ValueError(
            f"no measurement of a trained network is among {len(chosen)} of {len(rows)} rows that pass the filters; "
            "measure some with weights: train, or filter less"
        )
    refuse_several_settings(trained)
    failed = sum(row.get("status") == FAILED for row in chosen)
    notes = [f"{failed} failed cells are left out"] if failed else []
    by_model = grouped(trained, "model")
    labels = labels_of(by_model)
    fresh = grouped([row for row in measured if row.get("weights") == "init" and is_like(row, trained[0])], "model")
    networks = []
    for name, own in by_model.items():
        refuse_several_trainings(name, own)
        error, D, G, R = (_spread(own, quantity, notes) for quantity in ("error", "D", "G", "R"))
        R_init = _spread(fresh[name], "R", notes) if name in fresh else None
        known = traits(name)
        depth, batch_norm, skip = (known.depth, known.batch_norm, known.skip) if known else (None, None, None)
        seeds = len(grouped(own, "weights_sha256"))
        networks.append(Network(name, labels[name], depth, batch_norm, skip, seeds, error, D, G, R, R_init))
    rising = sorted(networks, key=lambda network: network.R.value)
    return Gathered(rising, setting_of(trained[0]), list(dict.fromkeys(notes)))


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
    return labels


def _spread(rows: Sequence[Row], quantity: str, notes: list[str]) -> Spread:
    """The log-average over trainings of that over each one's measurements."""
    trainings = [
        _log_averages(np.array([_ends(row, quantity, notes) for row in own]))
        for own in grouped(rows, "weights_sha256").values()
    ]
    if len(trainings) == 1:
        value, low, high = trainings[0].tolist()
        return Spread(value, None, low, high)
    value, log_sd = log_average(np.array([own[0] for own in trainings]))
    return Spread(value, log_sd, value * math.exp(-log_sd), value * math.exp(log_sd))


def _log_averages(measured: Array) -> Array:
    """Over measurements `[M, 3]`; one stays as it is, to the last digit."""
    if len(measured) == 1:
        return np.asarray(measured[0])
    with np.errstate(divide="ignore"):  # an interval may be open at 0
        return np.asarray(np.exp(np.log(measured).mean(0)))


def _ends(row: Row, quantity: str, notes: list[str]) -> tuple[float, float, float]:
    """Value, low and high of one measurement; a test error of 0 is half an image."""
    found: Mapping[str, Any] | None = row.get(COLUMN.get(quantity, quantity))
    if not found:
        raise ValueError(
            f"{row['model']!r} on {row.get('dataset')} has no {COLUMN.get(quantity, quantity)}; leave it out with the "
            f"filter model!={row['model']} (--where)"
        )
    value = float(found["value"])
    if quantity == "error" and value == 0:
        value = 0.5 / found["images"]
        notes.append(f"{row['model']} has no error among {found['images']} images; half an image is taken, {value:g}")
    if not 0 < value < math.inf:
        raise ValueError(
            f"{quantity} of {row['model']!r} is {value:g}, which has no logarithm; leave it out with the filter "
            f"model!={row['model']} (--where)"
        )
    return value, float(found["low"]), float(found["high"])
