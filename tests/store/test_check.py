"""A check finds every kind of damage, and goes on."""

import json
import os
import random
import re

from diffstab import Store
from diffstab.store import sidecar
from diffstab.store.check import check
from diffstab.store.entry import checksum


def part(store):
    (path,) = (store.folder / "rows").glob("*.jsonl")
    return path


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
