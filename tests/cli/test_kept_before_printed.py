"""A measurement's row and files are written before anything is printed, and numbers are shown that can't be kept."""

import json
import os
import subprocess
import sys

import pytest
from safetensors.torch import save_file

from diffstab import Store
from diffstab.models.paper import PAPER_NETS

WORDS = ("measure", "--model", "fc_l2", "--images", "10", "--resamples", "100", "--device", "cpu")


def weights(path):
    path.parent.mkdir(parents=True)
    save_file(PAPER_NETS["fc_l2"](1, 28, 10).state_dict(), path)
    return path


@pytest.mark.parametrize("name", ["run[/v2]/w.safetensors", "run[bold]/w.safetensors", "run[red]:boom:/w.safetensors"])
def test_names_in_brackets_are_texts_everywhere(cli, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    weights(tmp_path / name)
    answer = cli(*WORDS, "--checkpoint", name, "--store", "S", "--report", "R.html", "--output", "O.json")
    assert answer.exit_code == 0, answer.output
    assert name in answer.stdout
    assert name in answer.stderr
    (row,) = Store(tmp_path / "S").rows()
    assert row["weights"] == json.loads((tmp_path / "O.json").read_text())["weights"] == name
    assert name in (tmp_path / "R.html").read_text()
    assert name in cli("results", "show", "--store", "S", row["key"]).stdout


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["closed", "full", "encoding"])
def test_what_can_not_be_printed_is_kept(tmp_path, fault):
    if fault == "full" and not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    name = weights(tmp_path / "größer" / "w.safetensors")
    files = [
        word for name in "SOR" for word in ({"S": "--store", "O": "--output", "R": "--report"}[name], tmp_path / name)
    ]
    words = (*WORDS, "--checkpoint", name, *files)
    reading, writing = os.pipe()
    os.close(reading)
    target = os.open("/dev/full", os.O_WRONLY) if fault == "full" else writing if fault == "closed" else subprocess.PIPE
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict" if fault == "encoding" else "utf-8"}
    command = [sys.executable, "-m", "diffstab", *map(str, words)]
    answer = subprocess.run(command, stdout=target, stderr=subprocess.PIPE, env=environment, timeout=300, check=False)
    os.close(writing)
    assert answer.returncode in ((0,) if fault == "encoding" else (1, 2))  # letters that it lacks are shown escaped
    assert b"Traceback" not in answer.stderr
    assert len(Store(tmp_path / "S")) == 1
    assert (tmp_path / "O").exists()
    assert (tmp_path / "R").exists()


def test_numbers_are_shown_where_the_store_can_not_be_written_in_the_end(cli, tmp_path, monkeypatch):
    def full(self, *arguments, **options):
        raise ValueError("the disk is full; make room")

    monkeypatch.setattr(Store, "add", full)
    answer = cli(*WORDS, "--store", tmp_path / "S", "--output", tmp_path / "O", "--report", tmp_path / "R")
    assert answer.exit_code == 2
    assert answer.stderr.splitlines()[-1] == "Error: the disk is full; make room"
    assert "R_f" in answer.stdout
    assert (tmp_path / "O").exists()
    assert (tmp_path / "R").exists()


def test_numbers_are_shown_where_the_report_can_not_be_made(cli, tmp_path, monkeypatch):
    def broken(*arguments, **more):
        raise ValueError("no page; take another name")

    monkeypatch.setattr("diffstab.pages.results_page", broken)
    answer = cli(*WORDS, "--store", tmp_path / "S", "--report", tmp_path / "R", "--json")
    assert (answer.exit_code, answer.stderr.splitlines()[-1]) == (2, "Error: no page; take another name")
    assert json.loads(answer.stdout)["R"]
    assert len(Store(tmp_path / "S")) == 1
