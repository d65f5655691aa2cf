"""Columns of a row: those of the outcome and those of the settings, in order; the key, and what compared rows share."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from ..options import COLUMNS, CONVENTIONS, DEFAULT_CONVENTION, DIFFEO, MeasureOptions, Role, TrainOptions, settings_of
from .outcome import ROLES, Outcome
from .row import Column, Row, value_at

SCHEMA = 1


def row_order(outcomes: Iterable[str]) -> tuple[str, ...]:
    """Returns the columns of a row: the outcomes in their order, each setting's column after the one that it names.

    >>> row_order(["images", "D"])[:3]
    ('images', 'draws', 'D')
    """
    following: dict[str, list[str]] = defaultdict(list)
    for one in COLUMNS.values():
        following[one.after].append(one.column)

    def with_following(name: str) -> list[str]:
        return [name, *(later for other in following[name] for later in with_following(other))]

    first = [column for name in outcomes for column in with_following(name)]
    return (*first, *(column for name in following[""] for column in with_following(name)))


# Columns of outcomes, with True for each that a row may leave out only if it is None; settings by column; all columns.
OUTCOMES = {f.name: f.default is MISSING for f in fields(Outcome) if f.name not in ("settings", "raw")}
SETTINGS = {one.column: name for name, one in COLUMNS.items()}
ROW = row_order(OUTCOMES)
# Values that older measurements had in columns that they lack.
BEFORE = {one.column: one.default for one in COLUMNS.values() if not one.has(Role.FIRST) and one.default is not None}
BEFORE |= {
    f"training.{name}": one.default
    for name, one in settings_of(TrainOptions).items()
    if not one.has(Role.FIRST | Role.EXECUTION) and one.default is not None
}


def columns_with(role: Role) -> tuple[str, ...]:
    """Returns the columns of outcomes, settings, network and images that have a role, in the order of rows."""
    found = {f.name for f in fields(Outcome) if f.metadata.get(ROLES, Role.NONE) & role}
    found |= {one.column for one in settings_of(MeasureOptions).values() if one.column and one.has(role)}
    return tuple(name for name in ROW if name in found)


KEY_NAMES = columns_with(Role.KEY)
SETTING = columns_with(Role.COMPARED)  # columns in which compared rows agree
OF_DEFORMATIONS = columns_with(Role.DEFORMS)  # columns that other transformations lack


def content_key(row: Mapping[str, Any]) -> str | None:
    """Returns the key of a result or of its row: the sha256 of everything that determines its numbers.

    None if the network has no hash, as a callable that is no `nn.Module`.
    """
    if row["network_sha256"] is None:
        return None
    content: dict[str, Any] = {"schema": SCHEMA, **{name: row.get(name) for name in KEY_NAMES}}
    for name, one in COLUMNS.items():
        if one.has(Role.KEY_IF_SET) and row.get(one.column, one.default) != one.default:
            content[name] = row[one.column]
    if row.get("transform", DIFFEO) != DIFFEO:
        content["delta"] = row.get("delta")
    if row.get("changed_sha256") is not None:
        content["changed_sha256"] = row["changed_sha256"]
    if row["batch_norm"] == "batch" or row.get("mixes_images"):  # the batch is part of f
        content["batch_size"] = row["batch_size"]
        if row.get("batch_order") is not None:  # older rows have no such column
            content["batch_order"] = row["batch_order"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def known_at(row: Row, column: Column) -> Any:
    """Returns a row's value in a column, with dots for nested values; in one that older rows lack, what they had.

    >>> known_at({"cutoff": 3.0}, "transform"), known_at({"training": {"epochs": 2}}, "training.penalty")
    ('diffeo', 0.0)

    Rows of other kinds, and those of networks that were not trained here, have no such value:

    >>> known_at({"kind": "train"}, "transform"), known_at({"weights": "pretrained"}, "training.penalty")
    (None, None)
    """
    value = value_at(row, column)
    if value is None and column in BEFORE:
        nested = column.startswith("training.")
        measured = isinstance(row.get("training"), dict) if nested else row.get("kind", "measure") == "measure"
        return BEFORE[column] if measured else None
    return value


def setting_values(row: Row, columns: Sequence[Column] = SETTING) -> tuple[Any, ...]:
    """Returns a row's values in the columns of its setting.

    >>> setting_values({"cutoff": 3.0}, ["transform", "cutoff", "split"])
    ('diffeo', 3.0, None)
    """
    return tuple(known_at(row, column) for column in columns)


def told_newer(row: Mapping[str, Any]) -> list[str]:
    """Returns the settings that are not at their default, among those newer than the lines that tell a setting.

    >>> told_newer({"transform": "rotation", "draws": 3})
    []
    """
    own_words = ("transform", "noise_norm", "layers")
    newer = [one for name, one in COLUMNS.items() if not one.has(Role.FIRST) and name not in own_words]
    return [f"{one.name}: {row[one.column]}" for one in newer if row.get(one.column) not in (None, one.default)]


def told_cutoff(cutoff: Any, rule: str | None, convention: str | None) -> str:
    """Returns a cutoff as text, with its rule if that is not the convention's.

    >>> told_cutoff(3.0, "disk", "paper"), told_cutoff(3.0, "shell", "paper")
    ('c = 3', 'c = 3 (shell)')
    """
    known = CONVENTIONS.get(convention or DEFAULT_CONVENTION)  # a stranger's row may have any
    usual = known and known.cutoff_rule
    return f"c = {cutoff:g}{'' if rule in (None, usual) else f' ({rule})'}"


def told_setting(setting: Mapping[str, Any], seeds: Sequence[int] = ()) -> str:
    """Returns a setting as one line of text.

    >>> told_setting({"dataset": "mnist5k", "images": 500, "draws": 1, "cutoff": 3.0, "average": "mean"}, [0, 1])
    '500 images of mnist5k, draws: 1, seed 0, 1; c = 3, mean'
    """
    named = setting.get
    split = f"/{named('split')}" if named("split") else ""
    images = f"{named('images')} images of " if named("images") is not None else ""
    transform = named("transform")
    parts = [
        None if transform == DIFFEO else transform,
        None if named("cutoff") is None else told_cutoff(named("cutoff"), named("cutoff_rule"), named("convention")),
        None if named("delta") is None else f"delta = {named('delta'):.3g} px",
        None if named("delta_share") is None else f"delta = {named('delta_share'):.3g} of the side",
        None if named("noise_norm") is None else f"||eta|| = {named('noise_norm'):.3g}",
        *(named(name) for name in ("interpolation", "average")),
        None if named("convention") is None else f"{named('convention')} convention",
        *told_newer(setting),
    ]
    what = [f"{images}{named('dataset')}{split}"]
    what += [] if named("draws") is None else [f"draws: {named('draws')}"]
    what += [f"seed {', '.join(map(str, seeds))}"] if seeds else []
    about = ", ".join(str(part) for part in parts if part)
    return "; ".join([", ".join(what), *([about] if about else [])])
