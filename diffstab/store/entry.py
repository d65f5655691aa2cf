"""A row on its way into a store, and what tells rows apart."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..results import SCHEMA, StabilityResult
from . import sidecar
from .parts import Row

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Entry:
    """A row on its way into a store, with the content of its sidecars by kind (`raw`, `weights`)."""

    row: Row
    sidecars: Mapping[str, bytes] = field(default_factory=dict)


def measured_entry(result: StabilityResult, **more: Any) -> Entry:
    """The row of a measurement, with its raw values.

    Args:
        result: Of `measure`.
        more: Further columns, such as `job`.
    """
    if result.key is None:
        raise ValueError("the network is no nn.Module, so nothing tells it from another; wrap it in one to store it")
    head = {"schema": SCHEMA, "kind": "measure", "status": DONE, "key": result.key, "job": None}
    return Entry({**head, **result.to_dict(), **more}, {sidecar.RAW: sidecar.packed(result.raw)})


def is_measured(row: Row) -> bool:
    """Whether a row is a measurement's: neither a training's nor a failure's."""
    return row.get("status") == DONE and row.get("kind") == "measure"


def checksum(row: Row) -> str:
    """sha256 of a row's content, whatever the order of its fields."""
    content = {name: value for name, value in row.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
