"""Rows of a store and of its CSV export are the same; other files are refused."""

import csv
import io
import re

import pytest
from support.measured_rows import row

from diffstab.figures.points.rows import nested, read_rows, typed
from diffstab.store.export import exported
from diffstab.store.table import flat, select


def test_a_csv_export_gives_the_rows_back(store, tmp_path):
    rows = store.rows()
    path = tmp_path / "rows.csv"
    path.write_bytes(exported(rows, "csv"))
    again, notes = read_rows(path)
    assert notes == []
    assert [flat(one) for one in again] == [
        {name: value for name, value in flat(one).items() if value is not None} for one in rows
    ]
    assert len(select(again, ["R.value<0.2", "seed=0"])) == len(select(rows, ["R.value<0.2", "seed=0"]))


def test_cells_keep_every_digit_and_kind():
    for value in (0.1, 1e-300, 12345678901234567890, -3, 1.0, True, "resnet18", "1.2.3", "nan"):
        again = typed(str(value))
        assert (again, type(again)) == (value, type(value))
    assert typed("") is None
    assert nested(flat(row())) == row()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("R.value", "", "row 3: R is {'low': "),
        ("R.low", "=cmd()", "row 3: R is {'value': "),
        ("model", "1e999", "row 3: model is inf; a name as model, and numbers"),
        ("test_error.value", "nan", "row 3: test_error is {'value': 'nan'"),
        ("model", "True", "row 3: model is True"),
    ],
)
def test_a_csv_file_of_other_values_is_refused_by_its_row(store, tmp_path, column, value, message):
    lines = list(csv.DictReader(io.StringIO(exported(store.rows(), "csv").decode())))
    lines[1][column] = value
    with open(tmp_path / "rows.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_rows(tmp_path / "rows.csv")
    assert typed("1" + "0" * 400) == float("inf")  # a whole number that no float holds is none


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read .No such file or directory.; a store's folder or its CSV file"),
        ("a,b\n1,2\n", "lacks the column 'model'"),
        ("", "lacks the column 'model'"),
        (b"\xff\xfe", "can't be read"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "f.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        read_rows(path)


def test_a_cut_csv_file_is_refused(store, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(exported(store.rows()[:3], "csv")[:-300])
    with pytest.raises(ValueError, match=r"row 4: it has not \d+ columns as the first; is it cut off"):
        read_rows(path)
