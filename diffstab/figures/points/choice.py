"""Which rows of a store a figure is about: measurements that pass the filters, after training and at initialisation."""

from collections.abc import Sequence
from typing import NamedTuple

from ...store import FAILED, Row, is_measured, select


class Chosen(NamedTuple):
    """Measurements.

    Attributes:
        trained: Of networks with weights.
        fresh: At initialisation.
        notes: What was left out, one line each.
        told: How many rows there were, for messages.
    """

    trained: list[Row]
    fresh: list[Row]
    notes: list[str]
    told: str


def choose(rows: Sequence[Row], filters: Sequence[str] = ()) -> Chosen:
    """The measurements among rows that pass every filter, as in `store.select`, which raises what it raises.

    >>> head = {"status": "done", "kind": "measure"}
    >>> choose([{**head, "weights": "init"}, {**head, "status": "failed"}])[2:]
    (['1 failed cells are left out'], '2 of 2 rows that pass the filters')
    """
    passed = select(rows, filters)
    measured = [row for row in passed if is_measured(row)]
    trained = [row for row in measured if row.get("weights") != "init"]
    fresh = [row for row in measured if row.get("weights") == "init"]
    failed = sum(row.get("status") == FAILED for row in passed)
    notes = [f"{failed} failed cells are left out"] if failed else []
    return Chosen(trained, fresh, notes, f"{len(passed)} of {len(rows)} rows that pass the filters")
