"""Rows before they are written to a store, and their checksums."""

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
    """A row to be written to a store, with its sidecars (the files beside it).

    Attributes:
        row: Columns and their values.
        sidecars: Content of each sidecar, by its kind: `raw` or `weights`.
    """

    row: Row
    sidecars: Mapping[str, bytes] = field(default_factory=dict)


def measured_entry(result: StabilityResult, **more: Any) -> Entry:
    """Makes the row of a measurement, with its raw values as a sidecar.

    Args:
        result: Result of `measure`.
        more: Further columns, such as `job`.

    Raises:
        ValueError: If the network has no key because it is no `nn.Module`.
    """
    if result.key is None:
        raise ValueError("the network is no nn.Module, so no key identifies it; wrap it in an nn.Module to store it")
    head = {"schema": SCHEMA, "kind": "measure", "status": DONE, "key": result.key, "job": None}
    return Entry({**head, **result.to_dict(), **more}, {sidecar.RAW: sidecar.packed(result.raw)})


def is_measured(row: Row) -> bool:
    """Returns True if a row is a finished measurement: no training, experiment or failure."""
    return row.get("status") == DONE and row.get("kind") == "measure"


def now_after(earlier: str | None) -> str:
    """Returns the present time in UTC, or a time just after `earlier` if that is not in the past.

    `earlier` is a row's time, which another machine's clock or another program may have written.

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
    return f"{earlier}~"  # sorts after `earlier`, whatever that is


def checksum(row: Row) -> str:
    """Returns the sha256 of a row's content, which does not depend on the order of its columns."""
    return hashlib.sha256(without_checksum(row)).hexdigest()


def without_checksum(row: Row) -> bytes:
    """Returns the bytes that the checksum is computed from: JSON with sorted names, without the checksum.

    Raises:
        ValueError: If a number is NaN or infinite.
        TypeError: If JSON can't hold a value.
    """
    content = {name: value for name, value in row.items() if name != "checksum"}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
