"""`diffstab measure`: a result on stdout, everything else on stderr, options that reach the result."""

import json

import click
import numpy as np
import pytest
import torch
from PIL import Image

from diffstab.cli.errors import OneLineErrors
from diffstab.models.paper import PAPER_NETS
from diffstab.native.library import using
from diffstab.store import Store

KEYS = """model weights weights_sha256 dataset split images draws D G R test_error cutoff cutoff_rule temperature delta
delta_rule interpolation average noise_radius noise_radius_rule convention fold_fraction clamped_fraction batch_norm
precision device seed versions git_commit seconds key""".split()
FAST = ["measure", "--model", "fc_l4", "--images", "60", "--device", "cpu"]


def test_measure_prints_exactly_one_json_object_on_stdout(cli):
    answer = cli(*FAST, "--json", "--draws", "2")
    assert answer.exit_code == 0
    row = json.loads(answer.stdout)
    assert set(KEYS) <= set(row)
    assert all(set(row[name]) == {"value", "low", "high"} for name in "DGR")
    assert set(row["test_error"]) == {"value", "low", "high", "images"}
    named = {"model": "fc_l4", "weights": "pretrained", "dataset": "mnist5k", "split": "test", "images": 60, "draws": 2}
    assert {name: row[name] for name in named} == named
    assert (row["cutoff"], row["delta"], row["convention"], row["batch_norm"]) == (3, 1, "paper", "none")
    assert "paper:fc_l4" in answer.stderr


def test_measure_prints_a_table_on_stdout_and_the_rest_on_stderr(cli):
    answer = cli(*FAST)
    assert answer.exit_code == 0
    for word in ("D_f", "G_f", "R_f", "test error", "95 % interval"):
        assert word in answer.stdout
    assert "60 images of mnist5k/test" in answer.stderr


def test_the_reference_convention_and_single_knobs_reach_the_result(cli):
    row = json.loads(cli(*FAST, "--json", "--convention", "reference").stdout)
    rules = ("cutoff_rule", "delta_rule", "noise_radius_rule")
    assert [row[name] for name in rules] == ["half-integer", "asymptotic", "per-image"]
    row = json.loads(cli(*FAST, "--json", "--convention", "reference", "--noise-radius", "ensemble").stdout)
    assert (row["convention"], row["noise_radius_rule"]) == ("reference", "ensemble")
    row = json.loads(cli(*FAST, "--json", "--temperature", "0.001", "--average", "mean").stdout)
    assert (row["temperature"], row["average"]) == (0.001, "mean")


def test_weights_at_initialisation_use_the_batchs_norm_and_the_seed(cli):
    first, same, other = (
        json.loads(cli("measure", "--model", "timm:resnet10t", "--weights", "init", "--images", "20", "--seed", s,
                       "--device", "cpu", "--json").stdout)
        for s in (0, 0, 1)
    )  # fmt: skip
    assert first["batch_norm"] == "batch"
    assert first["R"] == same["R"]
    assert first["key"] == same["key"]
    assert first["weights_sha256"] != other["weights_sha256"]


def test_output_is_written_beside_what_is_printed(cli, tmp_path):
    answer = cli(*FAST, "--json", "--output", tmp_path / "row.json")
    assert json.loads((tmp_path / "row.json").read_text()) == json.loads(answer.stdout)


def test_adaptive_effort_says_why_it_ended(cli, tmp_path):
    answer = cli(*FAST, "--until-precision", "0.5", "--json")
    found = json.loads(answer.stdout)
    assert found["stopped"] == "precision"
    assert found["R"]["high"] / found["R"]["low"] <= np.exp(0.5)
    assert 60 < found["images"] < 1000
    assert answer.stderr.count("images of mnist5k/test") >= 2  # each step is told
    for k in range(30):
        Image.effect_noise((20, 20), 80 + k).save(tmp_path / f"{k}.png")
    folder = ("--dataset", "folder", "--data-dir", tmp_path, "--weights", "init", "--until-precision", "0.01")
    answer = cli(*FAST[:3], *folder, "--images", "10")
    assert answer.exit_code == 0, answer.stderr
    assert "30 images, " in answer.stdout
    assert "draws each: more data would be needed" in answer.stdout


def test_a_folder_without_labels_gives_no_test_error(cli, tmp_path):
    for k in range(3):
        Image.effect_noise((40, 30), 80 + k).convert("RGB").save(tmp_path / f"{k}.png")
    options = ("--dataset", "folder", "--data-dir", tmp_path, "--weights", "init", "--device", "cpu", "--json")
    row = json.loads(cli("measure", "--model", "timm:resnet10t", *options).stdout)
    assert row["test_error"] is None
    assert row["images"] == 3


def test_labels_of_another_number_of_classes_give_no_test_error(cli, tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        Image.effect_noise((32, 32), 80).convert("RGB").save(tmp_path / label / "1.png")
    torch.save(PAPER_NETS["lenet"](3, 32, 5).state_dict(), tmp_path / "five.pt")
    data = ("--dataset", "folder", "--data-dir", tmp_path, "--device", "cpu", "--json")
    answer = cli("measure", "--model", "lenet", "--checkpoint", tmp_path / "five.pt", *data)
    assert answer.exit_code == 2
    assert "has 5 classes and the data set folder has 2" in answer.stderr


def test_two_images_still_give_valid_json(cli):
    for average in ("mean", "median"):
        answer = cli(*FAST[:-2], "--images", "2", "--average", average, "--json")
        row = json.loads(answer.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert row["D"]["low"] <= row["D"]["high"]


def test_a_checkpoint_named_init_is_a_checkpoint(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(PAPER_NETS["resnet18"](1, 28, 10).state_dict(), "init")
    answer = cli("measure", "--model", "resnet18", "--checkpoint", "init", "--images", "4", "--json")
    assert json.loads(answer.stdout)["batch_norm"] == "running"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            MemoryError("Unable to allocate 80 GiB"),
            "the work does not fit into memory (Unable to allocate 80 GiB); use smaller",
        ),
        (
            RuntimeError("CUDA out of memory.\nTried 2 GiB"),
            "the work does not fit into memory (CUDA out of memory. Tried 2",
        ),
        (RuntimeError("a fault of ours"), None),
    ],
)
def test_what_does_not_fit_into_memory_is_told_in_one_line(cli, error, told):
    @click.command(cls=OneLineErrors)
    def command():
        raise error

    found = cli(command=command)
    if told is None:
        assert found.exception is error
    else:
        assert found.exit_code == 2
        assert found.stderr.startswith(f"Error: {told}")
        assert found.stderr.count("\n") == 1


def test_a_row_of_torch_is_repeated_by_torch(tmp_path, cli):
    store = str(tmp_path / "store")
    small = ["fc_l2", "--images", "20", "--store", store]
    with using("off"):
        assert cli("measure", *small).exit_code == 0
    (row,) = Store(store).rows()
    again = json.loads(cli("measure", "--from-row", row["key"], "--store", store, "--json").stdout)
    assert row["versions"]["kernel"] == again["versions"]["kernel"] == "torch"
    assert again["R"] == row["R"]
