"""The scripts: training goes on bit for bit where it was stopped, and what is kept is what was trained."""

import numpy as np
import pytest
import torch
import train_sota
from benchmarking import medians
from click.testing import CliRunner

RECIPE = ["--model", "fc_l4", "--optimizer", "adam", "--lr", "0.001", "--epochs", "3"]


def train(folder, *options):
    return CliRunner().invoke(train_sota.main, [*RECIPE, *options, "--output", str(folder)])


def test_translation_shifts_each_image_by_whole_pixels_within_reach():
    images = torch.rand(40, 2, 7, 5) + 1
    moved = train_sota.translate(images, 3, torch.Generator().manual_seed(0))
    shifts = []
    for before, after in zip(images.numpy(), moved.numpy(), strict=True):
        padded = np.pad(before, ((0, 0), (3, 3), (3, 3)), constant_values=float(images.min()))
        found = [(dy, dx) for dy in range(7) for dx in range(7) if (padded[:, dy : dy + 7, dx : dx + 5] == after).all()]
        assert found
        shifts.append(found[0])
    assert len(set(shifts)) > 15  # of 49 shifts, each image its own
    assert train_sota.translate(images, 0, torch.Generator()) is images


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    assert train(tmp_path / "whole").exit_code == 0
    save, count = train_sota.save, iter(range(100))

    def stops(path, state):
        save(path, state)
        if next(count) == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train_sota, "save", stops)
        assert train(tmp_path / "stopped").exit_code != 0
    answer = train(tmp_path / "stopped")
    # two epochs are left: the second needs the schedule's state, not only the optimiser's
    assert "epoch   2" in answer.stderr
    assert "epoch   3" in answer.stderr
    assert "epoch   1" not in answer.stderr
    one, other = (torch.load(tmp_path / name / "checkpoint.pt") for name in ("whole", "stopped"))
    assert one["test_error"] == other["test_error"] < 0.7  # chance: 0.9
    for name, value in one["model"].items():
        assert torch.equal(value, other["model"][name])
    assert [file.name for file in (tmp_path / "stopped").iterdir()] == ["checkpoint.pt"]


def test_a_folder_of_another_recipe_is_refused(tmp_path):
    train(tmp_path, "--epochs", "1")
    answer = train(tmp_path, "--epochs", "1", "--seed", "1")
    assert answer.exit_code == 2
    assert "has another recipe" in answer.stderr


def test_an_unlabelled_data_set_is_refused(tmp_path):
    assert train(tmp_path, "--dataset", "photos").exit_code != 0


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
