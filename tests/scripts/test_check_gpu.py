"""The script for a day with a GPU runs on the CPU; its stages `tests` and `waits` are tests/device."""

import json
import subprocess
import sys
from pathlib import Path

import check_gpu
import pytest
import torch

pytestmark = pytest.mark.slow
SCRIPT = Path(check_gpu.__file__)


def run(*words):
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True, check=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_in_one_line(tmp_path):
    answer = run("--output", tmp_path / "gpu")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == (
        "Error: device is 'cuda' and torch finds no CUDA device; run this where there is one, or with --device cpu\n"
    )
    assert not (tmp_path / "gpu").exists()


@pytest.mark.parametrize("stage", ["memory", "deform", "measure", "train"])
def test_a_stage_leaves_its_result(tmp_path, stage):
    answer = run("--device", "cpu", "--output", tmp_path, "--stage", stage)
    assert answer.returncode == 0, answer.stderr
    found = json.loads((tmp_path / f"{stage}.json").read_text())
    assert found
    if stage == "train":
        assert min(found.values()) > 0


def test_stages_fit_into_eight_minutes():
    assert sum(check_gpu.SECONDS.values()) <= 480
    assert list(check_gpu.STAGES) == list(check_gpu.SECONDS)


def test_a_stage_that_fails_is_told_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setitem(check_gpu.SECONDS, "memory", 0.01)
    assert check_gpu.run_stage("memory", "cpu", tmp_path) == {"passed": False, "told": "took longer than 0.01 s"}
    told = check_gpu.table({"machine": "a card", "memory": {"passed": False}})
    assert told == "a card\n\nstage | what | value\n--- | --- | ---\nmemory | passed | False\n"
