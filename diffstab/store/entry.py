"""A row on its way into a store, and what tells rows apart."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ..results import SCHEMA, Row, StabilityResult
from . import sidecar

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


def now_after(earlier: str | None) -> str:
    """The time; if a row's time, which another clock or program wrote, is not earlier, one that is later than that.

    >>> now_after("2999-01-01T00:00:00.000000+00:00")
    '2999-01-01T00:00:00.000001+00:00'
    """
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    if earlier is None or now > earlier:
        return now
    with contextlib.suppress(ValueError, OverflowError):
        later = (datetime.fromisoformat(earlier) + timedelta(microseconds=1)).isoformat(timespec="microseconds")
        if later > earlier:
            return later
    return f"{earlier}~"  # of whatever form it is


def checksum(row: Row) -> str:
    """sha256 of a row's content, whatever the order of its fields."""
    return hashlib.sha256(without_checksum(row)).hexdigest()


def without_checksum(row: Row) -> bytes:
    """What the checksum is taken of. Raises ValueError of numbers that are none, TypeError of what JSON can't hold."""
    content = {name: value for name, value in row.items() if name != "checksum"}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
