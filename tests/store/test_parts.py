"""Part files survive torn lines, full disks and several writers; what is newer or no part is left alone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.measured_stores import measured

from diffstab import Store
from diffstab.results import SCHEMA
from diffstab.store.check import check
from diffstab.store.entry import checksum
from diffstab.writing import try_lock


def as_line(row):
    return json.dumps({**row, "checksum": checksum(row)}).encode() + b"\n"


def part(store):
    (path,) = (store.folder / "rows").glob("*.jsonl")
    return path


@pytest.mark.parametrize("cut", [1, 2, 40, 700])
def test_a_torn_last_line_is_told_and_left_as_it_is(store, cut):
    store.close()
    path = part(store)
    torn = path.read_bytes()[:-cut]
    path.write_bytes(torn)
    again = Store(store.folder)
    if cut == 1:  # only the newline is missing
        assert (again.notes, len(again)) == ([], 3)
    else:
        (note,) = again.notes
        assert re.search(rf"{path.name}: the last line is torn .*; it is left out, so its cell is measured again", note)
        assert len(again) == 2
    again.refresh()
    assert len(again.notes) == (cut > 1)  # told once
    assert [str(problem).count("torn") for problem in check(again)] == [1] * (cut > 1)
    assert again.add(measured(7))
    assert path.read_bytes() == torn
    assert len(Store(store.folder)) == (4 if cut == 1 else 3)


def test_a_line_that_is_being_written_is_left_alone(store):
    handle = os.open(part(store), os.O_WRONLY | os.O_APPEND)
    line = as_line({"schema": 1, "key": "k", "kind": "train", "status": "done", "time": ""})
    os.write(handle, line[:20])
    before = part(store).read_bytes()
    again = Store(store.folder)  # its writer lives
    assert (again.notes, len(again)) == ([], 3)
    os.write(handle, line[20:])
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
    script = "import os, sys, time; from diffstab.writing import try_lock; " + (
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


@pytest.mark.slow
def test_a_full_disk_leaves_whole_rows_only(tmp_path):
    """A limit on the size of files stands in for it: the write that crosses it is cut short, as on a full disk."""
    script = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from support.measured_stores import measured
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


def test_writers_at_once_keep_a_row_once(tmp_path):
    """Without the store's lock, two processes that look and then append would double some."""
    script = f"""
import sys
from diffstab.results import SCHEMA
from diffstab.store import Entry, Store
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


def test_a_row_without_a_schema_is_left_out(store):
    row = {name: value for name, value in store.rows()[0].items() if name not in ("schema", "checksum")}
    (store.folder / "rows" / "odd.jsonl").write_bytes(as_line({**row, "key": "other", "job": "other"}))
    again = Store(store.folder)
    assert len(again) == 3
    assert again.notes[0].startswith("odd.jsonl, line 1: a row that lacks schema")
