"""Whether rows may stand in one figure: they share a measuring setting, and the seeds of a network one training."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from ..store import Row
from ..store.pairing import SETTING
from ..store.table import flat, value_at

SETTINGS = (*SETTING, "asked.until_precision", "batch_norm", "precision")
TASK = ("training.dataset", "training.train_size", "training.label_noise")  # that all networks were trained for
CHECKPOINT = "a checkpoint"
WITHOUT = "none"  # batch_norm of networks that have none, which goes with any
SEED_BY_SEED = ("training.job", "training.seed", "training.device")  # in which the seeds of a network may differ
KINDS = ("train", "pretrained", "init")  # of weights; others are paths of checkpoints


def grouped(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    """Rows by what stands in a column, in their order."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[value_at(row, column)].append(row)
    return dict(found)


def setting_of(row: Row) -> dict[str, Any]:
    """What a row is a measurement of, by column; what it does not have is left out.

    >>> setting_of({"cutoff": 3.0, "images": 800, "asked": {"until_precision": 0.05}})
    {'cutoff': 3.0, 'asked.until_precision': 0.05}
    """
    found = {column: _setting_at(row, column) for column in (*SETTINGS, *TASK)}
    return {column: value for column, value in found.items() if value is not None}


def _setting_at(row: Row, column: str) -> Any:
    """With `until_precision` images and draws are what it took, no part of what is measured."""
    if column in ("images", "draws") and value_at(row, "asked.until_precision") is not None:
        return None
    value = value_at(row, column)
    return None if column == "training.label_noise" and not value else value  # none, as before there was the option


def is_like(row: Row, other: Row) -> bool:
    """Whether a row at initialisation has another's setting: batch norm works in another way there.

    >>> is_like({"cutoff": 3.0, "batch_norm": "batch"}, {"cutoff": 3.0, "batch_norm": "running"})
    True
    """
    return all(_setting_at(row, name) == _setting_at(other, name) for name in SETTINGS if name != "batch_norm")


def refuse_several_settings(rows: Sequence[Row]) -> None:
    """Raises ValueError, with the columns in which they differ, if rows are under several settings.

    What networks were trained for counts too, where it is known; how they were trained may differ, as their best does.
    """
    found = {column: list(dict.fromkeys(_setting_at(row, column) for row in rows)) for column in SETTINGS}
    found["batch_norm"] = [value for value in found["batch_norm"] if value != WITHOUT]
    swept = [row for row in rows if row.get("training")]
    found |= {column: list(dict.fromkeys(_setting_at(row, column) for row in swept)) for column in TASK}
    differing = {column: values for column, values in found.items() if len(values) > 1}
    if differing:
        told = "; ".join(f"{column} is {_listed(values)}" for column, values in differing.items())
        raise ValueError(f"the rows are under several settings: {told}; choose one with {_filter(differing)}")


def refuse_several_trainings(name: str, rows: Sequence[Row]) -> None:
    """Raises ValueError, with the columns in which they differ, if a network's seeds were not trained alike."""
    columns = dict.fromkeys(column for row in rows for column in flat({"training": row.get("training", {})}))
    found = {"weights": [row["weights"] if row["weights"] in KINDS else CHECKPOINT for row in rows]}
    found |= {column: [value_at(row, column) for row in rows] for column in columns if column not in SEED_BY_SEED}
    differing = {column: values for column in found if len(values := list(dict.fromkeys(found[column]))) > 1}
    if differing:
        told = "; ".join(f"{column} is {_listed(values)}" for column, values in differing.items())
        raise ValueError(f"{name!r} was trained in several ways: {told}; choose one with {_filter(differing)}")


def _filter(differing: dict[str, list[Any]]) -> str:
    """A filter that would do; delta says more to people than the temperature that follows from it."""
    column = "delta" if "delta" in differing else next(iter(differing))
    value = next(value for value in differing[column] if value != CHECKPOINT)
    return f"a filter such as {column}={_text(value)} (--where)"


def _listed(values: Sequence[Any]) -> str:
    texts = [_text(value) for value in values[:4]] + (["..."] if len(values) > 4 else [])
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _text(value: Any) -> str:
    """As a filter takes it."""
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return "none" if value is None else str(value)
