"""Chooses the rows of a figure: measurements that pass the filters, after training and at initialisation."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...results import value_at
from ...statistics import binomial_interval
from ...store import DONE, FAILED, Row, is_measured, select
from .setting import shared_by

ALL_IMAGES = "test errors are those of the trainings, over all test images, not over the measured ones alone"


class Chosen(NamedTuple):
    """Measurements.

    Attributes:
        trained: Measurements of networks with weights.
        fresh: Measurements at initialisation.
        notes: Notes on what was left out, one line each.
        told: The number of rows that passed, as messages say it.
    """

    trained: list[Row]
    fresh: list[Row]
    notes: list[str]
    told: str


def choose(rows: Sequence[Row], filters: Sequence[str] = ()) -> Chosen:
    """The measurements among rows that pass every filter, as in `store.select`, which raises what it raises.

    Where the rows of trainings are there too, the test errors are theirs: over all test images.

    >>> head = {"status": "done", "kind": "measure"}
    >>> choose([{**head, "weights": "init"}, {**head, "status": "failed"}])[2:]
    (['1 failed cells are left out'], '2 of 2 rows that pass the filters')
    """
    rows, replaced = _with_errors_of_trainings(rows)
    passed = select(rows, filters)
    measured = [row for row in passed if is_measured(row)]
    trained = [row for row in measured if row.get("weights") != "init"]
    fresh = [row for row in measured if row.get("weights") == "init"]
    failed = sum(row.get("status") == FAILED for row in passed)
    notes = [f"{failed} failed cells are left out"] if failed else []
    notes += [ALL_IMAGES] if replaced else []
    return Chosen(trained, fresh, notes, f"{len(passed)} of {len(rows)} rows that pass the filters")


def of_sizes(chosen: Chosen) -> list[Row]:
    """The trained networks that saw a part of their training set. Raises ValueError if there are none."""
    sized = [row for row in chosen.trained if value_at(row, "training.train_size")]
    if not sized:
        raise ValueError(f"no training with train_size is among {chosen.told}; sweep train_size: [100, 1000, ...]")
    return sized


def experiments(
    rows: Sequence[Row], filters: Sequence[str], kind: str, example: str, shared: Sequence[str]
) -> tuple[list[Row], dict[str, Any]]:
    """The rows of experiments of a kind as of networks whose seeds are theirs, and the values that they share.

    Raises:
        ValueError: If there are none, or they differ in a column of `shared`; the messages name the sweep `example`.
    """
    own = [row for row in select(rows, filters) if row.get("kind") == kind and row.get("status") == DONE]
    if not own:
        raise ValueError(f"no {kind} experiment is among the rows that pass the filters; sweep {kind}: {example}")
    return [{**row, "model": kind, "weights_sha256": str(row["seed"])} for row in own], shared_by(own, shared)


def _with_errors_of_trainings(rows: Sequence[Row]) -> tuple[list[Row], bool]:
    """Measurements with the test error of their training, and whether one is another than was measured.

    Older rows of trainings don't tell of how many images theirs is: the interval is that of as many as were measured.
    """
    trained = {
        row.get("job"): row["test_error"]
        for row in rows
        if (row.get("kind"), row.get("status")) == ("train", DONE) and value_at(row, "test_error.value")
    }
    found, replaced = [], False
    for row in rows:
        job, own = value_at(row, "training.job"), row.get("test_error")
        if job is not None and job in trained and own and is_measured(row):
            error, images = trained[job]["value"], trained[job].get("images") or own["images"]
            replaced |= error != own["value"]
            own = {**binomial_interval(error * images, images)._asdict(), "value": error, "images": images}
        found.append({**row, "test_error": own} if own else row)
    return found, replaced
