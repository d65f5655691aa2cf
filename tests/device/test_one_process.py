"""One process under torchrun, joined by NCCL on a GPU and by Gloo on the CPU, measures what it measures alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from diffstab.measuring import measure_cell
from diffstab.options import MeasureOptions

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[1] / "support" / "measured_together.py"


def test_one_process_measures_what_it_measures_alone(device):
    cell = {"model": "lenet", "weights": "init", "images": 20, "layers": "auto", "device": device.type}
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1", "--standalone"]
    done = subprocess.run([*run, str(SCRIPT), json.dumps([cell])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout.splitlines()[-1])
    alone = measure_cell(MeasureOptions.from_mapping(cell))
    assert row["R"]["value"] == pytest.approx(alone.R.value, rel=1e-3)


@pytest.mark.parametrize("how", [{"channels_last": True}, {"compile": True}, {"precision": "float64"}])
def test_layout_compilation_and_precision_change_rounding_alone(device, how):
    cell = {"model": "lenet", "weights": "init", "images": 20, "device": device.type}
    plain, other = (measure_cell(MeasureOptions.from_mapping({**cell, **more})) for more in ({}, how))
    assert other.R.value == pytest.approx(plain.R.value, rel=1e-3)
