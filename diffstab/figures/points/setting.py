"""Checks that rows may stand in one figure: one measuring setting, one way of training for a network's seeds."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ...results import OF_DEFORMATIONS, SETTING, flat, known_at, value_at
from ...store import SEED_BY_SEED, Row

SETTINGS = (*SETTING, "asked.until_precision", "batch_norm", "precision")
TASK = ("training.dataset", "training.train_size", "training.label_noise")  # that all networks were trained for
CHECKPOINT = "a checkpoint"
WITHOUT = "none"  # batch_norm of networks that have none, which goes with any
KINDS = ("train", "pretrained", "init")  # of weights; others are paths of checkpoints


def grouped(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    """Rows by what stands in a column, in their order."""
    return {place: own for (place,), own in together(rows, [column]).items()}


def together(rows: Iterable[Row], columns: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by what stands in several columns of their setting, in their order."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(setting_at(row, column) for column in columns), []).append(row)
    return found


def setting_of(row: Row, swept: Collection[str] = ()) -> dict[str, Any]:
    """The measuring setting and task of a row, by column; columns that it lacks and `swept` ones are left out.

    >>> found = setting_of({"cutoff": 3.0, "images": 800, "asked": {"until_precision": 0.05}})
    >>> found["cutoff"], found["transform"], found["asked.until_precision"], "images" in found
    (3.0, 'diffeo', 0.05, False)
    """
    found = {column: setting_at(row, column) for column in (*SETTINGS, *TASK) if column not in swept}
    return {column: value for column, value in found.items() if value is not None}


def setting_at(row: Row, column: str) -> Any:
    """The value of a column of a row's setting, also for rows older than that column.

    With `until_precision` images and draws are what it took, no part of what is measured.
    """
    if column in ("images", "draws") and value_at(row, "asked.until_precision") is not None:
        return None
    value = known_at(row, column)
    return None if column == "training.label_noise" and not value else value  # none, as before there was the option


def is_like(row: Row, other: Row, swept: Collection[str] = ()) -> bool:
    """Tells whether a row at initialisation has another's setting, batch norm aside, which works in another way there.

    Args:
        row: Row at initialisation.
        other: Row to compare with.
        swept: Columns in which the rows may differ.

    >>> is_like({"cutoff": 3.0, "batch_norm": "batch"}, {"cutoff": 3.0, "batch_norm": "running"})
    True
    >>> is_like({"delta": 1.0}, {"delta": 2.0}), is_like({"delta": 1.0}, {"delta": 2.0}, swept=["delta"])
    (False, True)
    """
    columns = [column for column in SETTINGS if column != "batch_norm" and column not in swept]
    return all(len(_distinct(column, [row, other])) < 2 for column in columns)


def _distinct(column: str, rows: Iterable[Row]) -> list[Any]:
    """The different values in a column; a transformation without a cutoff goes with any cutoff."""
    found = list(dict.fromkeys(setting_at(row, column) for row in rows))
    return [value for value in found if value is not None] if column in OF_DEFORMATIONS else found


def refuse_several_settings(rows: Sequence[Row], swept: Collection[str] = ()) -> None:
    """Raises ValueError, with the columns in which they differ, if rows are under several settings.

    What networks were trained for counts too, where it is known; how they were trained may differ, as their best does.

    Args:
        rows: Rows after training or at initialisation.
        swept: Columns in which the rows may differ.
    """
    found = {column: _distinct(column, rows) for column in SETTINGS if column not in swept}
    found["batch_norm"] = [value for value in found["batch_norm"] if value != WITHOUT]
    taught = [row for row in rows if row.get("training")]
    found |= {column: _distinct(column, taught) for column in TASK if column not in swept}
    _refuse(found, "the rows are under several settings")


def refuse_mixed(rows: Sequence[Row], swept: Collection[str] = (), trainings: Sequence[str] = ()) -> None:
    """Raises ValueError if rows are under several settings, or the seeds of a network were not trained alike.

    Args:
        rows: Rows after training.
        swept: Columns in which the rows may differ.
        trainings: Columns that tell the ways apart in which a network was trained.
    """
    refuse_several_settings(rows, swept)
    for name, own in together(rows, ("model", *trainings)).items():
        options = dict.fromkeys(column for row in own for column in flat({"training": row.get("training", {})}))
        found = {"weights": [row["weights"] if row["weights"] in KINDS else CHECKPOINT for row in own]}
        asked = [column for column in options if column not in SEED_BY_SEED]
        found |= {column: [known_at(row, column) for row in own] for column in asked}
        _refuse(found, f"{', '.join(map(str, name))!r} was trained in several ways")


def _refuse(found: dict[str, list[Any]], fault: str) -> None:
    """Raises ValueError if a column has several values; delta says more to people than the temperature it gives."""
    differing = {column: values for column in found if len(values := list(dict.fromkeys(found[column]))) > 1}
    if differing:
        told = "; ".join(f"{column} is {_listed(values)}" for column, values in differing.items())
        column = "delta" if "delta" in differing else next(iter(differing))
        value = _text(next(value for value in differing[column] if value != CHECKPOINT))
        raise ValueError(f"{fault}: {told}; choose one with a filter such as {column}={value} (--where)")


def shared_by(rows: Sequence[Row], columns: Sequence[str], what: str = "rows") -> dict[str, Any]:
    """The values of columns in which rows must not differ. Raises ValueError if they do."""
    differing = [name for name in columns if len(grouped(rows, name)) > 1]
    if differing:
        raise ValueError(f"the {what} differ in {', '.join(differing)}; choose one, as with --where {differing[0]}=...")
    return {name: rows[0].get(name) for name in columns}


def _listed(values: Sequence[Any]) -> str:
    texts = [_text(value) for value in values[:4]] + (["..."] if len(values) > 4 else [])
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _text(value: Any) -> str:
    """A value as a filter takes it."""
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return "none" if value is None else str(value)
