"""Networks that were measured on the same images, fields and noise, side by side: ratios of R_f, p-values and ranks."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checks import LARGEST_SEED, positive_integer, some
from ..options import DEFAULTS, MOST_RESAMPLES
from ..statistics import Interval, PairedComparison, PairedSample, Ranked, Statistic, compare_all, rank
from .aligned import columns
from .plot import optional, plotted_ranking
from .raw_values import RawValues
from .result import StabilityResult
from .row import SETTING, Row, setting_values, told_setting, value_at
from .words import LOWER

Block = tuple[int, str]  # seed and images
NOT_TOLD_APART = 0.05  # p
RawOf = Callable[[Row], RawValues]


@dataclass(frozen=True)
class Comparison:
    """Networks compared under one setting. Printed it is the tables of `diffstab compare`.

    Attributes:
        setting: What was measured, by column.
        seeds: Those with which all of these networks were measured.
        ranking: From the most stable network.
        pairs: (first, second, their comparison).
    """

    setting: dict[str, Any]
    seeds: list[int]
    ranking: list[Ranked]
    pairs: list[tuple[str, str, PairedComparison]]

    def __str__(self) -> str:
        parts = [self.headlines(), columns(*self.ranking_table()), [""]]
        return "\n".join(line for part in [*parts, columns(*self.pairs_table())] for line in part)

    def __repr__(self) -> str:
        return f"<Comparison of {some([place.name for place in self.ranking])}: {len(self.pairs)} pairs>"

    def headlines(self) -> list[str]:
        """The setting, and in words which network is the most stable and how sure that is."""
        (best, next_best), told = self.ranking[:2], told_setting(self.setting, self.seeds)
        first, _, pair = next(one for one in self.pairs if {best.name, next_best.name} == set(one[:2]))
        lower = _inverse(pair.ratio) if first == best.name else pair.ratio
        if pair.p_holm < NOT_TOLD_APART:
            answer = f"{best.name} is the most stable: its R_f is {lower} times lower than that of {next_best.name}"
        else:
            answer = f"{best.name} and {next_best.name} are not told apart: p (Holm) = {p_text(pair.p_holm)}"
        return [f"{told}; R_f: {LOWER}", answer]

    def ranking_table(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Names of columns, and a line per network from the most stable one."""
        lines = [
            (
                place.rank,
                place.name,
                place.R.value,
                f"{place.R.low:.3g} to {place.R.high:.3g}",
                f"{place.rank_low} to {place.rank_high}",
            )
            for place in self.ranking
        ]
        return ("rank", "network", "R_f", "95 % interval", "rank, 95 %"), lines

    def pairs_table(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Names of columns, and a line per pair."""
        lines = [
            (
                first,
                second,
                pair.ratio.value,
                f"{pair.ratio.low:.3g} to {pair.ratio.high:.3g}",
                p_text(pair.p_value),
                p_text(pair.p_holm),
            )
            for first, second, pair in self.pairs
        ]
        return ("network", "against", "R_f ratio", "95 % interval", "p", "p (Holm)"), lines

    def to_frame(self) -> Any:
        """A pandas data frame with a line per pair; pandas is needed for it."""
        lines = [
            {"network": first, "against": second, **pair.ratio._asdict(), "p": pair.p_value, "p_holm": pair.p_holm}
            for first, second, pair in self.pairs
        ]
        return optional("pandas", "pandas").DataFrame(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draws R_f of the networks with 95 % intervals, the most stable at the top; matplotlib is needed for it."""
        return plotted_ranking([place.name for place in self.ranking], [place.R for place in self.ranking], ax)


def _inverse(ratio: Interval) -> Interval:
    return Interval(*(1 / end if end else float("inf") for end in (ratio.value, ratio.high, ratio.low)))


def p_text(p: float) -> str:
    """A p-value in two digits; far below any level it has none.

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
    """Compares networks in pairs over the images, fields and noise that all of them saw, as `diffstab compare` does.

    Args:
        results: The result of each network by a name of your choice; or several, with one seed each.
        resamples: Bootstrap resamples of the images.
        seed: Seed of the resamples.

    Raises:
        TypeError: If the results are not by name.
        ValueError: If there are fewer than two networks, or they differ in images, settings or seeds; it says which.

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
    shared = [one for one in shared_settings(rows) if len(one.rows) == len(rows)]
    if not shared:
        raise ValueError(_nothing_shared({name: _by_setting(name, mine) for name, mine in rows.items()}))
    if len(shared) > 1:
        one, other = (told_setting(found.setting) for found in shared[:2])
        raise ValueError(f"results are of several settings ({one}, and {other}); compare those of one")
    return compare_shared(shared[0], lambda row: raw[id(row)], resamples=resamples, seed=seed)


class NothingSharedError(ValueError):
    """No setting is shared by two networks. `rows`: one of each."""

    def __init__(self, text: str, rows: tuple[Row, Row]) -> None:
        super().__init__(text)
        self.rows = rows


@dataclass(frozen=True)
class Shared:
    """Networks that were measured under one setting on the same images.

    Attributes:
        setting: What was measured, by column.
        rows: Of each network, one for each seed that all have, in the same order.
    """

    setting: dict[str, Any]
    rows: dict[str, list[Row]]


def shared_settings(networks: Mapping[str, Sequence[Row]]) -> list[Shared]:
    """Every setting that at least two networks share, with the most networks that have seen the same images.

    Raises:
        ValueError: If there are fewer than two networks, one has several rows under one setting and seed, or no
            setting is shared.
    """
    if len(networks) < 2:
        raise ValueError(f"networks are {', '.join(networks) or 'none'}; two or more different ones are needed")
    measured = {name: _by_setting(name, rows) for name, rows in networks.items()}
    shared = []
    for setting in dict.fromkeys(setting for found in measured.values() for setting in found):
        blocks = _sharing({name: found[setting] for name, found in measured.items() if setting in found})
        common = [block for block in next(iter(blocks.values())) if all(block in own for own in blocks.values())]
        if len(blocks) > 1:
            chosen = {name: [own[block] for block in common] for name, own in blocks.items()}
            shared.append(Shared(dict(zip(SETTING, setting, strict=True)), chosen))
    if not shared:
        raise NothingSharedError(_nothing_shared(measured), _apart(measured))
    return shared


def compare_shared(shared: Shared, raw_of: RawOf, *, resamples: int, seed: int) -> Comparison:
    """Ranks the networks of a setting and compares them in pairs.

    Args:
        shared: Of `shared_settings`.
        raw_of: The per-image values behind a row, such as `Store.raw`.
        resamples: Bootstrap resamples.
        seed: Of the resamples.

    Raises:
        ValueError: As `raw_of`, and as `statistics.compare_all`.
    """
    setting = shared.setting
    statistic = Statistic(setting["average"], setting["median_rule"], setting["pairs"])
    samples = {name: [_sample(raw_of(row), statistic) for row in rows] for name, rows in shared.rows.items()}
    ranking = rank(samples, statistic, resamples=resamples, seed=seed)
    pairs = compare_all(samples, statistic, resamples=resamples, seed=seed)
    seeds = [row["seed"] for row in next(iter(shared.rows.values()))]
    return Comparison(setting, seeds, ranking, pairs)


def _sharing(blocks: dict[str, dict[Block, Row]]) -> dict[str, dict[Block, Row]]:
    """The most networks that have seen the same images with one seed at least."""
    seen = Counter(block for own in blocks.values() for block in own)
    ((most, _),) = seen.most_common(1)
    return {name: own for name, own in blocks.items() if most in own}


def _by_setting(name: str, rows: Sequence[Row]) -> dict[tuple[Any, ...], dict[Block, Row]]:
    """The network's rows by setting, then by seed and images."""
    found: dict[tuple[Any, ...], dict[Block, Row]] = defaultdict(dict)
    for row in rows:
        own = found[setting_values(row)]
        block = (row["seed"], row["data_sha256"])
        if block in own:
            differing = _differing(own[block], row)
            raise ValueError(
                f"{name!r} means several rows with seed {row['seed']}; add what tells them apart: {differing}"
            )
        own[block] = row
    return dict(found)


def _differing(one: Row, other: Row) -> str:
    """The first column, of those that people know, in which two rows of a setting differ."""
    for name in ("model", "weights", "training.seed", "training.job", "batch_norm", "precision", "resamples"):
        if value_at(one, name) != value_at(other, name):
            return f"{name}={value_at(one, name)} or {name}={value_at(other, name)}"
    return f"key={one['key'][:12]}* or key={other['key'][:12]}*"


def _sample(raw: RawValues, statistic: Statistic) -> PairedSample:
    return PairedSample(*raw.changes(statistic), indices=raw.indices)


def _other_images(one: Row, other: Row) -> str:
    """Images that became another input are other images to a network."""
    seen = [row.get("preprocessing") or {} for row in (one, other)]
    differ = [
        f"{name} {value} and {seen[1].get(name)}" for name, value in seen[0].items() if seen[1].get(name) != value
    ]
    differ = [text for text in differ if not text.startswith("source ")]
    if differ and seen[1]:
        return f"other preprocessing: {', '.join(differ)}"
    seeds = [row.get("seed") for row in (one, other)]
    return "other images" if seeds[0] == seeds[1] else f"other seeds: {seeds[0]} and {seeds[1]}"


def _share(one: dict[tuple[Any, ...], dict[Block, Row]], other: dict[tuple[Any, ...], dict[Block, Row]]) -> bool:
    """Whether two networks have a setting, a seed and images in common."""
    return any(set(blocks) & set(other[setting]) for setting, blocks in one.items() if setting in other)


def _apart(measured: dict[str, dict[tuple[Any, ...], dict[Block, Row]]]) -> tuple[Row, Row]:
    """A row of the first network, and one of another that shares nothing with it."""
    one, *others = measured.values()
    other = next((other for other in others if not _share(one, other)), others[0])
    first, second = (next(iter(next(iter(found.values())).values())) for found in (one, other))
    return first, second


def _nothing_shared(measured: dict[str, dict[tuple[Any, ...], dict[Block, Row]]]) -> str:
    """Why no setting can be compared: the columns in which the first two networks differ."""
    first, one = next(iter(measured.items()))
    others = [name for name, other in measured.items() if not _share(one, other)]
    second = others[0] if others else list(measured)[1]
    other = measured[second]
    own, theirs = next(iter(one)), next(iter(other))
    differ = [f"{name} {a} and {b}" for name, a, b in zip(SETTING, own, theirs, strict=True) if a != b]
    text = ", ".join(differ) or _other_images(*(next(iter(found[own].values())) for found in (one, other)))
    return f"{first} and {second} share no measurement ({text}); measure them with the same images, settings and seed"
