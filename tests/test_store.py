"""The store: rows that survive their writers, one row a key, folders that merge, and numbers that can be had again."""

import csv
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from diffstab import MaxEntropyEnsemble, Store, measure
from diffstab.cli import main
from diffstab.options.measure import MeasureOptions
from diffstab.results.result import SCHEMA
from diffstab.statistics.averages import Statistic
from diffstab.statistics.estimates import stability
from diffstab.statistics.pairs import OutputPairs
from diffstab.store import sidecar
from diffstab.store.check import check
from diffstab.store.entry import Entry, checksum, measured_entry
from diffstab.store.export import exported
from diffstab.store.locks import try_lock
from diffstab.store.recompute import estimated, recompute
from diffstab.store.table import columns_of, flat, in_order, select
from diffstab.sweep.jobs import measure_job


def measured(seed=0, **options):
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU())
    convention = options.pop("convention", "paper")
    return measure(network, images, MaxEntropyEnsemble(8, delta=1.0, convention=convention), seed=seed, **options)


@pytest.fixture(scope="module")
def results():
    return [measured(seed) for seed in range(3)]


@pytest.fixture
def store(tmp_path, results):
    """Three measured cells."""
    store = Store(tmp_path / "store", create=True)
    for result in results:
        assert store.add(result)
    return store


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def part(store):
    (path,) = (store.folder / "rows").glob("*.jsonl")
    return path


def failed(job, message="it can't"):
    error = {"type": "ValueError", "message": message}
    return Entry(
        {"schema": SCHEMA, "kind": "measure", "status": "failed", "key": job, "job": job, "model": "m", "error": error}
    )


# rows


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
    assert np.array_equal(sidecar.unpacked(sidecar.packed(raw)).outputs, raw.outputs)
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
        (store.folder / "rows" / f"{name}.jsonl").write_text(json.dumps(other) + "\n")
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
    with pytest.raises(ValueError, match=r"no nn\.Module.*wrap it in one"):
        Store(tmp_path / "s", create=True).add(result)


# torn lines, full disks, other stores


@pytest.mark.parametrize("cut", [1, 2, 40, 700])
def test_a_torn_last_line_is_mended_and_reported(store, cut):
    store.close()
    path = part(store)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    again = Store(store.folder)
    (note,) = again.notes
    assert note.startswith(path.name)
    if cut == 1:
        assert "no row is lost" in note
        assert path.read_bytes() == whole
    else:
        assert "cut off" in note
        assert path.read_bytes() == whole[: whole[:-1].rfind(b"\n") + 1]
    assert len(again) == (3 if cut == 1 else 2)
    assert list(check(again)) == []
    assert Store(store.folder).notes == []


def test_a_line_that_is_being_written_is_left_alone(store):
    handle = os.open(part(store), os.O_WRONLY | os.O_APPEND)
    os.write(handle, b'{"schema": 1, "key"')
    before = part(store).read_bytes()
    again = Store(store.folder)  # its writer lives
    assert (again.notes, len(again)) == ([], 3)
    os.write(handle, b': "k", "kind": "train", "status": "done", "time": ""}\n')
    os.close(handle)
    again.refresh()
    assert len(again) == 4
    assert part(store).read_bytes().startswith(before)


def test_a_damaged_line_costs_one_row_and_is_reported(store):
    lines = part(store).read_bytes().splitlines(keepends=True)
    odd = b'{"torn": \n[1]\n{"a": 3}\n{"schema":1,"key":[],"status":"done","time":""}\n'
    part(store).write_bytes(lines[0] + odd + lines[1] + lines[2])
    again = Store(store.folder)
    assert len(again) == 3
    assert sorted(note.split("; ")[-1] for note in again.notes) == ["it is left out"] * 4
    assert any("line 2: not a row" in note for note in again.notes)
    assert any("line 3: not a row" in note for note in again.notes)
    assert len(list(check(again))) >= 4


def test_a_lock_is_one_process_alone_and_falls_with_it(tmp_path):
    path = tmp_path / "lock"
    script = "import os, sys, time; from diffstab.store.locks import try_lock; " + (
        f"h = os.open({str(path)!r}, os.O_CREAT | os.O_RDWR); print(try_lock(h), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "True\n"
        handle = os.open(path, os.O_RDWR)
        assert try_lock(handle) is False
        holder.kill()
        holder.wait()
        assert try_lock(handle) is True
        os.close(handle)


def test_a_full_disk_leaves_whole_rows_only(tmp_path):
    """A limit on the size of files stands in for it: the write that crosses it is cut short, as on a full disk."""
    script = f"""
import resource, sys
sys.path.insert(0, {str(os.path.dirname(__file__))!r})
from test_store import measured
from diffstab import Store
results = [measured(seed) for seed in range(8)]
store = Store({str(tmp_path / "s")!r}, create=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    for result in results:
        store.add(result)
except ValueError as error:
    print(error)
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "can't be written (File too large); the rows before are kept" in answer.stdout
    store = Store(tmp_path / "s")
    assert 1 < len(store) < 8
    assert store.notes == []
    assert part(store).read_bytes().endswith(b"}\n")
    assert list(check(store)) == []
    assert store.add(measured(7))  # with room again, it goes on


@pytest.mark.parametrize("where", ["store.json", "row"])
def test_a_newer_schema_is_refused_and_nothing_rewritten(store, where):
    store.close()
    if where == "row":
        row = {**store.rows()[0], "schema": SCHEMA + 1}
        with open(part(store), "a") as stream:
            stream.write(json.dumps(row) + "\n")
    else:
        (store.folder / "store.json").write_text(json.dumps({"format": "diffstab-store", "schema": SCHEMA + 1}))
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    with open(part(store), "a") as stream:
        stream.write('{"torn')
    before[part(store)] = part(store).read_bytes()
    for create in (False, True):
        with pytest.raises(ValueError, match=rf"schema {SCHEMA + 1} and this diffstab knows {SCHEMA}; upgrade"):
            Store(store.folder, create=create)
    assert {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("schema", ["true", "0", "-3", '"1"', "[]", "null"])
def test_a_schema_that_is_none_is_refused(store, schema):
    (store.folder / "store.json").write_text(f'{{"schema": {schema}}}')
    with pytest.raises(ValueError, match="schema"):
        Store(store.folder)


def test_what_is_no_part_file_is_left_alone(store):
    rows = store.folder / "rows"
    (rows / "folder.jsonl").mkdir()
    (rows / "link.jsonl").symlink_to("nowhere")
    os.mkfifo(rows / "pipe.jsonl")
    (rows / "empty.jsonl").write_text("")
    deep = "[" * 100_000
    row = {name: value for name, value in store.rows()[0].items() if name != "seed"}
    (rows / "odd.jsonl").write_text(f'{deep}\n{json.dumps(row)}\n{{"key": NaN}}\n')
    (rows / "binary.jsonl").write_bytes(bytes(range(256)) + b"\n")
    again = Store(store.folder)
    assert len(again) == 3
    assert len(again.notes) == 5  # a newline is among the binary ones
    list(check(again))


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


def test_writers_at_once_keep_a_row_once(tmp_path):
    """Without the store's lock, two processes that look and then append would double some."""
    script = f"""
import sys
sys.path.insert(0, {str(os.path.dirname(__file__))!r})
from test_store import Entry, SCHEMA, Store
store = Store({str(tmp_path / "s")!r}, create=True)
print("ready", flush=True)
sys.stdin.readline()
head = {{"schema": SCHEMA, "kind": "train", "status": "done"}}
for number in range(300):
    store.add(Entry({{**head, "key": str(number), "job": str(number)}}))
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([sys.executable, "-c", script], **pipes) for _ in range(2)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    lines = [line for path in (tmp_path / "s" / "rows").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 300
    assert len(Store(tmp_path / "s")) == 300


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


# columns, filters, files for others


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
    values = [row.get("R", {}).get("value") for row in in_order(store.rows(), "R.value")]
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
    store.add(failed("job"))
    table = parquet.read_table(io.BytesIO(exported(store.rows(), "parquet"))).to_pylist()
    for line, row in zip(table, store.rows(), strict=True):
        one = flat(row)
        for name in ("model", "R.value", "key", "cutoff"):
            assert line.get(name) == one.get(name)
    assert [line["seed"] for line in table][:4] == [0.0, 1.0, 2.0, 2.0**64]


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


def test_an_unknown_format_is_named(store):
    with pytest.raises(ValueError, match="format is 'xls'; allowed: csv, parquet, timm"):
        exported(store.rows(), "xls")


# other statistics from what was kept


@pytest.mark.parametrize("average", ["median", "mean"])
def test_recomputing_the_same_statistic_gives_the_same_numbers(store, average):
    result = measured(4, average=average)
    store.add(result)
    row = store.rows()[-1]
    assert estimated(store.raw(row), row) == {"D": result.D, "G": result.G, "R": result.R}


def test_another_average_is_that_of_a_measurement_with_the_same_noise(store):
    """Under per-image radii no average sets ||eta||, so recomputing equals measuring anew."""
    one, other = (measured(4, average=average, noise_radius="per-image") for average in ("median", "mean"))
    store.add(one)
    entry = recompute(store, store.rows()[-1], average="mean")
    for name in ("D", "G", "R"):
        assert entry.row[name] == getattr(other, name)._asdict()
    assert entry.row["radius_average"] == "median"
    assert entry.row["recomputed_from"] == one.key
    assert "stopped" not in entry.row
    assert entry.row["key"] not in (one.key, other.key)


def test_the_published_codes_statistic_comes_from_the_papers_measurement(store):
    row = store.rows()[0]
    entry = recompute(store, row, median_rule="coordinate", pairs="all", resamples=200)
    raw = store.raw(row)
    wanted = stability(
        raw.deformation_by_output,
        raw.noise_by_output,
        OutputPairs(raw.outputs),
        Statistic("median", "coordinate", "all"),
        resamples=200,
        seed=row["seed"],
    )
    assert entry.row["R"] == wanted["R"]._asdict()
    assert store.add(entry)
    assert not store.add(entry)
    assert list(check(Store(store.folder))) == []


def test_what_was_not_kept_can_not_be_recomputed(store, monkeypatch):
    monkeypatch.setattr("diffstab.measuring.second_pass.KEEP_OUTPUTS_UP_TO", 4)
    store.add(measured(4))
    assert store.raw(store.rows()[-1]).noise_by_output is None
    with pytest.raises(ValueError, match=r"5 outputs were not kept one by one.*--convention reference"):
        recompute(store, store.rows()[-1], median_rule="coordinate")
    reference = measured(4, convention="reference")  # its statistic needs them, whatever their number
    assert reference.raw.noise_by_output.shape == (20, 1, 5)
    store.add(failed("job"))
    with pytest.raises(ValueError, match="only measurements have raw values"):
        recompute(store, store.rows()[-1], average="mean")
    with pytest.raises(ValueError, match="has that statistic already"):
        recompute(store, store.rows()[0], average="median")


# checking


def test_check_finds_every_kind_of_damage(store):
    rows = store.rows()
    assert list(check(store)) == []
    sidecar.path_of(store.folder, "raw", rows[0]["raw"]).unlink()
    path = sidecar.path_of(store.folder, "raw", rows[1]["raw"])
    path.write_bytes(path.read_bytes()[:-1])
    text = part(store).read_text().splitlines()
    text[2] = text[2].replace('"seed":2', '"seed":3')
    edited = {**rows[2], "cutoff": 4.0}
    edited["checksum"] = checksum(edited)
    part(store).write_text("\n".join([*text, json.dumps(edited), "{"]) + "\n")
    found = [str(problem) for problem in check(store)]
    assert len(found) == 6
    for words, problem in zip(
        (
            "line 1: .*can't be read",
            "line 2: .*damaged",
            "line 3: changed since",
            "line 3: its key",
            "line 4: its key",
            "line 5: torn",
        ),
        found,
        strict=True,
    ):
        assert re.search(words, problem), problem


def test_check_goes_on_after_what_is_strange_and_leaves_a_living_writer_alone(store):
    odd = {**store.rows()[0], "key": "odd", "raw": [5]}
    with open(store.folder / "rows" / "odd.jsonl", "w") as stream:
        stream.write(json.dumps(odd) + "\n")
    (own,) = (store.folder / "rows").glob("2*")
    handle = os.open(own, os.O_WRONLY | os.O_APPEND)
    os.write(handle, b'{"half')
    os.close(handle)
    found = [str(problem) for problem in check(store)]
    assert len(found) == 3  # checksum, key and sidecar of the odd row
    assert all("odd.jsonl" in problem for problem in found)


def test_any_flipped_bit_of_a_row_is_found(store):
    """Of 60 random single-bit changes of a part file, none goes unnoticed."""
    store.close()
    path, rng = part(store), random.Random(0)
    whole = path.read_bytes()
    for _ in range(60):
        place = rng.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(7)
        path.write_bytes(damaged)
        assert problem_found(store.folder), place
    path.write_bytes(whole)


def problem_found(folder):
    try:
        store = Store(folder)
        return bool(store.notes or list(check(store)))
    except ValueError:
        return True


# the command


def test_the_command_lists_shows_queries_and_exports(store, tmp_path):
    store.add(failed("job"))
    key = store.rows()[1]["key"]
    listed = run("results", "list", "--store", store.folder).stdout.splitlines()
    assert listed[0].split()[:3] == ["key", "kind", "model"]
    assert [line.split()[0] for line in listed[1:]] == [row["key"][:12] for row in store.rows()]
    assert (
        f"R.value                     {store.rows()[1]['R']['value']}"[:7]
        in run("results", "show", "--store", store.folder, key[:10]).stdout
    )
    shown = json.loads(run("results", "show", "--store", store.folder, key, "--json").stdout)
    assert shown == store.rows()[1]
    answer = run(
        "results",
        "query",
        "--store",
        store.folder,
        "seed>0",
        "--columns",
        "seed,R.value",
        "--sort",
        "R.value",
        "--json",
    )
    values = json.loads(answer.stdout)
    assert {line["seed"] for line in values} == {1, 2}
    assert values == sorted(values, key=lambda line: line["R.value"])
    path = tmp_path / "table.csv"
    assert (
        run("results", "export", "--store", store.folder, "--format", "csv", "-o", path, "status=done").exit_code == 0
    )
    assert len(path.read_text().splitlines()) == 4
    assert run("results", "export", "--store", store.folder).stdout == exported(store.rows(), "csv").decode()


def test_a_link_stays_a_link_and_a_device_a_device(store, tmp_path):
    (tmp_path / "link.csv").symlink_to("real.csv")
    assert run("results", "export", "--store", store.folder, "-o", tmp_path / "link.csv").exit_code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == exported(store.rows(), "csv")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "diffstab", "results", "export", "--store", str(store.folder), "-o", str(pipe)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as writer:
        assert pipe.read_bytes() == exported(store.rows(), "csv")
    assert writer.returncode == 0
    assert pipe.is_fifo()


def test_failed_rows_can_be_asked_for(store):
    answer = run("results", "query", "--store", store.folder, "status=failed")
    assert (answer.exit_code, answer.stderr) == (0, "no row matches\n")
    store.add(failed("job"))
    answer = run("results", "query", "--store", store.folder, "status=failed")
    assert answer.exit_code == 0
    assert len(answer.stdout.splitlines()) == 2


def test_the_command_recomputes_and_checks(store):
    answer = run("results", "recompute", "--store", store.folder, "--average", "mean")
    assert answer.stdout == "3 rows added, 0 were there, 0 can't be recomputed\n"
    answer = run("results", "recompute", "--store", store.folder, "--average", "mean")
    assert answer.stdout == "0 rows added, 3 were there, 0 can't be recomputed\n"
    assert run("results", "check", "--store", store.folder).stdout == "6 rows; 0 problems\n"
    sidecar.path_of(store.folder, "raw", store.rows()[0]["raw"]).unlink()
    answer = run("results", "check", "--store", store.folder)
    assert answer.exit_code == 1
    assert "2 problems" not in answer.stdout  # both rows name it, it is told once
    answer = run("results", "recompute", "--store", store.folder, "--pairs", "all")
    assert answer.exit_code == 1
    assert "can't be read" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "zzz"], "no row has a key that begins so"),
        (["show", ""], "3 rows have a key that begins so"),
        (["query", "--columns", "sed"], "no row has a column 'sed'; did you mean 'seed'"),
        (["recompute"], "no statistic is given"),
        (["export", "-o", "/missing/x.csv"], "can't be written"),
        (["export", "-o", "x/"], "output is 'x/'; the name of a file is needed"),
        (["export", "-o", "x" * 300], "File name too long"),
    ],
)
def test_the_command_refuses_in_one_line(store, arguments, message):
    answer = run("results", arguments[0], "--store", store.folder, *arguments[1:])
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_measure_keeps_its_result_where_a_sweep_finds_it(tmp_path):
    options = ["measure", "--model", "fc_l4", "--images", "30", "--store", tmp_path / "s"]
    answer = run(*options)
    assert answer.exit_code == 0, answer.stderr
    assert "kept in" in answer.stderr
    assert "was already in" in run(*options).stderr
    store = Store(tmp_path / "s")
    assert len(store) == 1
    assert store.status(measure_job(MeasureOptions(model="fc_l4", images=30)).id) == "done"
