"""Rows are filtered, sorted and exported by column."""

import csv
import io

import huggingface_hub
import pytest
import yaml
from support.measured_stores import failed, measured

from diffstab.pages.columns import layers_of
from diffstab.results import without_layers
from diffstab.store.export import exported
from diffstab.store.table import columns_of, flat, layer_lines, order_of, select, value_at


def test_filters_choose_by_number_and_pattern(store):
    store.add(failed("job"))
    rows = store.rows()
    assert [row["seed"] for row in select(rows, ["seed>=1", "status=done"])] == [1, 2]
    assert len(select(rows, ["model=Seq*"])) == 3
    assert len(select(rows, ["model!=Seq*"])) == 1
    assert len(select(rows, ["R.value>0"])) == 3
    assert len(select(rows, ["R.value=none"])) == 1
    assert len(select(rows, ["seed=1.0"])) == 1
    assert select(rows, ["seed=7"]) == []
    assert select(rows, ["seed=7", "error.type=none", "seed<3"]) == []
    assert len(select(rows, ["error.message=it can't"])) == 1


def test_a_filter_takes_rows_from_before_its_column(store):
    """Settings are told with their default; other kinds of rows and networks trained elsewhere have none."""
    new = store.rows()
    older = [{name: value for name, value in row.items() if name not in ("transform", "of")} for row in new]
    taught = [{**row, "training": {"epochs": 3}} for row in older]
    others = [{"kind": "train", "penalty": 0.0}, {"kind": "stripe"}]
    rows = [*new, *older, *taught, *others]
    assert select(rows, ["transform=diffeo", "of=logits"]) == [*new, *older, *taught]
    assert select(rows, ["transform!=diffeo"]) == others
    assert select(rows, ["training.penalty=0"]) == select(rows, ["training.diffeo_cutoff_rule=disk"]) == taught
    assert select(rows, ["training.penalty>0"]) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed=1", "no row has a column 'sed'; did you mean 'seed'"),
        ("R<0.5", r"no row has a column 'R'; did you mean 'R\.value'"),
        ("seed", "is not COLUMN=VALUE"),
        ("R.value<small", "compares with 'small'; a number is needed after <"),
    ],
)
def test_a_filter_that_means_nothing_is_named(store, text, message):
    with pytest.raises(ValueError, match=message):
        select(store.rows(), [text])


def test_a_column_that_stands_empty_is_a_column(store):
    rows = store.rows()
    for column in ("stopped", "error.type", "training.seed", "data_dir"):
        assert select(rows, [f"{column}=none"]) == rows
    assert len(select(rows, ["seed==1"])) == 1
    assert len(select(rows, ["seed=*"])) == 3


def test_rows_are_sorted_with_missing_values_last(store):
    store.add(failed("job"))
    values = [
        row.get("R", {}).get("value")
        for row in sorted(store.rows(), key=lambda row: order_of(value_at(row, "R.value")))
    ]
    assert values[:3] == sorted(values[:3])
    assert values[3] is None


def test_csv_has_a_column_for_each_nested_value(store):
    store.add(failed("job"))
    table = list(csv.DictReader(io.StringIO(exported(store.rows(), "csv").decode())))
    assert len(table) == 4
    for line, row in zip(table, store.rows(), strict=True):
        assert set(line) == set(columns_of(map(flat, store.rows())))
        if row["status"] == "done":
            assert float(line["R.value"]) == row["R"]["value"]  # every digit
            assert line["versions.torch"] == row["versions"]["torch"]
        else:
            assert line["error.message"] == "it can't"
    assert next(iter(table[0])) == "model"
    assert exported([], "csv").decode().startswith("model,")


def test_parquet_has_the_same_table(store):
    parquet = pytest.importorskip("pyarrow.parquet")
    store.add(measured(2**64 - 1))  # larger than any integer of Parquet's
    store.add(failed("job", "no \udcff"))  # of a path that is no UTF-8
    table = parquet.read_table(io.BytesIO(exported(store.rows(), "parquet"))).to_pylist()
    for line, row in zip(table, store.rows(), strict=True):
        one = flat(row)
        for name in ("model", "R.value", "key", "cutoff"):
            assert line.get(name) == one.get(name)
    assert [line["seed"] for line in table][:4] == [0.0, 1.0, 2.0, 2.0**64]
    assert table[4]["error.message"] == r"no \udcff"


def test_the_csv_for_timm_joins_on_its_names(store):
    row = {**store.rows()[0], "model": "timm:resnet50", "model_source": "timm", "weights_tag": "a1_in1k"}
    row["weights"] = "pretrained"
    tagged = {**row, "model": "timm:resnet50.tv_in1k", "weights_tag": "tv_in1k"}
    bare = {**row, "model": "resnet18", "weights_tag": None}
    fresh = {**tagged, "weights": "init"}  # not what timm's table is about
    text = exported([row, tagged, bare, fresh, store.rows()[1]], "timm").decode()
    table = list(csv.DictReader(io.StringIO(text)))
    assert [line["model"] for line in table] == ["resnet50.a1_in1k", "resnet50.tv_in1k", "resnet18"]
    assert float(table[0]["R"]) == row["R"]["value"]


def test_the_yaml_for_the_hub_has_an_entry_for_each_row_of_a_data_set_there(store):
    first, second, third = store.rows()
    rows = [{**first, "dataset": "fashionmnist"}, second, {**third, "dataset": "imagenet", "status": "failed"}]
    (entry,) = yaml.safe_load(exported(rows, "hub"))
    assert entry["dataset"] == {"id": "zalando-datasets/fashion_mnist", "task_id": "relative_stability"}
    assert entry["value"] == pytest.approx(first["R"]["value"], rel=1e-5)
    assert f"95 % interval {first['R']['low']:.3g} to {first['R']['high']:.3g}" in entry["notes"]
    assert first["key"][:12] in entry["notes"]
    (other,) = yaml.safe_load(exported([{**rows[0], "shuffle_channels": True}], "hub"))
    assert "shuffle_channels" in other["notes"]  # a setting that the plain R_f does not have is told
    assert "shuffle_channels" not in entry["notes"]
    (known,) = huggingface_hub.parse_eval_result_entries([entry])
    assert huggingface_hub.eval_result_entries_to_yaml([known]) == [entry]
    with pytest.raises(ValueError, match="no row has R_f of a data set that is on the hub; data sets that are: mnist,"):
        exported([second], "hub")


def test_an_unknown_format_is_named(store):
    with pytest.raises(ValueError, match="format is 'xls'; allowed: csv, parquet, timm"):
        exported(store.rows(), "xls")


def test_the_number_of_layers_of_an_experiment_is_no_list_of_layers():
    row = {"kind": "regime", "layers": 3}
    assert layer_lines(row) == []
    assert without_layers(row) == row
    assert without_layers({"layers": [], "seed": 1}) == without_layers({"layers": None, "seed": 1}) == {"seed": 1}
    assert layers_of([row]) == {"profiles": [], "rows": []}
