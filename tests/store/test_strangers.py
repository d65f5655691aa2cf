"""What a stranger put into a store is data: opening it writes nothing, runs nothing, hangs on nothing."""

import hashlib
import io
import json
import os
import shutil
import zipfile

import numpy as np
import pytest
from support.measured_stores import failed, measured

from diffstab import Store
from diffstab.store import Claims, sidecar
from diffstab.store.check import check
from diffstab.store.entry import checksum, measured_entry
from diffstab.store.lines import as_line, is_as_written, row_in
from diffstab.writing import PART


def raw_of(store, row):
    return sidecar.path_of(store.folder, "raw", row["raw"])


def content_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


@pytest.mark.parametrize("reading", [True, False])
def test_a_part_file_that_is_a_link_is_neither_read_nor_written_through(store, tmp_path, reading):
    target = tmp_path / "target"
    target.write_text('{"without": "newline"')
    (store.folder / "rows" / "a.jsonl").symlink_to(target)
    again = Store(store.folder, create=not reading)
    assert len(again) == 3
    assert target.read_text() == '{"without": "newline"'
    assert [str(problem) for problem in check(again)] == ["rows/a.jsonl: a link or no regular file; it is left out"]


def test_reading_a_store_changes_no_byte_of_it(store, cli):
    store.close()
    (path,) = (store.folder / "rows").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    (store.folder / ".lock").unlink()
    before = content_of(store.folder)
    for words in ("list", "list --json", "query", "export", "check", "show " + Store(store.folder).keys()[0]):
        name, *more = words.split()
        cli("results", name, "--store", store.folder, *more)
    assert content_of(store.folder) == before


@pytest.mark.parametrize("place", [".lock", "rows", "raw", "raw/ab", "claims"])
def test_nothing_is_written_through_a_link(store, tmp_path, place):
    outside = tmp_path / "outside"
    entry = measured(9)
    store.close()
    path = store.folder / place
    if place == ".lock":
        path.unlink()
    elif place == "raw/ab":
        digest = hashlib.sha256(sidecar.packed(entry.raw)).hexdigest()
        path = store.folder / "raw" / digest[:2]
        shutil.rmtree(path, ignore_errors=True)
    if path.is_dir():
        shutil.move(path, outside)
    elif place != ".lock":
        outside.mkdir()
    path.symlink_to(outside)
    before = content_of(tmp_path)
    with pytest.raises(ValueError, match=r"is a link|symbolic links"):
        Claims(store.folder / "claims").take("job") if place == "claims" else Store(store.folder).add(entry)
    after = content_of(tmp_path)
    assert {name for name in after if outside in name.parents} == {name for name in before if outside in name.parents}
    assert outside.exists() == (place != ".lock")


@pytest.mark.parametrize("name", ["store.json", ".lock", "raw", "weights"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_regular_file_is_told_and_never_waited_for(store, name, kind):
    row = store.rows()[0]
    path = {"raw": raw_of(store, row), "weights": sidecar.path_of(store.folder, "weights", "ab" * 32)}.get(
        name, store.folder / name
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    use = {
        "store.json": lambda: Store(store.folder),
        ".lock": lambda: store.add(failed("job")),
        "raw": lambda: store.raw(row),
        "weights": lambda: store.weights({"checkpoint_sha256": "ab" * 32}),
    }[name]
    with pytest.raises(ValueError, match=r"regular file|can't be|damaged"):
        use()
    assert path.is_symlink() or kind != "device"


def archive(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as stream:
        for name, content in members.items():
            stream.writestr(name.replace("_npy", ".npy"), content)
    return buffer.getvalue()


def as_npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: archive(outputs_npy=b"\0" * 2**27), "it unpacks to 134,217,728 bytes; at most"),
        (lambda: archive(code_npy=as_npy(np.zeros(20))), "unknown or doubled"),
        (lambda: archive(outputs_npy=as_npy(np.array([print]))), "Object arrays cannot be loaded"),
        (lambda: archive(outputs_npy=as_npy(np.zeros((20, 5), np.complex64))), "outputs is complex64"),
        (lambda: archive(noise_npy=as_npy(np.zeros((21, 1)))), r"noise is float64 \(21, 1\); it must be numbers"),
        (lambda: archive(noise_npy=as_npy(np.zeros((20, 1, 1)))), r"noise is float64 \(20, 1, 1\); it must be"),
        (lambda: archive(noise_npy=b"\x93NUMPY"), "holds no raw values"),
        (lambda: archive(), "missing"),
        (lambda: b"PK", "not a zip file"),
        (lambda: b"", "not a zip file"),
    ],
)
def test_raw_values_are_unpacked_if_they_are_those_of_their_row(store, content, message):
    row = {**store.rows()[0], "raw": sidecar.write(store.folder, "raw", content())}
    with pytest.raises(ValueError, match=message) as caught:
        store.raw(row)
    assert "measure the row again" in str(caught.value)


@pytest.mark.parametrize("damage", ["removed", "truncated", "empty", "a bit"])
def test_a_cell_without_its_raw_values_is_not_done_and_can_be_mended(store, results, damage):
    entry = {**store.rows()[0], "job": "job"}
    store._append(entry)
    row, path = store.row_of("job"), raw_of(store, store.rows()[0])
    whole = path.read_bytes()
    assert store.is_done("job")
    assert not store.mend(row, results[0].raw)
    if damage == "removed":
        path.unlink()
    else:
        middle = bytearray(whole)
        middle[len(whole) // 2] ^= 1
        path.write_bytes({"truncated": whole[:-1], "empty": b"", "a bit": bytes(middle)}[damage])
    again = Store(store.folder)
    assert again.is_done("job") == (damage == "a bit")  # which would take reading every file
    assert again.mend(row, results[0].raw)
    assert path.read_bytes() == whole
    assert Store(store.folder).is_done("job")
    assert not list(check(again))


def test_a_cell_whose_raw_values_are_lost_takes_new_ones(store, results):
    """Measured again on another machine, they differ in rounding."""
    row = store.rows()[0]
    raw_of(store, row).unlink()
    store.add(results[0])
    assert raw_of(store, row).exists()
    raw_of(store, row).unlink()
    other = measured(0)
    object.__setattr__(other.raw, "outputs", other.raw.outputs + 1e-9)
    assert store.add(other)
    (found,) = (one for one in Store(store.folder).rows() if one["key"] == row["key"])
    assert found["raw"] != row["raw"]
    assert np.array_equal(store.raw(found).outputs, other.raw.outputs)


def test_a_file_of_odd_lines_is_told_in_a_few_notes(store):
    (store.folder / "rows" / "odd.jsonl").write_text("[]\n" * 1000)
    again = Store(store.folder)
    assert len(again) == 3
    assert again.notes[-1] == "980 more lines are left out; diffstab results check tells each"
    assert len(again.notes) == 21


def test_a_file_without_newlines_is_bounded(store, monkeypatch):
    monkeypatch.setattr("diffstab.store.parts.LARGEST_LINE", 2**20)
    (store.folder / "rows" / "long.jsonl").write_bytes(b"x" * 2**22)
    again = Store(store.folder)
    assert len(again) == 3
    assert again.notes == ["long.jsonl: a line has more than 1,048,576 bytes; the rest of the file is left out"]
    again.refresh()
    assert len(again.notes) == 1


def test_a_file_that_changes_while_it_is_read_is_told(store):
    (path,) = (store.folder / "rows").iterdir()
    lines = path.read_text().splitlines(keepends=True)
    rows = Store(store.folder)
    path.write_text("".join(reversed(lines)))
    with pytest.raises(ValueError, match="was changed while it was read; open the store again"):
        rows.rows()
    path.unlink()
    with pytest.raises(ValueError, match="can't be read again"):
        rows.rows()


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59.999999+00:00", "2999-01-01", "zzz"])
def test_no_clock_keeps_a_new_row_out(store, results, time):
    row = {**failed("job").row, "time": time}
    text = json.dumps({**row, "checksum": checksum(row)})
    (store.folder / "rows" / "ahead.jsonl").write_text(f"{text}\n")
    store.refresh()
    assert store.status("job") == "failed"
    assert store.add(measured_entry(results[0], job="job"))
    assert Store(store.folder).status("job") == "done"
    assert store.add(failed("job", "again"), replaces=store.row_of("job")["time"])
    assert Store(store.folder).row_of("job")["error"]["message"] == "again"


@pytest.mark.parametrize(
    "value", [1e-5, 1e22, -0.0, 2**63, "é\u2028\ud800", "\x00", None, True, [], {"b": 1, "a": {"d": [1e-300], "c": ""}}]
)
def test_a_line_is_told_from_a_changed_one_however_it_is_written(value):
    row = {"z": value, "key": "k", "a": 0.1}
    line = as_line(row)[:-1]
    written = row_in(line)
    assert written == {**row, "checksum": checksum(row)}
    shuffled = json.dumps(written).encode()  # as another program writes it
    for text in (line, shuffled):
        assert is_as_written(row_in(text), text)
        changed = text.replace(b'"k"', b'"j"')
        assert not is_as_written(row_in(changed), changed)
    assert not is_as_written({**written, "checksum": "\ud800"}, line.replace(b'"checksum"', b'"other"'))


def test_what_a_killed_writer_left_goes_when_a_writer_opens_the_store(store, tmp_path):
    folder = raw_of(store, store.rows()[0]).parent
    left, other = folder / f".x.npz.abc{PART}", folder / ".other"
    outside = tmp_path / "outside"
    outside.mkdir()
    (store.folder / "raw" / "zz").symlink_to(outside)
    for path in (left, other, outside / left.name):
        path.write_bytes(b"")
    Store(store.folder)
    assert left.exists()
    Store(store.folder, create=True)
    assert not left.exists()
    assert other.exists()
    assert (outside / left.name).exists()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_not_finite_make_no_row(number):
    assert row_in(f'{{"R": {number}}}'.encode()) is None
    assert row_in(f'{{"R": {number}, "path": "\\ud800"}}'.encode()) is None  # which takes the other reader
    assert row_in(b'{"path": "\\ud800"}') == {"path": "\ud800"}
