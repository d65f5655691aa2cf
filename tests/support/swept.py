"""Stores of sweeps side by side."""

import pytest

NUMBERS = ("D", "G", "R")
SMALL = "measure: {model: [fc_l4, lenet], images: 40, weights: init, cutoff: [3, 5], seed: [0, 1]}"


def assert_equal_stores(one, other):
    """The same keys, and numbers within 1e-6."""
    rows, wanted = ({row["key"]: row for row in store.rows()} for store in (one, other))
    assert rows.keys() == wanted.keys()
    for key, row in rows.items():
        for name in NUMBERS:
            assert list(row[name].values()) == pytest.approx(list(wanted[key][name].values()), rel=1e-6)
