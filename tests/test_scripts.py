"""The scripts: a training is kept as it was trained, and each tells its options."""

import json
import sys

import keep_checkpoint
import pytest
import torch
import train_sota
from benchmarking import medians
from click.testing import CliRunner
from safetensors.torch import load_file


def test_what_train_sota_leaves_is_kept(tmp_path, monkeypatch):
    options = "train_sota.py --model fc_l4 --optimizer adam --lr 0.001 --epochs 1 --device cpu --output"
    monkeypatch.setattr(sys, "argv", [*options.split(), str(tmp_path / "run")])
    with pytest.raises(SystemExit) as end:
        train_sota.main()
    assert end.value.code == 0
    monkeypatch.setattr(keep_checkpoint, "PRETRAINED", tmp_path)
    answer = CliRunner().invoke(keep_checkpoint.main, [str(tmp_path / "run" / "checkpoint.pt")])
    assert answer.exit_code == 0
    (entry,) = json.loads((tmp_path / "manifest.json").read_text())["checkpoints"]
    assert (entry["model"], entry["recipe"]["lr"]) == ("fc_l4", 0.001)
    trained, kept = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "fc_l4-mnist5k"))
    for name, value in trained.items():
        assert torch.equal(kept[name], value.half() if value.ndim > 1 else value)
    configs = [(tmp_path / name / "config.json").read_text() for name in ("run", "fc_l4-mnist5k")]
    assert configs[0] == configs[1]


def test_medians_time_each_rival_in_turn():
    calls = []
    rivals = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    seconds = medians(rivals, rounds=2, warmup=1)
    assert "".join(calls) == "ababab"
    assert set(seconds) == {"a", "b"}
    assert min(seconds.values()) >= 0


@pytest.mark.parametrize("name", ["bench_deform", "bench_measure", "keep_checkpoint", "measure_pretrained"])
def test_scripts_tell_their_options(name):
    main = __import__(name).main
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0
