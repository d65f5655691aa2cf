"""`diffstab measure --fail-above` and `--baseline`: exit statuses 0, 1 and 2, and the numbers on stdout."""

import json
from pathlib import Path

import pytest

from diffstab import Store

KEPT = Path(__file__).parents[2] / "pretrained"
pytestmark = pytest.mark.slow

SMALL = ("measure", "--images", 60, "--resamples", 100, "--model")


@pytest.fixture(scope="module")
def store(cli, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gate") / "s"
    for model in ("resnet18-w0.25", "fc_l4"):
        assert cli(*SMALL, name_of(model), "--store", folder).exit_code == 0
    return folder


def name_of(model):
    return f"local-dir:{KEPT / model}-mnist5k"


def key_of(store, model):
    return next(row["key"] for row in Store(store).rows() if model in row["model"])


def test_what_is_above_the_limit_fails_and_is_kept_and_printed_all_the_same(cli, tmp_path):
    written = ("--store", tmp_path / "s", "--output", tmp_path / "o.json", "--report", tmp_path / "r.html")
    answer = cli(*SMALL, "fc_l4", "--fail-above", 0.3, "--json", *written)
    assert answer.exit_code == 1
    assert answer.stderr.count("is above 0.3") == 1
    assert json.loads(answer.stdout) == json.loads((tmp_path / "o.json").read_text())
    assert len(Store(tmp_path / "s")) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"s", "o.json", "r.html"}
    assert cli(*SMALL, "fc_l4", "--fail-above", 300).exit_code == 0


def test_the_newest_row_of_the_model_is_the_baseline_and_the_same_network_passes(cli, store):
    answer = cli(*SMALL, name_of("fc_l4"), "--baseline", store, "--fail-if", "worse")
    assert answer.exit_code == 0, answer.stderr
    assert f"baseline: row {key_of(store, 'fc_l4')[:12]}" in answer.stderr
    assert "is 1 times (1 to 1) that of the baseline" in answer.stderr


def test_a_network_that_is_worse_than_the_row_of_the_key_fails(cli, store):
    where = f"{store}:{key_of(store, 'resnet18')[:12]}"
    answer = cli(*SMALL, "fc_l4", "--baseline", where, "--fail-if", "worse", "--json")
    assert answer.exit_code == 1
    assert "that of the baseline" in answer.stderr
    assert json.loads(answer.stdout)["model"] == "fc_l4"
    assert cli(*SMALL, "fc_l4", "--baseline", where, "--fail-if", "worse", "--margin", 1e6).exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--baseline", "STORE"], "baseline is given alone; add --fail-if worse"),
        (["--fail-if", "worse"], "fail_if is given alone; add --baseline STORE"),
        (["--margin", 1.2], "margin is given without a baseline"),
        (["--fail-above", 0], "a number above 0 is needed"),
        (["--fail-above", "nan"], "a number above 0 is needed"),
        (["--baseline", "STORE", "--fail-if", "worse", "--margin", 0.9], "a number of 1 or more is needed"),
        (["--baseline", "nowhere", "--fail-if", "worse"], "'nowhere' is not a store of results"),
        (["--baseline", "STORE:xyz", "--fail-if", "worse"], "no row has a key that begins so"),
        (["--fail-above", 1, "--convention", "both"], "--fail-above is given, which needs a single convention"),
    ],
)
def test_wrong_use_is_told_before_anything_is_measured(cli, store, words, message):
    answer = cli(*SMALL, "fc_l4", *(str(word).replace("STORE", str(store)) for word in words))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert not answer.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seed", 1], "other seeds: 1 and 0"),
        (["--cutoff", 4], "cutoff 4.0 and 3.0"),
        (["--images", 50], "images 50 and 60"),
    ],
)
def test_a_baseline_of_another_setting_is_refused_and_the_numbers_are_printed(cli, store, words, message):
    answer = cli(*SMALL, name_of("fc_l4"), "--baseline", store, "--fail-if", "worse", "--json", *words)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert json.loads(answer.stdout)["R"]


def test_a_store_without_the_model_is_refused_with_the_models_there(cli, store):
    answer = cli(*SMALL, "fc_l2", "--baseline", store, "--fail-if", "worse")
    assert answer.exit_code == 2
    assert "the baseline has no row of 'fc_l2', only" in answer.stderr
    assert "name one as STORE:KEY" in answer.stderr
