"""Several processes, as torchrun starts them, with Gloo: they measure what one process measures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from diffstab.measuring.batches import as_batches
from diffstab.measuring.by_name import measure_cell
from diffstab.options.measure import MeasureOptions
from diffstab.processes import ALONE, OtherProcessFailedError, Processes

pytestmark = pytest.mark.slow

SUPPORT = Path(__file__).parent / "support"
SAME = "data_sha256 indices_sha256 weights_sha256 network_sha256 images draws fold_fraction batch_norm key".split()
CELLS = [
    {"model": "lenet", "images": 7, "batch_size": 128},  # fewer images than one batch holds
    {"model": "resnet18-w0.25", "images": 33, "batch_size": 11, "weights": "init"},  # 3 whole batches
    {"model": "resnet18-w0.25", "images": 9, "weights": "init"},  # one, which leaves nothing for the second process
    {"model": "fc_l2", "images": 40, "noise_radius": "per-image", "average": "mean"},
    {"model": "fc_l2", "images": 20, "until_precision": 0.5},
    {"model": "lenet", "images": 50, "layers": "auto", "batch_size": 18},
    {"model": "resnet18-w0.25", "images": 9, "weights": "init", "layers": "all", "transform": "rotation"},
    {"model": "fc_l4", "images": 31, "convention": "reference", "interpolation": "gaussian"},
]


def torchrun(*command, folder=None):
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*run, *map(str, command)], capture_output=True, text=True, env=environment, timeout=300, cwd=folder
    )


def assert_same_measurement(row, alone):
    """But for the order of sums in batches of other sizes."""
    assert {name: row[name] for name in SAME} == {name: alone[name] for name in SAME}
    for name in "DGR":
        assert row[name] == pytest.approx(alone[name], rel=1e-4)
    assert row["test_error"] == pytest.approx(alone["test_error"])
    for one, other in zip(row.get("layers") or (), alone.get("layers") or (), strict=True):
        assert one["name"] == other["name"]
        for name in "DGR":
            assert one[name] == pytest.approx(other[name], rel=1e-3), one["name"]
    assert row["noise_radius"] == pytest.approx(alone["noise_radius"], rel=1e-6)


def test_two_processes_measure_what_one_does():
    """Counts that two don't divide, batches that batch norm needs whole, a process without images."""
    answer = torchrun(SUPPORT / "measured_together.py", json.dumps(CELLS))
    assert answer.returncode == 0, answer.stderr
    for cell, row in zip(CELLS, json.loads(answer.stdout), strict=True):
        assert_same_measurement(row, measure_cell(MeasureOptions.from_mapping(cell)).to_dict())


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads of the system are counted in /proc")
def test_no_thread_outlives_the_processes_joining():
    """One that holds a tensor while Python ends would abort its process."""
    answer = torchrun(SUPPORT / "left_together.py")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == ["True []"] * 2


def test_the_command_prints_and_keeps_one_row(tmp_path):
    options = {"model": "fc_l2", "images": 51, "batch_size": 10, "draws": 2}  # 6 batches of 8 or 9
    flags = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", value)]
    kept = ["--json", "--store", tmp_path / "store", "--output", tmp_path / "row.json"]
    answer = torchrun("-m", "diffstab", "measure", "--device", "cpu", *flags, *kept)
    assert answer.returncode == 0, answer.stderr
    (line,) = answer.stdout.splitlines()
    row = json.loads(line)
    assert_same_measurement(row, measure_cell(MeasureOptions(**options)).to_dict())
    assert json.loads((tmp_path / "row.json").read_text()) == row
    rows = [text for part in (tmp_path / "store").glob("**/*.jsonl") for text in part.read_text().splitlines()]
    assert len(rows) == 1
    assert answer.stderr.count("51 images of mnist5k/test") == 1


def test_bad_input_ends_all_processes_and_prints_nothing(tmp_path):
    flags = ["--device", "cpu", "--model", "fc_l2", "--temperature", "1e-30", "--output", tmp_path / "row.json"]
    answer = torchrun("-m", "diffstab", "measure", *flags)
    assert answer.returncode != 0
    assert answer.stdout == ""
    assert "within the rounding" in answer.stderr
    assert not (tmp_path / "row.json").exists()


def test_a_failure_of_one_process_is_told_by_it_and_ends_the_others(tmp_path):
    """A network that fails on the images of the second process alone."""
    (tmp_path / "mine.py").write_text(
        "import os\n"
        "def fails():\n"
        "    def network(images):\n"
        "        if os.environ['RANK'] == '1':\n"
        "            raise ValueError('the second one fails')\n"
        "        return images.flatten(1)\n"
        "    return network\n"
    )
    flags = ["--device", "cpu", "--images", "20", "--model", "mine:fails"]
    answer = torchrun("-m", "diffstab", "measure", *flags, folder=tmp_path)
    assert answer.returncode != 0
    assert answer.stdout == ""
    assert [line for line in answer.stderr.splitlines() if line.startswith("Error: ")] == [
        "Error: the network fails on images of 10x1x28x28 (ValueError: the second one fails)"
    ]


def shares(images, count, *, whole=False, batch_size=10):
    """The indices of each batch of each process."""
    per_process = [
        as_batches(
            images, labels=None, indices=None, batch_size=batch_size, workers=0, share=(rank, count), whole=whole
        )
        for rank in range(count)
    ]
    return [[batch.keys.tolist() for batch in batches()] for batches in per_process]


@pytest.mark.parametrize("total", [1, 2, 3, 31, 64])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_are_all_images_once_and_as_equal_as_can_be(total, count):
    found = shares(torch.zeros(total, 1, 4, 4), count)
    assert sorted(key for share in found for batch in share for key in batch) == list(range(total))
    sizes = [sum(map(len, share)) for share in found]
    assert max(sizes) - min(sizes) <= len(found[0])
    assert all(0 < len(batch) <= 10 for share in found for batch in share)


def test_whole_batches_are_those_of_one_process():
    images = torch.zeros(25, 1, 4, 4)
    ((*alone,),) = shares(images, 1)  # 3 batches, which two processes don't divide
    first, second = shares(images, 2, whole=True)
    assert sorted(first + second) == alone


def test_a_loader_is_shared_by_batches():
    loader = [torch.zeros(size, 1, 4, 4) for size in (3, 3, 2)]
    assert shares(loader, 2) == [[[0, 1, 2], [6, 7]], [[3, 4, 5]]]


def test_alone_nothing_is_exchanged():
    assert ALONE.gathered(lambda: 3) == [3]
    with pytest.raises(ZeroDivisionError):
        ALONE.gathered(lambda: 1 // 0)


def test_the_first_failure_is_raised_where_it_came_from(monkeypatch):
    """What the other processes answer stands in for them."""

    def answered(others):
        def gather(answers, own):
            answers[:] = [own if other is None else other for other in others]

        monkeypatch.setattr("torch.distributed.all_gather_object", gather)

    answered([None, (True, 5)])
    assert Processes(0, 2).gathered(lambda: 4) == [4, 5]
    with pytest.raises(ZeroDivisionError):
        Processes(0, 2).gathered(lambda: 1 // 0)
    answered([(False, None), None])
    for work in (lambda: 4, lambda: 1 // 0):
        with pytest.raises(OtherProcessFailedError, match="process 0 of 2 fails"):
            Processes(1, 2).gathered(work)
