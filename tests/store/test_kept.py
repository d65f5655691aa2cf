"""What commit 86077f8 wrote, before the package had rooms, is read as before: store, sweep file, stopped training.

tests/kept/86077f8 was made by it, on the CPU: `diffstab sweep sweep.yaml --store store`, and `diffstab train` with the
options below, stopped after its third epoch. The numbers here are those it went on to.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from diffstab import Store
from diffstab.store import check, is_measured
from diffstab.sweep import read_spec

KEPT = Path(__file__).parents[1] / "kept" / "86077f8"
MEASURED = ["0a8aec31022e", "0e6978abf194", "1eb7a31e8b06", "979156c789fe", "f228a5a6e2d2"]
TRAINING = "--model lenet-w0.25 --recipe laptop --train-size 1000 --epochs 1 --seed 3 --device cpu".split()
LOSSES = [2.3178319931030273, 2.31455203465053, 2.310654742377145, 2.308546543121338]  # by epoch, of the whole run
COMPARED = """\
20 images of mnist5k/test, draws: 1, seed 0; c = 3, delta = 1 px, bilinear, median, paper convention; \
R_f: lower is more stable
fc_l2 and lenet are not told apart: p (Holm) = 0.69
rank  network    R_f  95 % interval  rank, 95 %
   1  fc_l2    3.071  1.83 to 7.89   1 to 2
   2  lenet    3.594  1.99 to 4.99   1 to 2

network  against  R_f ratio  95 % interval  p     p (Holm)
fc_l2    lenet       0.8545  0.47 to 2.12   0.69  0.69
"""


@pytest.fixture
def kept(tmp_path):
    """A copy, since opening a store may mend it."""
    return Path(shutil.copytree(KEPT, tmp_path / "kept"))


def test_the_store_opens_whole(kept):
    store = Store(kept / "store")
    rows = store.rows()
    assert not store.notes
    assert not list(check(store))
    assert sorted(row["key"][:12] for row in rows if is_measured(row)) == MEASURED
    for row in filter(is_measured, rows):
        assert store.raw(row).deformation.shape == (row["images"], row["draws"])


def test_its_networks_are_compared_as_before(cli, kept):
    answer = cli("compare", kept / "store", "fc_l2", "lenet")
    assert (answer.exit_code, answer.stdout) == (0, COMPARED)


@pytest.mark.parametrize("key", MEASURED)
def test_its_rows_are_measured_again_to_the_same_numbers(cli, kept, key, one_thread):
    """But for the rounding of another processor; the command itself asks for 1e-6."""
    answer = cli("measure", "--from-row", key, "--store", kept / "store", "--device", "cpu", "--json")
    assert f"row {key}: " in answer.stderr
    (row,) = (row for row in Store(kept / "store").rows() if row["key"].startswith(key))
    found = json.loads(answer.stdout)
    assert found["key"] == row["key"]
    for letter in "DGR":
        assert found[letter]["value"] == pytest.approx(row[letter]["value"], rel=1e-4)
    assert found["D"] == pytest.approx(row["D"], rel=1e-4)  # those of G and R know of the noise radius today


def test_its_cells_are_not_run_again(cli, kept):
    answer = cli("sweep", kept / "sweep.yaml", "--store", kept / "store")
    assert answer.exit_code == 0, answer.stderr
    assert answer.stdout == "6 cells: 0 done, 0 failed, 6 were in the store\n" + answer.stdout.partition("\n")[2]
    store = Store(kept / "store")
    assert {job.id for job in read_spec(kept / "sweep.yaml").jobs} == {row["job"] for row in store.rows()}


def test_its_training_goes_on_to_the_same_weights(cli, kept, one_thread):
    before = [json.loads(line) for line in (kept / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in before] == LOSSES[:3]
    answer = cli("train", *TRAINING, "--output", kept / "run", "--resume")
    assert answer.exit_code == 0, answer.stderr
    assert re.findall(r"^epoch (\d) of 4", answer.stderr, re.MULTILINE) == ["4"]
    last = json.loads((kept / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["loss"] == pytest.approx(LOSSES[3], rel=1e-4)
    measured = cli("measure", "--model", f"local-dir:{kept / 'run'}", "--images", 20, "--device", "cpu")
    assert measured.exit_code == 0, measured.stderr
