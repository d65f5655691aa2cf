"""A training's folder may be another's: its files are checked, and nothing is written outside it."""

import os
import zipfile
from dataclasses import replace

import pytest
from support.hostile import in_time
from support.stopped_runs import OPTIONS

from diffstab.training.loop import train
from diffstab.writing import PART

ONE = replace(OPTIONS, epochs=1)
FILES = ["checkpoint.previous.pt", "checkpoint.pt", "metrics.jsonl"]


def names(folder):
    return sorted(os.listdir(folder))


def test_nothing_is_written_through_links_in_the_folder(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    for name in ("metrics.jsonl", "checkpoint.new.pt", "model.safetensors", "config.json"):
        (outside / name).write_text("old")
        (folder / name).symlink_to(outside / name)
    train(ONE, folder=folder).write(folder)
    assert {(outside / name).read_text() for name in os.listdir(outside)} == {"old"}
    assert not any(path.is_symlink() for path in folder.iterdir())


def test_a_killed_writers_files_go_when_the_training_goes_on(tmp_path):
    left = [f".{name}.x{PART}" for name in ("checkpoint.pt", "checkpoint.new.pt", "metrics.jsonl")]
    for name in (*left, "checkpoint.new.pt"):
        (tmp_path / name).write_bytes(b"half")
    train(replace(ONE, epochs=2), folder=tmp_path)
    assert names(tmp_path) == FILES


def test_a_checkpoint_whose_members_are_packed_is_refused_at_once(tmp_path):
    train(ONE, folder=tmp_path)
    with zipfile.ZipFile(tmp_path / "checkpoint.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "checkpoint.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="truncated, damaged or not of a training; remove it"):
        in_time(lambda: train(ONE, folder=tmp_path))
