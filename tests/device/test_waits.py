"""The loop waits for its device once a batch and pass, the augmentation never: counted on a device that tells.

`scripts/maintain/strict_device.py` has that device. It refuses tensors of the CPU beside its own, so what runs there
mixes none.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[2] / "scripts" / "maintain" / "strict_device.py"
COPIES = {"measuring/first_pass.py", "measuring/second_pass.py"}  # where each batch comes to the CPU, once
NAMES = ["plain", "layers", "batch norm on its batch", "gaussian", "rotation", "reference"]


@pytest.fixture(scope="module")
def report():
    off = {**os.environ, "DIFFSTAB_NATIVE": "off"}  # the device has torch's way, so the CPU beside it has that too
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False, env=off)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_of_measuring_runs_there_and_gives_the_same(report, name):
    found = report["measured"][name]
    assert found["strict"] == pytest.approx(found["cpu"], rel=1e-6)
    assert found["cpu"]["R"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_waited_for_once_in_each_pass(report, name):
    waits = report["measured"][name]["waits of a batch"]
    where = COPIES | ({"measuring/layers/gather.py"} if name == "layers" else set())
    assert {place.partition(":")[0] for place in waits} == where
    assert len(set(waits.values())) == 1  # once each; layers make batches smaller
    assert name == "layers" or set(waits.values()) == {1.0}


def test_the_augmentation_of_a_batch_waits_for_nothing(report):
    assert report["transform"] == {"waits": {}, "largest difference": 0.0}


def test_deforming_takes_few_launches(report):
    """A copy of the coefficients; then a product for the rows, one for the grid, what joins them, and the sampling."""
    assert report["launches"]["sample"] == {"_to_copy": 1}
    assert sum(report["launches"]["deform"].values()) <= 8
