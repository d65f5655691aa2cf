"""Settings, seeds and images that several networks share, and the differences if they share none."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from .row import Row, value_at
from .row_columns import SETTING, setting_values

Block = tuple[int, str]  # seed and images
Blocks = dict[tuple[Any, ...], dict[Block, Row]]  # a network's rows by setting, then by seed and images


class NothingSharedError(ValueError):
    """Raised if two networks share no setting.

    Attributes:
        rows: One row of each of the two networks.
    """

    def __init__(self, text: str, rows: tuple[Row, Row]) -> None:
        super().__init__(text)
        self.rows = rows


@dataclass(frozen=True)
class Shared:
    """Networks that were measured under one setting on the same images.

    Attributes:
        setting: Values of the setting, by column.
        rows: Rows of each network: one per seed that all networks have, in the same order.
    """

    setting: dict[str, Any]
    rows: dict[str, list[Row]]


def shared_settings(networks: Mapping[str, Sequence[Row]]) -> list[Shared]:
    """Returns every setting that two or more networks share, with the largest group that saw the same images.

    Args:
        networks: Rows of each network, by its name.

    Raises:
        ValueError: If there are fewer than two networks, one has several rows under one setting and seed, or no
            setting is shared.
    """
    if len(networks) < 2:
        raise ValueError(f"networks are {', '.join(networks) or 'none'}; two or more different ones are needed")
    measured = {name: by_setting(name, rows) for name, rows in networks.items()}
    shared = []
    for setting in dict.fromkeys(setting for found in measured.values() for setting in found):
        blocks = _sharing({name: found[setting] for name, found in measured.items() if setting in found})
        common = [block for block in next(iter(blocks.values())) if all(block in own for own in blocks.values())]
        if len(blocks) > 1:
            chosen = {name: [own[block] for block in common] for name, own in blocks.items()}
            shared.append(Shared(dict(zip(SETTING, setting, strict=True)), chosen))
    if not shared:
        refuse_nothing_shared(measured)
    return shared


def _sharing(blocks: dict[str, dict[Block, Row]]) -> dict[str, dict[Block, Row]]:
    """Returns the largest group of networks that saw the same images with at least one seed."""
    seen = Counter(block for own in blocks.values() for block in own)
    ((most, _),) = seen.most_common(1)
    return {name: own for name, own in blocks.items() if most in own}


def by_setting(name: str, rows: Sequence[Row]) -> Blocks:
    """Returns a network's rows by setting, then by seed and images. Raises ValueError if two rows have all three."""
    found: Blocks = defaultdict(dict)
    for row in rows:
        own = found[setting_values(row)]
        block = (row["seed"], row["data_sha256"])
        if block in own:
            differing = _differing(own[block], row)
            raise ValueError(
                f"{name!r} fits several rows with seed {row['seed']}; add a filter that chooses one: {differing}"
            )
        own[block] = row
    return dict(found)


def _differing(one: Row, other: Row) -> str:
    """Returns filters for the first well-known column in which two rows of a setting differ."""
    for name in ("model", "weights", "training.seed", "training.job", "batch_norm", "precision", "resamples"):
        if value_at(one, name) != value_at(other, name):
            return f"{name}={value_at(one, name)} or {name}={value_at(other, name)}"
    return f"key={one['key'][:12]}* or key={other['key'][:12]}*"


def _other_images(one: Row, other: Row) -> str:
    """Returns how the inputs of two rows differ: by preprocessing, by images or by seed."""
    seen = [row.get("preprocessing") or {} for row in (one, other)]
    differ = [
        f"{name} {value} and {seen[1].get(name)}" for name, value in seen[0].items() if seen[1].get(name) != value
    ]
    differ = [text for text in differ if not text.startswith("source ")]
    if differ and seen[1]:
        return f"other preprocessing: {', '.join(differ)}"
    seeds = [row.get("seed") for row in (one, other)]
    return "other images" if seeds[0] == seeds[1] else f"other seeds: {seeds[0]} and {seeds[1]}"


def _share(one: Blocks, other: Blocks) -> bool:
    """Returns True if two networks have a setting, a seed and images in common."""
    return any(set(blocks) & set(other[setting]) for setting, blocks in one.items() if setting in other)


def refuse_nothing_shared(measured: dict[str, Blocks]) -> NoReturn:
    """Raises NothingSharedError, with the columns in which the first network and one that shares nothing differ."""
    (first, one), *others = measured.items()
    second, other = next((found for found in others if not _share(one, found[1])), others[0])
    own, theirs = next(iter(one)), next(iter(other))
    rows = next(iter(one[own].values())), next(iter(other[theirs].values()))
    differ = [f"{name} {a} and {b}" for name, a, b in zip(SETTING, own, theirs, strict=True) if a != b]
    why = ", ".join(differ) or _other_images(*rows)
    raise NothingSharedError(
        f"{first} and {second} share no measurement ({why}); measure them with the same images, settings and seed", rows
    )
