"""Stores whose files, links and rows a stranger chose: read, or refused in one line; nothing outside is touched."""

import itertools
import json
import shutil
from contextlib import suppress

import pytest
from hypothesis import given
from store.test_hostile_rows import ODD, places
from support.hostile import CHANCE, assert_one_line, cases
from support.hostile_places import guarded, spoil
from support.measured_stores import failed

from diffstab import Store
from diffstab.store.entry import checksum
from diffstab.sweep.executors.base import InlineExecutor
from diffstab.sweep.run import run_sweep
from diffstab.sweep.spec import read_spec

pytestmark = pytest.mark.slow

STORES = 500
SPEC = "measure: {model: fc_l4, images: 20, resamples: 100, seed: [0, 1]}"
LEADS_OUT = [
    {"model": "os:system", "weights": "own", "model_source": "own", "model_options": {"command": "touch PWNED"}},
    {"model": "planted.py:make"}, {"model": "local-dir:/etc"}, {"model": "hf-hub:a/b"}, {"data_dir": "/etc"},
    {"dataset": "folder", "data_dir": "/"}, {"asked": {"checkpoint": "/etc/passwd"}}, {"weights": "/etc/passwd"},
    {"training": {"job": "../../x"}}, {"raw": "../../../outside/file"}, {"raw": "ab"}, {"checkpoint_sha256": "../x"},
    {"time": "9999-12-31T23:59:59.999999+00:00"}, {"time": "zzz"}, {"time": ""}, {"images": 10**18}, {"draws": 10**12},
    {"resamples": 10**12}, {"batch_size": 10**18}, {"job": "../../outside/job"}, {"key": "\x1b[2J\u202e"},
    {"seed": 2**70},
]  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A store of two measurements and a failure, with what sweeps leave beside the rows."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "sweep.yaml").write_text(SPEC)
    store = Store(folder / "store", create=True)
    run_sweep(read_spec(folder / "sweep.yaml").jobs, store, InlineExecutor())
    store.add(failed("job"))
    store.close()
    for place in ("weights/ab", "training/0123", "claims"):
        (store.folder / place).mkdir(parents=True, exist_ok=True)
    (store.folder / "training" / "0123" / "checkpoint.pt").write_bytes(b"")
    (store.folder / "weights" / "ab" / ("ab" * 32 + ".safetensors")).write_bytes(b"")
    (store.folder / "claims" / "0123").write_bytes(b"")
    (folder / "pages").mkdir()
    (folder / "outside").mkdir()
    (folder / "outside" / "file").write_text('{"no": "newline"')
    return folder


def edited(rng, folder):
    """A row of the store that leads out of it, or is odd, as a part file of its own with its right checksum."""
    (path, *_) = sorted(folder.glob("rows/2*.jsonl"))
    row = json.loads(rng.choice(path.read_bytes().splitlines()))
    if rng.random() < 0.5:
        row |= rng.choice(LEADS_OUT)
    else:
        *way, last = rng.choice(list(places(row)))
        inner = row
        for name in way:
            inner = inner[name]
        inner[last] = rng.choice(ODD)
    if rng.random() < 0.3:
        row["key"] = "ab" * 32
    text = json.dumps({**row, "checksum": checksum(row)})
    (folder / "rows" / "z.jsonl").write_text(f"{text}\n"[: None if rng.random() < 0.8 else -9])
    return row["key"]


def uses(folder, key):
    """What is done with a store, by name."""
    where = ["--store", folder / "store"]
    return {
        **{words: ["results", *words.split(), *where] for words in ("list", "list --json", "export", "check")},
        "query": ["results", "query", *where, "R.value<1", "--sort", "R.value"],
        "show": ["results", "show", *where, key],
        "recompute": ["results", "recompute", *where, "--average", "mean"],
        "compare": ["compare", folder / "store", "--resamples", 100],
        "report": ["report", folder / "store", "-o", folder / "pages" / "page.html", "--resamples", 100],
        "from row": ["measure", "--from-row", key, *where, "--device", "cpu", "--json"],
        "dry run": ["sweep", folder / "sweep.yaml", *where, "--dry-run"],
        "sweep": folder,
        "measure": ["measure", "--images", 20, "--resamples", 100, *where, "--model", "fc_l4", "--seed", 7],
    }


def sweep(folder):
    """In this process; the command would start workers."""
    with suppress(ValueError):
        store = Store(folder / "store", create=True)
        run_sweep(read_spec(folder / "sweep.yaml").jobs, store, InlineExecutor())


def test_nothing_in_a_store_runs_hangs_or_writes_outside(cli, template, tmp_path, monkeypatch):
    numbers = itertools.count()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    @cases(STORES)
    @given(CHANCE)
    def one(rng):
        folder = tmp_path / str(next(numbers))
        shutil.copytree(template, folder)
        outside, key = folder / "outside", "0"
        if rng.random() < 0.6:
            key = edited(rng, folder / "store")
        for _ in range(rng.choice((0, 1, 1, 2, 4))):
            spoil(rng, folder / "store", outside)
        before = {path.name: path.read_bytes() for path in outside.iterdir()}
        commands = uses(folder, key)
        for name in rng.sample(sorted(commands), 2):
            with guarded(folder / "store", folder / "pages"):
                sweep(folder) if name == "sweep" else assert_one_line(cli(*commands[name]))
        assert {path.name: path.read_bytes() for path in outside.iterdir()} == before
        assert not (tmp_path / "PWNED").exists()
        shutil.rmtree(folder)

    one()
