"""`diffstab measure --from-row`: a row is measured again from itself alone."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from support.planted import forget, package, trained

from diffstab import Store
from diffstab.cli.remeasure import tell_differences
from diffstab.store.from_row import options_of

PRETRAINED = Path(__file__).parents[2] / "pretrained"
SMALL = "--images 30 --resamples 100".split()
ASKED = [
    "--model fc_l4",
    "--model fc_l4 --temperature 0.001 --cutoff 5 --average mean --draws 2 --seed 18446744073709551615",
    "--model resnet18-w0.25 --weights init --layers auto --batch-size 16",
    "--model fc_l4 --delta-share 0.05 --cutoff 4",
    "--model fc_l4 --convention reference --interpolation gaussian",
    "--model fc_l4 --noise-radius per-image --precision float64 --cutoff-rule half-integer",
    "--model fc_l4 --noise-norm 3 --transform translation --delta 2",
    "--model timm:test_efficientnet --weights init --in-chans 1 --num-classes 7 --img-size 64 --mean 0.2 --std 0.5",
    "--model lenet --weights init --batch-norm running --layers *1* --channels-last",
    "--model fc_l4 --until-precision 1.5",
    "--model fc_l4 --checkpoint weights.safetensors --amp",
    "--model planted.nets:build --seed 3",
    "--model planted.nets:wide --weights init --model-kwargs width=7",
    "--model local-dir:run",
    "--dataset folder --data-dir pictures --model fc_l2 --weights init --img-size 16 --in-chans 1",
]
TRUST = {  # what a row may not lead to unasked
    "weights.safetensors": ["weights.safetensors"],
    "nets:build": ["planted.nets:build"],
    "nets:wide": ["planted.nets:wide", "width=7"],
    "run": ["local-dir:run", "planted.nets:build"],
    "pictures": ["pictures"],
}
SWEEP = """
train: {model: fc_l2, recipe: laptop, epochs: 2, train_size: 1000}
measure: {weights: train, images: 30, resamples: 100}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """To work in, with own code, a network of it that was trained, and pictures."""
    monkeypatch.chdir(tmp_path)
    trained(tmp_path / "run", package(tmp_path))
    (tmp_path / "pictures").mkdir()
    for level in range(0, 240, 60):
        Image.effect_noise((24, 20), level + 9).save(tmp_path / "pictures" / f"{level}.png")
    yield tmp_path
    forget()


@pytest.mark.parametrize("asked", ASKED)
def test_a_row_gives_its_numbers_again(cli, folder, asked):
    shutil.copy(PRETRAINED / "fc_l4-mnist5k" / "model.safetensors", folder / "weights.safetensors")
    trust = [word for text, names in TRUST.items() if text in asked for name in names for word in ("--trust", name)]
    first = cli("measure", *asked.split(), *SMALL, "--store", "kept", "--json", *trust)
    assert first.exit_code == 0, first.stderr
    told = json.loads(first.stdout)
    again = cli("measure", "--from-row", told["key"][:10], "--store", "kept", "--json", *trust)
    assert again.exit_code == 0, again.stderr
    assert f"row {told['key'][:12]}: the same D, G and R to 1e-06" in again.stderr
    found = json.loads(again.stdout)
    # `stopped` tells of the way to the images, which are now given
    free = {"seconds", "git_commit", "stopped"}
    assert {name: value for name, value in found.items() if name not in free} == {
        name: value for name, value in told.items() if name not in free
    }
    assert len(Store("kept").rows()) == 1


@pytest.mark.slow
def test_a_trained_network_is_that_of_the_store(cli, folder):
    (folder / "sweep.yaml").write_text(SWEEP)
    assert cli("sweep", "sweep.yaml", "--store", "kept").exit_code == 0
    store = Store("kept")
    (row,) = (one for one in store.rows() if one["kind"] == "measure")
    again = cli("measure", "--from-row", row["key"], "--store", "kept")
    assert again.exit_code == 0, again.stderr
    assert "the same D, G and R" in again.stderr
    (trained,) = (one for one in store.rows() if one["kind"] == "train")
    answer = cli("measure", "--from-row", trained["key"], "--store", "kept")
    assert "is a done train; a measurement is needed" in answer.stderr
    store.weights(trained).unlink()
    answer = cli("measure", "--from-row", row["key"], "--store", "kept")
    assert answer.exit_code == 2
    assert "can't be read" in answer.stderr


def test_a_difference_is_told_and_is_an_error(cli, folder):
    assert cli("measure", "--model", "fc_l4", *SMALL, "--store", "kept").exit_code == 0
    store = Store("kept")
    (row,) = store.rows()
    other = {**row, "R": {**row["R"], "value": row["R"]["value"] * 1.01}, "versions": {"torch": "0.1"}, "device": "tpu"}
    with CliRunner().isolation() as streams:
        assert not tell_differences(other, row)
        text = streams[1].getvalue().decode()
    assert text.startswith(
        f"row {row['key'][:12]}: the numbers differ from the row's, relatively R by 0.0099; the row was measured with"
    )
    assert "device tpu, torch 0.1" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--from-row abc", "without a store"),
        ("--from-row abc --store kept", "no row has a key that begins so"),
        ("--from-row KEY --store kept --seed 3 --average mean", "--seed, --average and --from-row are given"),
        ("--from-row RECOMPUTED --store kept", "was recomputed from"),
    ],
)
def test_what_can_not_be_measured_again_is_told_in_one_line(cli, folder, words, message):
    assert cli("measure", "--model", "fc_l4", *SMALL, "--store", "kept").exit_code == 0
    assert cli("results", "recompute", "--store", "kept", "--average", "mean").exit_code == 0
    rows = Store("kept").rows()
    keys = {"RECOMPUTED" if row.get("recomputed_from") else "KEY": row["key"] for row in rows}
    answer = cli("measure", *(keys.get(word, word) for word in words.split()))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_an_object_of_python_can_not_be_named_again(folder):
    store = Store("kept", create=True)
    row = {"status": "done", "kind": "measure", "key": "a", "model": "Net", "model_source": "python"}
    with pytest.raises(ValueError, match="is of a Python object, Net"):
        options_of(row, store)


@pytest.mark.slow
def test_lost_raw_values_are_put_back_and_a_sweep_misses_them(cli, tmp_path, one_thread):
    (tmp_path / "sweep.yaml").write_text("measure: {model: fc_l4, images: 30, resamples: 100}")
    words = ("sweep", tmp_path / "sweep.yaml", "--store", tmp_path / "s")
    assert "1 done" in cli(*words).stdout
    (row,) = Store(tmp_path / "s").rows()
    (path,) = (tmp_path / "s" / "raw").glob("*/*")
    whole = path.read_bytes()
    for damage in (path.unlink, lambda: path.write_bytes(whole[:-1])):
        damage()
        assert "1 to run, 0 done" in cli(*words, "--dry-run").stdout
        answer = cli("measure", "--from-row", row["key"], "--store", tmp_path / "s", "--device", "cpu")
        assert f"row {row['key'][:12]}: its raw values were missing or damaged, and are restored" in answer.stderr
        assert "0 to run, 1 done" in cli(*words, "--dry-run").stdout
        assert Store(tmp_path / "s").raw(Store(tmp_path / "s").rows()[0]).deformation.shape == (30, 1)
    path.write_bytes(whole[:-1])
    assert "1 cells: 1 done, 0 failed, 0 were in the store" in cli(*words).stdout
