"""Text of docs/predicting-error.md: one section per question, with every sentence from numbers of `error_numbers`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from error_changes import Curve, Many, many_networks
from error_numbers import (
    FEWEST,
    QUANTITIES,
    Points,
    Settling,
    Variant,
    arrays_of,
    by_family,
    correlations,
    given_architecture,
    moves_most,
    predictions,
    rivals,
    settling,
    trained_networks,
    variants,
)
from kept_rows import KEPT

from diffstab.figures.points.relation import paper_values
from diffstab.statistics import CorrelationDifference, Interval, fitted_power_law, rounded
from diffstab.store import Row

SYMBOLS = {"R": "R_f", "D": "D_f", "1/G": "1/G_f"}
SURE = 0.05  # p below which a difference counts
USUAL = {
    **{"split": "test", "convention": "paper", "average": "median", "interpolation": "bilinear"},
    **{"delta": 1.0, "cutoff": 3.0},
}
NOT_YET = "not measured yet"


@dataclass(frozen=True)
class Study:
    """One data set with its kept rows; a kind of rows that does not exist yet is empty.

    Attributes:
        name: Name of the data set.
        title: Name for the page.
        rows: Rows of the 15 networks.
        half: Rows of the first seed with half the epochs.
        twice: Rows of the first seed with twice the epochs, of the networks that had not settled.
        measured: Rows with R_f measured in other ways.
        more: Rows of further networks.
        curves: R and error as functions of P (number of training images), by network.
    """

    name: str
    title: str
    rows: Sequence[Row]
    half: Sequence[Row] = ()
    twice: Sequence[Row] = ()
    measured: Sequence[Row] = ()
    more: Sequence[Row] = ()
    curves: Mapping[str, Curve] = field(default_factory=dict)

    @cached_property
    def points(self) -> Points:
        """Points of the 15 networks."""
        return arrays_of(trained_networks(self.rows))

    @cached_property
    def many(self) -> Many:
        """Points of the 15 networks and of further ones."""
        return many_networks(self.rows, self.more)

    @cached_property
    def halved(self) -> list[Settling]:
        """Errors with half the epochs and with all."""
        return settling(self.rows, self.half)

    @cached_property
    def doubled(self) -> list[Settling]:
        """Errors with all epochs and with twice as many."""
        return settling(self.twice, self.rows)

    @cached_property
    def by_epochs(self) -> dict[str, Points]:
        """Networks of one seed with half, all and twice the epochs; those that have no row with twice keep all."""
        names, again = ({own.name for own in found} for found in (self.halved, self.doubled))
        seeds = {row["training"]["seed"] for row in self.half if row.get("training")}
        filters = [f"training.seed={seed}" for seed in seeds] if len(seeds) == 1 else []
        kinds = {"half the epochs": self.half, "all": self.rows}
        if again:
            longest = [*self.twice, *(row for row in self.rows if row.get("model") not in again)]
            kinds[f"twice as many for {len(again)} of them"] = longest
        return {
            kind: arrays_of(trained_networks([row for row in rows if row.get("model") in names], filters))
            for kind, rows in kinds.items()
        }

    @cached_property
    def exponents(self) -> dict[str, dict[str, Interval]]:
        """Exponents of R and error as power laws of P, by network."""
        return {
            name: {what: fitted_power_law(own["P"], own[what]).exponent for what in ("R", "error")}
            for name, own in self.curves.items()
        }

    @cached_property
    def variants(self) -> list[Variant]:
        """Correlations for each way to measure R_f; the first is the usual way."""
        images = max(row["images"] for row in self.measured if row.get("images"))
        return variants(self.measured, {**USUAL, "images": images})


def told(interval: Interval, digits: int = 2) -> str:
    """Returns an interval as text.

    >>> told(Interval(0.7, 0.0046, 0.93))
    '0.70 (0.005 to 0.93)'
    """
    value, low, high = (rounded(one, digits) for one in interval)
    return f"{value} ({low} to {high})"


def chance(p: float) -> str:
    """Returns a p-value as text."""
    return "p < 0.001" if p < 1e-3 else f"p = {p:.2g}"


def percent(share: float) -> str:
    """Returns a share as a percentage."""
    return f"{100 * share:.3g} %"


def listed(texts: Sequence[str]) -> str:
    """Joins texts with commas and an `and`."""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def in_short(study: Study) -> Iterator[str]:
    """Yields a verdict and the number for each part of the claim."""
    found, paper = correlations(study.points)["R"], paper_values(study.name)
    yield f"{_verdict(found)} The test error follows R_f: correlation {told(found)}."
    if paper:
        inside = found.low <= paper[1]["R"] <= found.high
        verdict, where = ("**Agrees.**", "inside") if inside else ("**Differs.**", "outside")
        yield f"{verdict} The paper's correlation, {paper[1]['R']:.2f}, lies {where} that interval."
    network, without = moves_most(study.points)
    yield (
        f"**Influence.** The network that moves it most is {network}: without it the correlation is {told(without)}. "
        "It was picked for that, so this interval is too narrow."
    )
    for name, test in rivals(study.points).items():
        yield f"{_verdict(test.z)} R_f predicts better than {SYMBOLS[name]}: {rivalry(name, test.z.value, test.p)}."
    within = by_family(study.points)["families' means removed"]["R"]
    yield f"{_verdict(within)} Within a family of networks the test error follows R_f: correlation {told(within)}."
    if study.more:
        inside = study.many.within_networks()["R"]
        yield (
            f"{_verdict(inside)} Within an architecture, over widths, recipes and data, the test error follows R_f: "
            f"correlation {told(inside)}."
        )
    beyond = given_architecture(study.points)["R"]
    yield f"{_verdict(beyond)} At equal depth and size the test error follows R_f: partial correlation {told(beyond)}."
    R, none = (predictions(study.points)[name] for name in ("R", "nothing"))
    assert R.gain is not None
    yield (
        f"{_verdict(R.gain)} R_f predicts the error of a network that was left out: within a factor of {R.factor:.2f} "
        f"(RMS); the average of the others alone predicts it within {none.factor:.2f}."
    )


def _verdict(found: Interval) -> str:
    return "**Holds.**" if found.low > 0 else "**Fails.**" if found.high < 0 else "**Not shown.**"


def rivalry(name: str, difference: float, p: float) -> str:
    """Returns the outcome of a paired test of R_f against another quantity in words."""
    if p >= SURE:
        lead = SYMBOLS["R" if difference > 0 else name]
        return f"a paired test finds no difference ({chance(p)}; {lead} has the closer correlation)"
    return f"a paired test finds R_f {'better' if difference > 0 else 'worse'} ({chance(p)})"


def missing(study: Study, kind: str) -> str:
    """Returns the sentence for a data set without rows of a kind, such as `-half`."""
    return f"{study.title}: {NOT_YET if f'zoo-{study.name}{kind}' in KEPT else 'not measured'}."


def correlation_table(studies: Sequence[Study]) -> str:
    """Returns the table of correlations, power laws and smallest errors, one column per data set."""
    lines = [["networks, seeds of each", *(f"{len(one.points)}, {_range(one.points.seeds)}" for one in studies)]]
    for name in QUANTITIES:
        lines.append([f"log {SYMBOLS[name]}", *(told(correlations(one.points)[name]) for one in studies)])
        papers = [paper_values(one.name) for one in studies]
        lines.append(["the paper's", *(f"{paper[1][name]:.2f}" if paper else "-" for paper in papers)])
    laws = [fitted_power_law(one.points.values["R"], one.points.error) for one in studies]
    lines.append(["exponent b of error = a R_f^b", *(told(law.exponent) for law in laws)])
    lines.append(["factor a", *(told(law.factor, 3) for law in laws)])
    lines.append(["smallest test error", *(percent(one.points.error.min()) for one in studies)])
    return table(["correlation of log test error with", *(one.title for one in studies)], lines)


def _range(seeds: Sequence[int]) -> str:
    return f"{min(seeds)}" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"


def family_section(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the section on correlations within families and across."""
    yield (
        "A family's mean is the log-average over its networks. The first line removes the means, so that only "
        "differences within families are left. The second line has the means alone, which are few points. A family "
        f"of at least {FEWEST} networks has a line of its own."
    )
    for one in studies:
        lines = [[kind, *(told(own[name]) for name in QUANTITIES)] for kind, own in by_family(one.points).items()]
        yield table([f"{one.title}: correlation with", *(f"log {SYMBOLS[name]}" for name in QUANTITIES)], lines)


def rival_section(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the section on the paired tests of R_f against D_f and 1/G_f."""
    yield (
        "Both correlations are over the same networks, so the test is paired: a jackknife over networks of the "
        "difference of Fisher's z = artanh r, with Student's t. It assumes no normal values. In simulations with 15 "
        "and 60 networks it finds a difference where there is none in 4 to 6 % of cases, at the level of 5 %. A "
        "positive difference speaks for R_f."
    )
    lines = [
        [f"z of R_f minus z of {SYMBOLS[name]}", *(test_told(rivals(one.points)[name]) for one in studies)]
        for name in QUANTITIES[1:]
    ]
    yield table(["", *(one.title for one in studies)], lines)
    for one in studies:
        texts = [
            f"against {SYMBOLS[name]} {rivalry(name, own.z.value, own.p)}" for name, own in rivals(one.points).items()
        ]
        yield f"{one.title}: {'; '.join(texts)}."


def test_told(test: CorrelationDifference) -> str:
    """Returns a paired test as text."""
    return f"{told(test.z)}, {chance(test.p)}"


def architecture_section(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the section on correlations given depth and size."""
    lines = [
        [f"log {SYMBOLS[name]}", *(told(given_architecture(one.points)[name]) for one in studies)]
        for name in QUANTITIES
    ]
    yield (
        "Perhaps R_f only distinguishes deep from shallow and large from small networks. These are partial "
        "correlations, given the logarithms of the number of layers and of the number of parameters:"
    )
    yield table(["correlation of log test error with", *(one.title for one in studies)], lines)


def prediction_section(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the section on predicting the error of a network from the others."""
    yield (
        "Each network's error is predicted from the power law of all others. The factor is exp of the root mean square "
        "of log(error / predicted); 1 would be perfect. Brackets have the gain over the first line: how much lower the "
        "mean of abs(log(error / predicted)) is, with its interval over networks, taken as independent. D_f and 1/G_f "
        "together tell R_f, their product."
    )
    found = [predictions(one.points) for one in studies]
    lines = []
    for name in found[0]:
        label = SYMBOLS.get(name, name)
        lines.append([label, *(f"{own[name].factor:.2f}" + _gain(own[name].gain) for own in found)])
    yield table(["predicted from", *(one.title for one in studies)], lines)


def _gain(gain: Interval | None) -> str:
    return "" if gain is None else f" [{told(gain)}]"
