"""Measures a network with both conventions, and with the paper's after each single change to the published code's."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..options import CONVENTIONS, DIFFEO, MeasureOptions, settings_of
from ..statistics import Interval, Statistic

if TYPE_CHECKING:
    from ..results import StabilityResult

PAPER, REFERENCE = CONVENTIONS["paper"], CONVENTIONS["reference"]
MEASURED = [name for name in vars(PAPER) if name in settings_of(MeasureOptions)]  # other images or noise
RECOMPUTED = [name for name in vars(PAPER) if name not in (*MEASURED, "name")]  # statistics of the same squared changes


@dataclass(frozen=True)
class Changed:
    """The paper's convention with one choice replaced by that of the published code.

    Attributes:
        choice: Name of the choice, a field of `options.Convention`.
        paper: Value in the paper's convention.
        reference: Value in the published code's, which replaces it.
        numbers: D, G and R; None if they can't be computed.
    """

    choice: str
    paper: str
    reference: str
    numbers: dict[str, Interval] | None


@dataclass(frozen=True)
class BothConventions:
    """Results of a network with both conventions.

    Attributes:
        paper: Result with the paper's convention.
        reference: Result with the published code's.
        changed: Results with the paper's after one change, for each choice in which the two differ.
    """

    paper: "StabilityResult"
    reference: "StabilityResult"
    changed: list[Changed]

    def to_dict(self) -> dict[str, Any]:
        """Returns the results for JSON."""
        changed = [
            {**vars(one), "numbers": one.numbers and {name: own._asdict() for name, own in one.numbers.items()}}
            for one in self.changed
        ]
        return {"paper": self.paper.to_dict(), "reference": self.reference.to_dict(), "changed": changed}


def measure_both(options: MeasureOptions, measured: Callable[[MeasureOptions], "StabilityResult"]) -> BothConventions:
    """Measures with both conventions, and with the paper's after each single change.

    Args:
        options: Options with the paper's convention.
        measured: Function that makes one measurement, such as `measure_cell`.

    Raises:
        ValueError: If an option sets a choice that the conventions make, or a transformation other than `diffeo`; or
            from `measured`.
    """
    if options.transform != DIFFEO:
        raise ValueError(f"transform is {options.transform!r}; the conventions differ in deformations, diffeo")
    if options.noise_norm is not None:
        raise ValueError(f"noise_norm is {options.noise_norm:g}; the conventions choose it, so leave it out")
    asked = options.to_dict()
    for name in MEASURED:
        if asked[name] != vars(PAPER)[name]:
            raise ValueError(f"{name} is {asked[name]!r}; the conventions choose it, so leave it out")
    paper = measured(options)
    one_by_one = []
    for name in MEASURED:
        result = measured(replace(options, **{name: vars(REFERENCE)[name]}))
        one_by_one.append(_changed(name, {letter: getattr(result, letter) for letter in "DGR"}))
    one_by_one += [_changed(name, _recomputed(paper, name)) for name in RECOMPUTED]
    open_rules: dict[str, Any] = dict.fromkeys(MEASURED)
    return BothConventions(paper, measured(replace(options, convention=REFERENCE.name, **open_rules)), one_by_one)


def _changed(name: str, numbers: dict[str, Interval] | None) -> Changed:
    return Changed(name, vars(PAPER)[name], vars(REFERENCE)[name], numbers)


def _recomputed(paper: "StabilityResult", name: str) -> dict[str, Interval] | None:
    """Recomputes D, G and R with one statistic changed; None if the changes of each output were not kept."""
    rules = {rule: vars(PAPER)[rule] for rule in RECOMPUTED} | {name: vars(REFERENCE)[name]}
    used = paper.settings
    statistic, average = Statistic(used.average, **rules), paper.radius_average
    try:
        return paper.raw.estimates(statistic, radius_average=average, resamples=used.resamples, seed=used.seed)
    except ValueError:
        return None
