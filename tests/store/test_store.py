"""Rows come back as they went in, once each, whoever wrote them."""

import json
import shutil
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.measured_stores import failed, measured

from diffstab import MaxEntropyEnsemble, Store, measure
from diffstab.store import compare_rows, select, sidecar
from diffstab.store.check import check
from diffstab.store.entry import checksum, measured_entry
from diffstab.store.lines import as_line


def part(store):
    (path,) = (store.folder / "rows").glob("*.jsonl")
    return path


def test_rows_come_back_as_they_went_in(store, results):
    again = Store(store.folder)
    assert again.notes == []
    assert [row["key"] for row in again.rows()] == [result.key for result in results]
    for row, result in zip(again.rows(), results, strict=True):
        told = json.loads(json.dumps(result.to_dict()))
        assert {name: row.get(name) for name in told} == told
        raw = again.raw(row)
        for name in ("indices", "deformation", "noise", "outputs", "displacement_norm", "deformation_by_output"):
            assert np.array_equal(getattr(raw, name), getattr(result.raw, name)), name
            assert getattr(raw, name).dtype == getattr(result.raw, name).dtype, name


def test_outputs_that_float32_can_not_hold_stay_float64(results):
    raw = replace(results[0].raw, outputs=results[0].raw.outputs + 1e-12)
    assert np.array_equal(sidecar.unpacked(sidecar.packed(raw), {"images": 20, "draws": 1}).outputs, raw.outputs)
    assert sidecar.packed(raw) == sidecar.packed(raw)  # equal content, equal name


def test_the_same_cell_is_kept_once(store, results):
    assert not store.add(results[0])
    other = Store(store.folder)
    assert not other.add(results[1])
    assert len(part(store).read_text().splitlines()) == 3


def test_a_writer_sees_what_others_add(store, results):
    other = Store(store.folder)
    assert other.add(measured(9))
    assert len(store) == 3
    store.refresh()
    assert len(store) == 4
    assert len(list((store.folder / "rows").iterdir())) == 2  # a part file for each writer


def test_of_several_rows_with_a_key_the_last_one_counts(store):
    row = store.rows()[0]
    later = {**row, "seconds": 99.0, "time": "2999-01-01T00:00:00.000000+00:00"}
    earlier = {**row, "seconds": -1.0, "time": "1999-01-01T00:00:00.000000+00:00"}
    for name, other in (("z", earlier), ("a", later)):  # whatever the order of the files
        text = json.dumps({**other, "checksum": checksum(other)})
        (store.folder / "rows" / f"{name}.jsonl").write_text(f"{text}\n")
    assert Store(store.folder).rows()[0]["seconds"] == 99.0
    assert len(Store(store.folder)) == 3


def test_a_failure_never_hides_a_measurement(tmp_path, results):
    store = Store(tmp_path / "s", create=True)
    assert store.add(failed("job"))
    assert store.status("job") == "failed"
    assert store.add(failed("job", "it still can't"))
    assert [row["error"]["message"] for row in store.rows()] == ["it still can't"]
    assert store.add(measured_entry(results[0], job="job"))
    assert not store.add(failed("job"))
    for one in (store, Store(store.folder)):
        assert [row["status"] for row in one.rows()] == ["done"]
        assert one.status("job") == "done"
        assert one.row_of("job")["key"] == results[0].key
    lines = part(store).read_text().splitlines()
    part(store).write_text("\n".join(reversed(lines)) + "\n")  # as when folders are merged
    assert [row["status"] for row in Store(store.folder).rows()] == ["done"]


def test_folders_copied_together_are_a_merge(store, tmp_path, results):
    other = Store(tmp_path / "other", create=True)
    other.add(results[0])
    other.add(measured(5))
    shutil.copytree(other.folder, store.folder, dirs_exist_ok=True)
    merged = Store(store.folder)
    assert {row["seed"] for row in merged.rows()} == {0, 1, 2, 5}
    assert list(check(merged)) == []
    other.add(measured(6))  # a later copy only adds
    store.add(measured(8))
    shutil.copytree(other.folder, store.folder, dirs_exist_ok=True)
    assert {row["seed"] for row in Store(store.folder).rows()} == {0, 1, 2, 5, 6, 8}


def test_a_network_without_a_key_is_refused(tmp_path):
    images = torch.rand(20, 1, 8, 8)
    result = measure(lambda x: x.flatten(1), images, MaxEntropyEnsemble(8, delta=1.0))
    with pytest.raises(ValueError, match=r"no nn\.Module.*wrap it in an nn"):
        Store(tmp_path / "s", create=True).add(result)


def test_the_first_answer_to_a_question_keeps_its_labels(store, results):
    """The same numbers asked for in another way: both jobs are done, and what the row says stays."""
    row = store.rows()[0]
    entry = measured_entry(replace(results[0], weights="other"), job="another")
    assert store.add(entry)
    for one in (store, Store(store.folder)):
        assert one.status("another") == "done"
        assert len(one) == 3
        (kept,) = [found for found in one.rows() if found["key"] == row["key"]]
        assert kept["weights"] == row["weights"]
    assert list(check(store)) == []
    assert measured_entry(replace(results[0], model="other")).row["key"] != row["key"]


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is not a store"):
        Store(tmp_path / "missing")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    with pytest.raises(ValueError, match="holds other files and is no store"):
        Store(tmp_path / "other", create=True)
    with pytest.raises(ValueError, match="can't be made"):
        Store(tmp_path / "other" / "file" / "store", create=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["other", "file"]


@pytest.mark.slow
def test_a_store_is_listed_and_compared_without_holding_its_rows(store):
    """Of 4,000 rows with 10 MB of texts, what is held at once stays below 4 MB."""
    (row, *_) = store.rows()
    store.close()
    with open(store.folder / "rows" / "many.jsonl", "wb") as stream:
        for number in range(4000):
            more = {"key": f"{number:064d}", "job": None, "model": f"net{number}", "note": "x" * 2500}
            stream.write(as_line({name: value for name, value in {**row, **more}.items() if value is not None}))
    uses = {
        "list": lambda: list(Store(store.folder, keep=lambda row: row["key"][:12]).kept()),
        "each": lambda: sum(1 for _ in Store(store.folder).each()),
        "filter": lambda: select(Store(store.folder).each(), ["model=net7"]),
        "compare": lambda: compare_rows(Store(store.folder), ["net7", "net8"], [], resamples=100, seed=0),
    }
    for name, use in uses.items():
        use()  # what is imported and cached once does not count
        tracemalloc.start()
        try:
            use()
            assert tracemalloc.get_traced_memory()[1] < 4e6, name
        finally:
            tracemalloc.stop()
