"""What the report computes in the page agrees with the package; run by node, where there is one."""

import csv
import io
import json

import numpy as np
import pytest
from support.in_node import in_node, needs_node
from support.measured_rows import row

from diffstab.figures.points.relation import alike
from diffstab.pages.columns import columnar
from diffstab.statistics.correlation import correlation_interval, fitted_power_law
from diffstab.store import export
from diffstab.store.export import exported
from diffstab.store.table import columns_of, flat, order_of, select, value_at

pytestmark = pytest.mark.slow

ROWS = [
    row("resnet18", 0, R=0.1, error=0.01),
    row("resnet18", 1, R=0.3, error=0.02, cutoff=5.0),
    row("lenet", 0, R=2.0, error=0.03, weights="init", test_error=None, seed_of_images=2**64 - 1),
    row('a "quoted", name\nof two lines', 0, R=1.5, error=0.0, fine=True),
    row("resnet[1]", 0, R=1e-7, error=0.5),
]
FILTERS = [
    "model=resnet*", "model=resnet[[]1]", "model!=lenet", "R.value<0.3", "R.value<=0.3", "R.value>=1.5", "cutoff=5",
    "cutoff!=5", "test_error.value=none", "test_error.value!=none", "fine=true", "weights=init", "model=?enet",
    "R.value=1e-7", "model=resnet[!x]?*", "training.seed=1", "seed_of_images=18446744073709551615",
]  # fmt: skip


def columns():
    return {"count": len(ROWS), "columns": columnar(ROWS)}


@needs_node
@pytest.mark.parametrize("text", FILTERS)
def test_filters_choose_the_rows_that_the_command_line_chooses(text):
    found = in_node(
        """({ Rows }, { data, text }) => {
          const rows = Rows.decode(data), passes = Rows.filter(text, Object.keys(data.columns), ["model"]);
          return rows.map((row) => passes(row));
        }""",
        {"data": columns(), "text": text},
        "rows.js",
    )
    wanted = select(ROWS, [text])
    assert found == [any(one is other for other in wanted) for one in ROWS]
    assert 0 < sum(found) < len(ROWS)


@needs_node
def test_words_and_several_filters_narrow_and_wrong_ones_are_told():
    ask = """({ Rows }, { data, texts }) => texts.map((text) => {
      const rows = Rows.decode(data);
      try { return rows.map(Rows.filter(text, Object.keys(data.columns), ["model", "weights"])).map(Number).join(""); }
      catch (error) { return error.message; }
    })"""
    texts = [
        "",
        "RESNET",
        "resnet R.value>0.2",
        '"two lines"',
        'model="a *"',
        "R.valu<1",
        "R.value<x",
        "R.value<",
        "init",
    ]
    found = in_node(ask, {"data": columns(), "texts": texts}, "rows.js")
    told = ["No row has a column R.valu.", *["A number is needed after R.value<."] * 2]
    assert found == ["11111", "11001", "01000", "00010", "00010", *told, "00100"]


@needs_node
@pytest.mark.parametrize("column", ["R.value", "model", "test_error.value", "cutoff"])
def test_order_is_that_of_the_command_line(column):
    ask = """({ Rows }, { data, column }) => {
      const rows = Rows.decode(data), places = [...rows.keys()];
      return [false, true].map((falling) => Rows.inOrder(rows, places, column, falling));
    }"""
    rising, falling = in_node(ask, {"data": columns(), "column": column}, "rows.js")
    wanted = sorted(ROWS, key=lambda row: order_of(value_at(row, column)))
    assert [ROWS[place]["key"] for place in rising] == [one["key"] for one in wanted]
    known = [value_at(ROWS[place], column) for place in falling]
    without = known.count(None)
    assert known == sorted(known[: len(known) - without], reverse=True) + [None] * without


@needs_node
def test_files_hold_what_an_export_holds():
    ask = """({ Rows }, data) => {
      const rows = Rows.decode(data);
      return [Rows.csv(rows, Object.keys(data.columns)), Rows.json(rows)];
    }"""
    table, objects = in_node(ask, columns(), "rows.js")
    mine, wanted = (list(csv.DictReader(io.StringIO(text))) for text in (table, exported(ROWS, "csv").decode()))
    assert list(mine[0]) == list(wanted[0])
    for own, other in zip(mine, wanted, strict=True):
        for name, text in other.items():
            assert own[name] == text or float(own[name]) == float(text), name
    kept = [{name: value for name, value in flat(one).items() if value is not None} for one in ROWS]
    kept[2]["seed_of_images"] = str(2**64 - 1)
    assert json.loads(objects) == kept


@needs_node
@pytest.mark.parametrize("begin", export.FORMULA)
def test_for_spreadsheets_no_text_begins_as_a_formula(begin):
    rows = [{**row(f"{begin}1+1", 0, R=0.5), "seed": -1}]
    ask = """({ Rows }, data) => {
      const rows = Rows.decode(data), names = Object.keys(data.columns);
      return [true, false].map((spreadsheets) => Rows.csv(rows, names, spreadsheets));
    }"""
    found = in_node(ask, {"count": 1, "columns": columnar(rows)}, "rows.js")
    for text, model in zip(found, (f"'{begin}1+1", f"{begin}1+1"), strict=True):
        own = next(csv.DictReader(io.StringIO(text, newline="")))
        assert (own["model"], own["seed"]) == (model, "-1")


def test_columns_hold_every_value():
    flats = [flat(one) for one in ROWS]
    found = columnar(ROWS)
    assert list(found) == columns_of(flats)
    for name, column in found.items():
        own = column["of"]
        values = [own[place] for place in column.get("at", range(len(ROWS)) if len(own) > 1 else [0] * len(ROWS))]
        assert values == [str(one[name]) if one.get(name) == 2**64 - 1 else one.get(name) for one in flats]


@needs_node
@pytest.mark.parametrize(("networks", "architectures"), [(3, 3), (4, 4), (15, 15), (15, 5), (15, 3)])
def test_correlation_and_fit_are_those_of_the_package(networks, architectures):
    rng = np.random.default_rng(5)
    x = np.exp(rng.normal(size=networks))
    y = 0.03 * x**0.4 * np.exp(0.3 * rng.normal(size=networks))
    names = [f"net{k % architectures}" + f"-w{k / 4}" * (k >= architectures) for k in range(networks)]
    ask = "({ Statistics }, { x, y, names }) => Statistics.related(x, y, names)"
    found = in_node(ask, {"x": [*x], "y": [*y], "names": names}, "statistics.js")
    law = fitted_power_law(x, y, groups=alike(names))
    for name, wanted in (
        ("correlation", correlation_interval(x, y, groups=alike(names))),
        ("exponent", law.exponent),
        ("factor", law.factor),
    ):
        assert found[name]["value"] == pytest.approx(wanted.value, rel=1e-12)
        assert list(found[name].values()) == pytest.approx(list(wanted), rel=1e-9)


@needs_node
@pytest.mark.parametrize(("x", "y"), [([1.0, 2.0], [1.0, 2.0]), ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])])
def test_too_few_networks_or_none_that_differ_give_no_fit(x, y):
    assert (
        in_node("({ Statistics }, { x, y }) => Statistics.related(x, y, [])", {"x": x, "y": y}, "statistics.js") is None
    )
