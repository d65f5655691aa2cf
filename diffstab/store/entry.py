"""A row on its way into a store, and what tells rows apart."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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


def takes_over(new: Row, old: Row) -> bool:
    """Whether a job's line counts in place of another one, in whatever order they are read.

    The later line counts, but a failure hides no measurement; unless it says up to which time they are replaced.

    >>> takes_over({"status": "failed", "time": "2"}, {"status": "done", "time": "1"})
    False
    >>> takes_over({"status": "failed", "time": "2", "replaces": "1"}, {"status": "done", "time": "1"})
    True
    """
    done, was_done = (row["status"] == DONE for row in (new, old))
    if done == was_done:
        return bool(old["time"] <= new["time"])
    return not _replaces(old, new) if done else _replaces(new, old)


def _replaces(failure: Row, row: Row) -> bool:
    return bool(row["time"] <= str(failure.get("replaces", "")))


def now_after(earlier: Row | None) -> str:
    """The time, later than that of an earlier row: clocks of machines differ."""
    now = datetime.now(UTC)
    if earlier is not None:
        with contextlib.suppress(ValueError, TypeError):  # a time that another program wrote
            now = max(now, datetime.fromisoformat(earlier["time"]) + timedelta(microseconds=1))
    return now.isoformat(timespec="microseconds")


def checksum(row: Row) -> str:
    """sha256 of a row's content, whatever the order of its fields."""
    content = {name: value for name, value in row.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
