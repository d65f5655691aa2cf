"""One point per network from the rows of its measurements: test error, D_f, G_f and R_f, averaged over its seeds.

A network is a `model` name; its seeds are its trainings, told apart by their weights. Several measurements of the same
weights (other images, fields and noise) are log-averaged first. All points share one measuring setting.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ...checks import escaped
from ...options import base_name
from ...store import Row
from .choice import choose
from .setting import grouped, is_like, refuse_several_settings, refuse_several_trainings, setting_of
from .spread import Spread, spread_of


class Traits(Protocol):
    """Traits of an architecture, for the table; `diffstab.models.traits_of` gives them."""

    @property
    def depth(self) -> int:
        """Number of layers."""

    @property
    def batch_norm(self) -> bool:
        """True with batch normalisation."""

    @property
    def skip(self) -> bool:
        """True with skip connections."""


@dataclass(frozen=True)
class Network:
    """One point of the figure.

    Attributes:
        name: Name of the model.
        label: Shorter name for the picture.
        depth: Number of layers; None, as the other two, where the architecture is not known.
        seeds: Number of trainings.
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
        setting: The measuring setting, by column.
        notes: Notes on what was left out or replaced, one line each.
    """

    networks: list[Network]
    setting: dict[str, Any]
    notes: list[str]


def gather(
    rows: Sequence[Row], filters: Sequence[str] = (), *, traits: Callable[[str], Traits | None] = lambda name: None
) -> Gathered:
    """The networks that rows are about. Rows of trained networks count; those at initialisation give `R_init`.

    Args:
        rows: Rows of a store.
        filters: Conditions that every row must pass, as in `store.select`.
        traits: Function from a model's name to its traits.

    Raises:
        ValueError: If no trained network is there; if rows differ in a setting, or those of a network in how it was
            trained; if a test error is missing, or a value is 0 where a logarithm is taken.

    >>> head = {"status": "done", "kind": "measure", "weights": "train", "model": "lenet", "cutoff": 3.0}
    >>> rates = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> error = {"value": 0.02, "low": 0.01, "high": 0.04, "images": 500}
    >>> found = gather([{**head, **rates, "test_error": error, "weights_sha256": "a"}])
    >>> found.networks[0].R, found.setting
    (Spread(value=0.5, log_sd=None, low=0.4, high=0.6), {'transform': 'diffeo', 'cutoff': 3.0})
    """
    trained, fresh, notes, told = choose(rows, filters)
    if not trained:
        raise ValueError(
            f"no measurement of a trained network is among {told}; measure some with weights: train, or filter less"
        )
    refuse_several_settings(trained)
    by_model = grouped(trained, "model")
    labels = labels_of(by_model)
    alike = grouped([row for row in fresh if is_like(row, trained[0])], "model")
    networks = []
    for name, own in by_model.items():
        refuse_several_trainings(name, own)
        error, D, G, R = (spread_of(own, quantity, notes) for quantity in ("error", "D", "G", "R"))
        R_init = spread_of(alike[name], "R", notes) if name in alike else None
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
    return {name: escaped(label).replace("$", r"\$") for name, label in labels.items()}  # no formula to matplotlib
