"""Networks of a store that were measured on the same images, fields and noise, side by side."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checks import some
from ..results import RawValues
from ..statistics import PairedComparison, PairedSample, Ranked, Statistic, compare_all, rank
from .entry import Row, is_measured
from .from_row import command_beside
from .setting import SETTING, setting_values
from .store import Store
from .table import Filters, select, value_at

Block = tuple[int, str]  # seed and images
RawOf = Callable[[Row], RawValues]


@dataclass(frozen=True)
class Comparison:
    """Networks compared under one setting.

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


@dataclass(frozen=True)
class Shared:
    """Networks that were measured under one setting on the same images.

    Attributes:
        setting: What was measured, by column.
        rows: Of each network, one for each seed that all have, in the same order.
    """

    setting: dict[str, Any]
    rows: dict[str, list[Row]]


class NothingSharedError(ValueError):
    """No setting is shared by two networks. `rows`: one of the first network and one of the second."""

    def __init__(self, text: str, rows: tuple[Row, Row]) -> None:
        super().__init__(text)
        self.rows = rows


def compare_rows(
    store: Store, networks: Sequence[str], filters: Sequence[str], *, resamples: int, seed: int
) -> list[Comparison]:
    """Compares networks under every setting that at least two of them share.

    Args:
        store: Of their results.
        networks: Each a model, or filters that choose one: `fc_l4`, `model=fc_l4,weights=init`. All of the store's
            networks if there are none.
        filters: That every row has to pass.
        resamples: Bootstrap resamples.
        seed: Of the resamples.

    Raises:
        ValueError: If a name means no row, or several under one setting and seed; if no setting is shared, with the
            command that measures one network as the other was measured.
    """
    if len(set(networks)) < len(networks):
        raise ValueError(f"networks are {', '.join(networks)}; two or more different ones are needed")
    rows = filter(is_measured, store.each())
    found = _meant(networks, rows, Filters(filters)) if networks else networks_of(select(rows, filters))
    try:
        shared = shared_settings(found)
    except NothingSharedError as error:
        first, second = error.rows
        command = command_beside(second, first, store) or command_beside(first, second, store)
        raise ValueError(f"{error}: {command}") if command else error from None
    return [compare_shared(one, store.raw, resamples=resamples, seed=seed) for one in shared]


def networks_of(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each network, by the shortest filters that tell it from the others.

    >>> rows = [{"model": "lenet", "weights": "init"}, {"model": "lenet", "weights": "a"}, {"model": "fc_l2"}]
    >>> list(networks_of(rows))
    ['model=lenet,weights=init', 'model=lenet,weights=a', 'fc_l2']
    """
    steps = ("model", "weights", "training.job")
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(value_at(row, step) for step in steps)].append(row)
    begin = Counter(own[:length] for own in found for length in (1, 2))
    named = {}
    for own, mine in found.items():
        length = next(n for n in (1, 2, 3) if n == 3 or begin[own[:n]] == 1)
        told = [
            f"{step}={str(value)[:12] + '*' if step == 'training.job' else value}"
            for step, value in zip(steps, own, strict=True)
        ]
        named[own[0] if length == 1 else ",".join(told[:length])] = mine
    return named


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
        raise NothingSharedError(_nothing_shared(measured), _first_rows(measured))
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


def _meant(networks: Sequence[str], rows: Iterable[Row], wanted: Filters) -> dict[str, list[Row]]:
    """The rows of each network, in one pass: the others need not fit into memory."""
    own = {
        name: Filters(name.split(",") if any(sign in name for sign in "=<>") else [f"model={name}"])
        for name in networks
    }
    found: dict[str, list[Row]] = {name: [] for name in networks}
    models: dict[str, None] = {}
    for row in filter(wanted, rows):
        models[row["model"]] = None
        for name, passes in own.items():
            if passes(row):
                found[name].append(row)
    for filters in (wanted, *own.values()):
        filters.refuse_unknown()
    for name in networks:
        if not found[name]:
            raise ValueError(f"no measurement is of {name!r}; the models there are: {some(models) or 'none'}")
    return found


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
    return f"other preprocessing: {', '.join(differ)}" if differ and seen[1] else "other seeds or images"


def _first_rows(measured: dict[str, dict[tuple[Any, ...], dict[Block, Row]]]) -> tuple[Row, Row]:
    """A row of each of the first two networks."""
    first, second = (next(iter(next(iter(found.values())).values())) for found in list(measured.values())[:2])
    return first, second


def _nothing_shared(measured: dict[str, dict[tuple[Any, ...], dict[Block, Row]]]) -> str:
    """Why no setting can be compared: the columns in which the first two networks differ."""
    (first, one), (second, other) = list(measured.items())[:2]
    own, theirs = next(iter(one)), next(iter(other))
    differ = [f"{name} {a} and {b}" for name, a, b in zip(SETTING, own, theirs, strict=True) if a != b]
    text = ", ".join(differ) or _other_images(*_first_rows(measured))
    return f"{first} and {second} share no measurement ({text}); measure them with the same images, settings and seed"
