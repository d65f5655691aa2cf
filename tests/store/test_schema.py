"""The schema of rows takes every row that the package writes, and refuses what the readers of a store refuse."""

import json
from copy import deepcopy

import pytest
from jsonschema import Draft202012Validator
from support.measured_stores import failed, measured

from diffstab.results import ROW
from diffstab.store import measured_entry
from diffstab.store.row_check import is_measurement
from diffstab.store.schema import SCHEMA_FILE, row_schema

VALIDATOR = Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))


@pytest.fixture(scope="module")
def row():
    found = measured(layers="all", labels=None, resamples=100)
    return json.loads(json.dumps(measured_entry(found, asked={}, training=None, data_dir=None).row))


def test_the_file_is_what_the_columns_give():
    """After a setting was added: python scripts/maintain/schemas.py."""
    assert json.loads(SCHEMA_FILE.read_text()) == row_schema()
    Draft202012Validator.check_schema(row_schema())


def test_rows_fit(row):
    assert not list(VALIDATOR.iter_errors(row))
    assert list(ROW) == [name for name in row if name in ROW]
    assert VALIDATOR.is_valid(failed("job").row)


SPOILED = {
    "no R": lambda row: row.pop("R"),
    "no draws": lambda row: row.pop("draws"),
    "a text for a number": lambda row: row.update(delta="1"),
    "a number for a text": lambda row: row.update(average=1),
    "half an interval": lambda row: row["D"].pop("low"),
    "a text in an interval": lambda row: row["lipschitz"].update(low="0"),
    "a share of draws": lambda row: row.update(draws=1.5),
    "a list for a mapping": lambda row: row.update(preprocessing=[]),
    "a layer without a name": lambda row: row["layers"][0].pop("name"),
    "layers of another form": lambda row: row.update(layers={}),
    "an optional text": lambda row: row.update(device=5),
}


@pytest.mark.parametrize("how", SPOILED)
def test_it_agrees_with_the_readers(row, how):
    spoiled = deepcopy(row)
    SPOILED[how](spoiled)
    assert is_measurement(row)
    assert (VALIDATOR.is_valid(spoiled), is_measurement(spoiled)) == (False, False)
