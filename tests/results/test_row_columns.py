"""Columns of rows: their order, their roles, and the key, spelled out here once more."""

import hashlib
import json

import pytest
from support.measured_stores import measured

from diffstab.results.row_columns import (
    BEFORE,
    OF_DEFORMATIONS,
    ROW,
    SETTING,
    content_key,
    row_order,
    setting_values,
    told_newer,
    told_setting,
)

ALWAYS = (
    "model network_sha256 weights_sha256 data_sha256 draws cutoff cutoff_rule temperature delta_rule interpolation "
    "average noise_radius_rule radius_average median_rule pairs batch_norm precision seed resamples"
).split()


@pytest.fixture(scope="module")
def row():
    return json.loads(json.dumps(measured(resamples=100).to_dict()))


def key_of(row, **more):
    content = {"schema": 1, **{name: row.get(name) for name in ALWAYS}, **more}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize(
    ("changed", "more"),
    [
        ({}, {}),
        ({"delta": 9.0, "convention": "x", "device": "cuda", "split": "val", "batch_size": 3}, {}),
        ({"transform": "rotation", "delta": 2.0}, {"transform": "rotation", "delta": 2.0}),
        ({"noise_norm": 0.3, "noise_radius_rule": "given"}, {"noise_norm": 0.3}),
        ({"layers_asked": "auto"}, {"layers": "auto"}),
        ({"of": "probabilities"}, {"of": "probabilities"}),
        ({"batch_norm": "batch", "batch_size": 7}, {"batch_size": 7}),
        ({"batch_norm": "batch", "batch_size": 7, "batch_order": "given"}, {"batch_size": 7, "batch_order": "given"}),
        ({"batch_norm": "running", "mixes_images": True, "batch_size": 7}, {"batch_size": 7}),
    ],
)
def test_the_key_has_what_determines_the_numbers(row, changed, more):
    changed = {**row, **changed}
    assert content_key(changed) == key_of(changed, **more)
    assert content_key({name: value for name, value in changed.items() if value is not None}) == key_of(changed, **more)


def test_older_rows_have_the_key_that_they_had(row):
    older = {
        name: value for name, value in row.items() if name not in ("transform", "noise_norm", "of", "mixes_images")
    }
    assert content_key(older) == content_key(row) == row["key"]
    told = {"transform": "diffeo", "of": "logits", "shuffle_channels": False}
    told |= {"training.diffeo_cutoff_rule": "disk", "training.penalty": 0.0}
    assert told == BEFORE
    assert setting_values(older) == setting_values(row)
    assert setting_values({"cutoff": 2.0}, ["of", "cutoff", "split"]) == ("logits", 2.0, None)


def test_columns_stand_where_they_first_stood():
    assert row_order(["images", "test_error"]) == (
        *("images", "draws", "test_error", "transform", "cutoff", "cutoff_rule", "temperature", "delta", "delta_rule"),
        *("interpolation", "average", "worst", "ascent_steps", "ascent_starts", "of", "against"),
        *("shuffle_channels", "neighbours"),
    )
    assert ROW[-7:] == ("worst", "ascent_steps", "ascent_starts", "of", "against", "shuffle_channels", "neighbours")
    told = "dataset split images draws transform cutoff cutoff_rule temperature delta delta_rule interpolation average"
    told += " noise_radius_rule noise_norm radius_average median_rule pairs convention changed_sha256"
    told += " worst ascent_steps ascent_starts of shuffle_channels neighbours"
    assert tuple(told.split()) == SETTING
    assert OF_DEFORMATIONS == ("cutoff", "cutoff_rule", "temperature", "delta_rule")


def test_a_setting_is_told_in_one_line():
    told = {"dataset": "d", "split": "val", "images": 5, "draws": 2, "transform": "scale", "delta": 0.5}
    assert (
        told_setting({**told, "noise_norm": 1.25})
        == "5 images of d/val, draws: 2; scale, delta = 0.5 px, ||eta|| = 1.25"
    )
    more = {"dataset": "d", "cutoff": 3.0, "interpolation": "gaussian", "convention": "paper", "of": "probabilities"}
    assert told_setting(more, [1, 2]) == "d, seed 1, 2; c = 3, gaussian, paper convention, of: probabilities"
    assert told_setting({"dataset": "d", "transform": "diffeo", "of": "logits"}) == "d"
    assert told_newer({"of": "probabilities", "transform": "scale"}) == ["of: probabilities"]
