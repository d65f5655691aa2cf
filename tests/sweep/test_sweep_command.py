"""`diffstab sweep` runs a grid, goes on, and refuses in one line."""

import json
import re

import pytest

from diffstab.sweep import EXAMPLE

pytestmark = pytest.mark.slow


def cells(spec, *names):
    return [tuple(getattr(job.options, name) for name in names) for job in spec.jobs]


def test_the_command_runs_a_sweep_and_goes_on(cli, tmp_path):
    path, store = tmp_path / "sweep.yaml", tmp_path / "store"
    path.write_text("measure: {model: [fc_l4, nonsuch], images: 30, weights: init}")
    answer = cli("sweep", path, "--store", store, "--dry-run")
    assert answer.exit_code == 0, answer.stderr
    assert "2 cells: 2 to run, 0 done, 0 failed" in answer.stdout
    assert not store.exists()
    answer = cli("sweep", path, "--store", store)
    assert answer.exit_code == 1
    assert answer.stdout.startswith("2 cells: 1 done, 1 failed, 0 were in the store\n")
    lines = answer.stderr.splitlines()  # one per job
    assert len(lines) == 2
    assert any(line.startswith("done    measure fc_l4 images=30 weights=init: R_f ") for line in lines)
    assert any(
        line.startswith("failed  measure nonsuch images=30 weights=init: ValueError: model is") for line in lines
    )
    assert "1 done, 1 failed" in cli("sweep", path, "--store", store, "--dry-run").stdout
    answer = cli("sweep", path, "--store", store, "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert (told["cells"], told["skipped"], told["failed_before"]) == (2, 1, 1)


def test_the_example_runs_as_it_stands_and_its_networks_are_compared(cli, tmp_path):
    example = cli("sweep", "--example")
    assert (example.exit_code, example.stdout) == (0, EXAMPLE.read_text())
    assert "#" in example.stdout
    spec, store = tmp_path / "sweep.yaml", tmp_path / "store"
    spec.write_text(example.stdout)
    answer = cli("sweep", spec, "--store", store)
    assert answer.exit_code == 0, answer.stderr
    assert "8 cells: 8 done, 0 failed" in answer.stdout
    answer = cli("compare", store)
    assert answer.exit_code == 0, answer.stderr
    assert "model=resnet18,weights=pretrained" in answer.stdout
    commented = re.sub("^( *)# ([a-z -]*:.*)", r"\1\2", example.stdout, flags=re.M)  # what it offers
    commented = commented.replace("[init, pretrained]", "[init, train]").replace("  model: [fc_l4, resnet18]\n", "")
    spec.write_text(commented)
    plan = cli("sweep", spec, "--store", store, "--dry-run")
    assert plan.exit_code == 0, plan.stderr
    assert "train fc_l4" in plan.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--executor", "rey"], "'rey' is not one of"),
        (["--ray-address", "x:1"], "--ray-address is for --executor ray, and the executor is local"),
        (["--jobs", "0"], "0 is not in the range"),
        (["--gpus-per-job", "0.5"], "--gpus-per-job is for --executor ray, and the executor is local"),
        (["--executor", "ray", "--cpus-per-job", "inf"], "cpus is inf; a task needs more than 0"),
        (["--executor", "ray", "--cpus-per-job", "0"], "cpus is 0.0; a task needs more than 0"),
    ],
)
def test_the_command_refuses_in_one_line(cli, tmp_path, arguments, message):
    path = tmp_path / "sweep.yaml"
    path.write_text("measure: {model: fc_l4, images: 30}")
    answer = cli("sweep", path, "--store", tmp_path / "store", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_store_that_can_not_be_written_is_refused_before_any_work(cli, tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text("measure: {model: fc_l4, images: 30}")
    answer = cli("sweep", path, "--store", path / "store")
    assert answer.exit_code == 2
    assert "can't be made" in answer.stderr
