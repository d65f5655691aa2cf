"""A job has one row: the last one counts, in whatever order the lines are read."""

import itertools
import json

import pytest
from support.measured_rows import row

from diffstab import Store
from diffstab.store.check import check
from diffstab.store.entry import Entry, checksum, now_after


def line(key, time, job="job", status="done", **more):
    one = {**row(weights_sha256=key, radius_average="median"), "key": key, "job": job, "status": status, "time": time}
    if status == "failed":
        one = {name: one[name] for name in ("schema", "kind", "status", "key", "job", "time")}
    one |= more
    return {**one, "checksum": checksum(one)}


FIRST, SECOND = line("one", "2026-01-01"), line("two", "2026-01-02")
FAILED = line("job", "2026-01-03", status="failed", replaces=SECOND["time"])
PLAIN = line("job", "2026-01-03", status="failed")
LATER = line("two", "2026-01-02T01")
AGAIN = line("one", "2026-01-04")
OTHER = line("one", "2026-01-02", job="another")
PYTHON = line("one", "2026-01-02", job=None)
MEAN = line("mean", "2026-01-02", job=None, recomputed_from="one")


@pytest.mark.parametrize(
    ("lines", "keys", "of_job"),
    [
        ([FIRST, SECOND], ["two"], "two"),
        ([FIRST, SECOND, AGAIN], ["one"], "one"),
        ([FIRST, SECOND, OTHER], ["one", "two"], "two"),  # another job's network is still that one
        ([FIRST, SECOND, PYTHON], ["one", "two"], "two"),
        ([FIRST, MEAN], ["mean", "one"], "one"),
        ([FIRST, MEAN, SECOND], ["two"], "two"),  # what was recomputed goes with its row
        ([FIRST, PLAIN], ["one"], "one"),  # a failure hides nothing
        ([FIRST, SECOND, PLAIN], ["two"], "two"),
        ([FIRST, SECOND, FAILED], ["job"], "job"),  # unless it says what it replaces
        ([FIRST, SECOND, FAILED, AGAIN], ["one"], "one"),
        ([FIRST, FAILED, LATER], ["two"], "two"),  # as of another store, which it knows nothing of
    ],
)
def test_a_jobs_last_line_counts_in_any_order(tmp_path, lines, keys, of_job):
    for number, order in enumerate(itertools.permutations(lines)):
        store = Store(tmp_path / str(number), create=True)
        for name, one in enumerate(order):  # a file of its own, as from another writer
            (store.folder / "rows" / f"{name}.jsonl").write_text(json.dumps(one) + "\n")
        store.refresh()
        assert sorted(one["key"] for one in store.rows()) == keys, order
        assert len(store) == len(keys)
        assert store.row_of("job")["key"] == of_job
        assert store.status("job") == store.row_of("job")["status"]


def entry(key, **more):
    one = {**row(weights_sha256=key, radius_average="median"), "key": key, "job": "job", **more}
    return Entry(one)


def test_a_measurement_of_another_network_takes_its_jobs_row(store):
    """As `diffstab measure --store` adds one."""
    assert store.add(entry("one"))
    assert not store.add(entry("one"))
    assert store.add(entry("two"))
    assert [one["key"] for one in store.rows() if one.get("job") == "job"] == ["two"]
    assert store.add(entry("one"))  # the weights are back
    assert store.row_of("job")["key"] == "one"
    assert {one["key"] for one in Store(store.folder).rows()} == {one["key"] for one in store.rows()}


def test_a_failure_hides_a_row_if_it_replaces_that_one(store):
    store.add(entry("one"))
    old = store.row_of("job")["time"]
    broken = Entry({"schema": 1, "kind": "measure", "status": "failed", "key": "job", "job": "job", "model": "m"})
    assert not store.add(broken)
    assert not store.add(broken, replaces="2000-01-01")
    assert store.is_done("job")
    assert not store.is_done("job", besides=old)
    assert store.add(broken, replaces=old)
    assert (store.status("job"), Store(store.folder).status("job")) == ("failed", "failed")
    assert "one" not in {one["key"] for one in store.rows()}
    assert not [problem for problem in check(store) if "checksum" in str(problem)]


def test_a_row_is_later_than_the_one_it_replaces_whatever_the_clocks_say():
    assert now_after("2999-01-01T00:00:00.000000+00:00") == "2999-01-01T00:00:00.000001+00:00"
    assert now_after("1999-01-01T00:00:00.000000+00:00")[:2] == now_after(None)[:2]
    for odd in ("another form", "9999-12-31T23:59:59.999999+00:00", "2999-01-01", "29990101T00", "~", ""):
        assert now_after(odd) > odd
