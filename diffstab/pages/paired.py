"""Paired comparisons of a store's networks, as matrices of ratios."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..checks import LARGEST_SEED, positive_integer
from ..results import (
    SETTING,
    Comparison,
    RawOf,
    Shared,
    compare_shared,
    setting_values,
    shared_settings,
    told_setting,
    value_at,
)
from ..store import Row, networks_of
from .columns import rounded

MOST_COMPARED = 30  # networks in a matrix
SAME = ("model", "weights", "training.job", "seed", "data_sha256")


class Matrix(NamedTuple):
    """The networks of a setting, compared.

    Attributes:
        setting: The setting that the networks share, by column.
        told: Data for the page: the setting in a line, names and models by rising R, their ranks with 95 % intervals,
            and for each pair (i, k, R_i / R_k, its interval, Holm's p); an end at 0 or infinity is None. `of` is the
            number of networks before the choice of the most stable ones.
        headline: The most stable network and by how much, in words.
    """

    setting: dict[str, Any]
    told: dict[str, Any]
    headline: str


def matrices_of(
    rows: Sequence[Row], raw_of: RawOf | None, most: int, *, resamples: int, seed: int
) -> tuple[list[Matrix], list[str]]:
    """A matrix for each setting that two networks share, and notes on what can't be compared.

    Args:
        rows: Measurements.
        raw_of: Gives the per-image values behind a row; None compares nothing.
        most: Most networks in a matrix; those of lowest R_f are taken.
        resamples: Bootstrap resamples of the images.
        seed: Seed of the resamples.

    Raises:
        ValueError: If `most`, `resamples` or `seed` is out of range.
    """
    positive_integer("resamples", resamples, least=100)
    positive_integer("seed", seed, least=0, most=LARGEST_SEED)
    if positive_integer("compare", most, least=0) < 2 or raw_of is None:
        return [], []
    once = list(_without_repeats(rows))
    left = len(rows) - len(once)
    notes = [f"{left} rows repeat a measurement but for precision or the like and are in no matrix"] if left else []
    networks = _named_for_people(networks_of(once))
    if len(networks) < 2:
        return [], notes
    try:
        shared = shared_settings(networks)
    except ValueError as error:
        return [], [*notes, f"no paired comparison: {error}"]
    found = []
    for one in shared:
        try:
            compared = compare_shared(_most_stable(one, most), raw_of, resamples=resamples, seed=seed)
        except ValueError as error:
            notes.append(f"no paired comparison of {told_setting(one.setting)}: {error}")
        else:
            found.append(_matrix(compared, one))
    return found, notes


def _without_repeats(rows: Sequence[Row]) -> Iterator[Row]:
    """The first of the rows that a paired comparison could not tell apart."""
    seen = set()
    for row in rows:
        own = (*(value_at(row, name) for name in SAME), *setting_values(row, SETTING))
        if own not in seen:
            seen.add(own)
            yield row


def _most_stable(shared: Shared, most: int) -> Shared:
    if len(shared.rows) <= most:
        return shared
    lowest = sorted(shared.rows, key=lambda name: min(row["R"]["value"] for row in shared.rows[name]))[:most]
    return Shared(shared.setting, {name: shared.rows[name] for name in lowest})


def _matrix(found: Comparison, shared: Shared) -> Matrix:
    order = {place.name: number for number, place in enumerate(found.ranking)}
    pairs = []
    for first, second, pair in found.pairs:
        ends = [_finite(end) for end in pair.ratio]
        if order[first] > order[second]:
            value, low, high = (None if end is None else 1 / end for end in ends)
            first, second, ends = second, first, [value, high, low]
        numbers = [None if number is None else rounded(number) for number in (*ends, pair.p_holm)]
        pairs.append([order[first], order[second], *numbers])
    ranks = [[place.rank, place.rank_low, place.rank_high] for place in found.ranking]
    told = {"told": told_setting(found.setting, found.seeds), "of": len(shared.rows)}
    named = {"names": list(order), "models": [shared.rows[name][0]["model"] for name in order]}
    return Matrix(found.setting, {**told, **named, "ranks": ranks, "pairs": pairs}, found.headlines()[-1])


def _named_for_people(networks: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The same networks; filters that name them are shortened to what they ask for, unless two would read alike."""
    named = {_short(name): rows for name, rows in networks.items()}
    return named if len(named) == len(networks) else networks


def _short(name: str) -> str:
    """A short name for the filters that choose a network.

    >>> _short("model=lenet,weights=init"), _short("lenet")
    ('lenet (init)', 'lenet')
    """
    model, *more = (part.partition("=")[2] or part for part in name.split(","))
    return f"{model} ({', '.join(more)})" if more else model


def _finite(end: float) -> float | None:
    return None if end == 0 or math.isinf(end) else end
