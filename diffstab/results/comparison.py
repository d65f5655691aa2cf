"""Comparison of networks measured on the same images, fields and noise: ratios of R_f, p-values and ranks."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checks import LARGEST_SEED, positive_integer, some
from ..options import DEFAULTS, MOST_RESAMPLES
from ..statistics import Interval, PairedComparison, PairedSample, Ranked, Statistic, compare_all, rank
from .aligned import columns, ends
from .plot import optional, plotted_ranking
from .raw_values import RawValues
from .result import StabilityResult
from .row import Row
from .row_columns import told_setting
from .shared import Shared, by_setting, refuse_nothing_shared, shared_settings
from .words import LOWER

NOT_TOLD_APART = 0.05  # p
RawOf = Callable[[Row], RawValues]


@dataclass(frozen=True)
class Comparison:
    """Networks compared under one setting. `print` shows the tables of `diffstab compare`.

    Attributes:
        setting: Values that all compared measurements share (images, fields, statistic), by column.
        seeds: Seeds with which every one of these networks was measured.
        ranking: R_f, rank and their intervals per network, the most stable network first.
        pairs: One (first network, second network, comparison) per pair.
        notes: Warnings on differences that are not part of the setting, such as the precision.
    """

    setting: dict[str, Any]
    seeds: list[int]
    ranking: list[Ranked]
    pairs: list[tuple[str, str, PairedComparison]]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [self.headlines(), columns(*self.ranking_table()), [""]]
        return "\n".join(line for part in [*parts, columns(*self.pairs_table())] for line in part)

    def __repr__(self) -> str:
        return f"<Comparison of {some([place.name for place in self.ranking])}: {len(self.pairs)} pairs>"

    def headlines(self) -> list[str]:
        """Returns the setting, and a sentence that names the most stable network and says how sure that is."""
        (best, next_best), told = self.ranking[:2], told_setting(self.setting, self.seeds)
        first, _, pair = next(one for one in self.pairs if {best.name, next_best.name} == set(one[:2]))
        lower = _inverse(pair.ratio) if first == best.name else pair.ratio
        if pair.p_holm < NOT_TOLD_APART:
            answer = f"{best.name} is the most stable: its R_f is {lower} times lower than that of {next_best.name}"
        else:
            answer = f"{best.name} and {next_best.name} are not told apart: p (Holm) = {p_text(pair.p_holm)}"
        return [f"{told}; R_f: {LOWER}", answer]

    def ranking_table(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Returns the names of the columns and one line per network, the most stable network first."""
        lines = [
            (place.rank, place.name, place.R.value, ends(place.R), f"{place.rank_low} to {place.rank_high}")
            for place in self.ranking
        ]
        return ("rank", "network", "R_f", "95 % interval", "rank, 95 %"), lines

    def pairs_table(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Returns the names of the columns and one line per pair of networks."""
        lines = [
            (first, second, pair.ratio.value, ends(pair.ratio), p_text(pair.p_value), p_text(pair.p_holm))
            for first, second, pair in self.pairs
        ]
        return ("network", "against", "R_f ratio", "95 % interval", "p", "p (Holm)"), lines

    def to_frame(self) -> Any:
        """Returns a pandas data frame with one line per pair of networks. Needs pandas."""
        lines = [
            {"network": first, "against": second, **pair.ratio._asdict(), "p": pair.p_value, "p_holm": pair.p_holm}
            for first, second, pair in self.pairs
        ]
        return optional("pandas", "pandas").DataFrame(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draws R_f of the networks with 95 % intervals, the most stable network at the top. Needs matplotlib."""
        return plotted_ranking([place.name for place in self.ranking], [place.R for place in self.ranking], ax)


def _inverse(ratio: Interval) -> Interval:
    return Interval(*(1 / end if end else float("inf") for end in (ratio.value, ratio.high, ratio.low)))


def p_text(p: float) -> str:
    """Returns a p-value with two digits, or `< 1e-6`.

    >>> p_text(0.0312), p_text(1e-9)
    ('0.031', '< 1e-6')
    """
    return "< 1e-6" if p < 1e-6 else f"{p:.2g}"


def compare(
    results: Mapping[str, StabilityResult | Sequence[StabilityResult]],
    *,
    resamples: int = DEFAULTS.resamples,
    seed: int = DEFAULTS.seed,
) -> Comparison:
    """Compares networks in pairs on the images, fields and noise that all of them saw, as `diffstab compare` does.

    Warns if precision or batch normalisation differ between the networks.

    Args:
        results: Results by the network's name, which you choose: one result, or a sequence with one per seed.
        resamples: Number of bootstrap resamples of the images, at least 100.
        seed: Seed of the resamples.

    Raises:
        TypeError: If the results are not a mapping from names.
        ValueError: If there are fewer than two networks, or they differ in images, settings or seeds; the message
            names the difference.

    >>> import torch
    >>> from diffstab import measure
    >>> images = torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> pooled = torch.nn.Sequential(torch.nn.AvgPool2d(2), torch.nn.Flatten())
    >>> networks = {"flat": torch.nn.Flatten(), "pooled": pooled}
    >>> found = compare({name: measure(network, images) for name, network in networks.items()})
    >>> [place.name for place in found.ranking]
    ['pooled', 'flat']
    """
    positive_integer("resamples", resamples, least=100, most=MOST_RESAMPLES)
    positive_integer("seed", seed, least=0, most=LARGEST_SEED)
    if not hasattr(results, "items"):
        came = type(results).__name__
        raise TypeError(f"results are a {came}; a dict such as {{'base': one, 'wide': other}} is needed")
    own = {name: [one] if isinstance(one, StabilityResult) else list(one) for name, one in results.items()}
    rows = {name: [one.to_dict() for one in mine] for name, mine in own.items()}
    raw = {id(row): one.raw for name, mine in own.items() for row, one in zip(rows[name], mine, strict=True)}
    named: dict[str, Row] = {}  # equal images get one name, whether they came as a tensor or from a loader
    for row in (row for mine in rows.values() for row in mine):
        first = named.setdefault(row["data_sha256"], row)
        row |= {column: first[column] for column in ("dataset", "split")}
    shared = [one for one in shared_settings(rows) if len(one.rows) == len(rows)]
    if not shared:
        refuse_nothing_shared({name: by_setting(name, mine) for name, mine in rows.items()})
    if len(shared) > 1:
        one, other = (told_setting(found.setting) for found in shared[:2])
        raise ValueError(f"the results have several settings ({one}, and {other}); give results of one setting")
    found = compare_shared(shared[0], lambda row: raw[id(row)], resamples=resamples, seed=seed)
    for note in found.notes:
        warnings.warn(note, stacklevel=2)
    return found


def compare_shared(shared: Shared, raw_of: RawOf, *, resamples: int, seed: int) -> Comparison:
    """Ranks the networks of a setting and compares them in pairs.

    Args:
        shared: One setting with its networks, from `shared_settings`.
        raw_of: Function from a row to its per-image values, such as `Store.raw`.
        resamples: Number of bootstrap resamples of the images.
        seed: Seed of the resamples.

    Raises:
        ValueError: If `raw_of` or `statistics.compare_all` raises it.
    """
    setting = shared.setting
    statistic = Statistic(setting["average"], setting["median_rule"], setting["pairs"])
    samples = {name: [_sample(raw_of(row), statistic) for row in rows] for name, rows in shared.rows.items()}
    ranking = rank(samples, statistic, resamples=resamples, seed=seed)
    pairs = compare_all(samples, statistic, resamples=resamples, seed=seed)
    seeds = [row["seed"] for row in next(iter(shared.rows.values()))]
    return Comparison(setting, seeds, ranking, pairs, tuple(_beside(shared.rows)))


def _beside(rows: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Yields notes on differences outside the setting.

    At initialisation batch norm runs in another mode by the paper's rule (App. E.1), which is no difference to note.
    """
    for column in ("precision", "batch_norm"):
        found: dict[str, str] = {}
        for name, own in rows.items():
            values = [row.get(column) for row in own if column == "precision" or row.get("weights") != "init"]
            found |= {str(value): name for value in values if value not in (None, "none")}
        if len(found) > 1:
            told = ", ".join(f"{value} ({name})" for value, name in sorted(found.items()))
            yield f"the networks were measured with different {column}: {told}"


def _sample(raw: RawValues, statistic: Statistic) -> PairedSample:
    return PairedSample(*raw.changes(statistic), indices=raw.indices)
