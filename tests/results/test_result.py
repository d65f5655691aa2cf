"""Results: their JSON form, their key, and files that are written whole or not at all."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.results import content_key
from diffstab.writing import write_atomically


@pytest.fixture
def result():
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return measure(nn.Flatten(), images, MaxEntropyEnsemble(8, delta=1.0))


def test_the_json_form_is_plain_and_complete(result):
    row = json.loads(json.dumps(result.to_dict()))
    assert set(row["R"]) == {"value", "low", "high"}
    assert row["R"]["low"] <= row["R"]["value"] <= row["R"]["high"]
    assert row["key"] == result.key
    assert "raw" not in row
    assert row["test_error"] is None


def test_the_key_follows_what_determines_the_numbers_and_nothing_else(result):
    told = {"seconds": 99.0, "device": "cuda:0", "git_commit": "x", "stopped": "data", "weights": "w"}
    assert replace(result, **told, settings=result.settings.used(batch_size=3)).key == result.key
    for changes in ({"data_sha256": "0"}, {"radius_average": "mean"}):
        assert replace(result, **changes).key != result.key
    for changes in ({"seed": 1}, {"cutoff": 4.0}, {"average": "mean"}, {"draws": 2}, {"layers": "auto"}):
        assert replace(result, settings=result.settings.used(**changes)).key != result.key


def test_a_rows_key_is_that_of_its_result(result):
    row = json.loads(json.dumps(result.to_dict()))
    assert content_key(row) == result.key
    assert content_key({**row, "network_sha256": None}) is None


def test_files_are_replaced_whole(result, tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    result.write(path)
    assert json.loads(path.read_text())["key"] == result.key
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"can't be written \(No such file or directory\)"):
        write_atomically(tmp_path / "missing" / "x", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="can't be written"):
        write_atomically(tmp_path / "folder", b"x")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
