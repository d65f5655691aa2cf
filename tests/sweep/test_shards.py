"""Shards split a sweep over processes that share nothing but the store, and the tasks of job arrays run them."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from support.pages import ROOT, blocks
from support.swept import SMALL, assert_equal_stores

from diffstab import Store
from diffstab.sweep.run import share_of

TRAINED = "train: {model: [fc_l4, lenet], seed: [0, 1, 2, 3]}\nmeasure: {weights: train, cutoff: [3, 5]}"
SHARDS = ["1/3", "2/3", "3/3"]
ARRAYS = {  # the variables that tell a task its number; the range of the array
    "SLURM_ARRAY_TASK_ID": r"#SBATCH --array=1-(\d+)$",
    "PBS_ARRAY_INDEX": r"#PBS -J 1-(\d+)$",
    "LSB_JOBINDEX": r'#BSUB -J "sweep\[1-(\d+)\]"$',
}


def ids(jobs):
    return [job.id for job in jobs]


def sweep(spec, folder, shard):
    """The command as a process of its own; JSON on stdout."""
    words = ["sweep", spec, "--store", folder, "--jobs", "1", "--json", "--shard", shard]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "diffstab", *map(str, words)], **pipes)


def outcome(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    told = json.loads(out)
    return told["done"], told["skipped"]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_shards_have_each_job_once_whatever_the_order(spec, count):
    jobs = spec(TRAINED).jobs
    groups = len({(job.trained_by or job).id for job in jobs})
    shares = [share_of(jobs, f"{number}/{count}") for number in range(1, count + 1)]
    assert sorted(one for share in shares for one in ids(share)) == sorted(ids(jobs))
    for number, share in enumerate(shares, 1):
        assert set(ids(share_of(jobs[::-1], f"{number}/{count}"))) == set(ids(share))
    trainings = [sum(job.trained_by is None for job in share) for share in shares]
    assert sum(trainings) == groups == 8
    assert max(trainings) - min(trainings) <= 1
    assert max(map(len, shares)) - min(map(len, shares)) <= 3  # each training has two measurements


def test_shards_of_single_cells_differ_by_one_cell_at_most(spec):
    jobs = spec("measure: {model: [fc_l2, lenet], weights: init, seed: [" + ", ".join(map(str, range(50))) + "]}").jobs
    sizes = [len(share_of(jobs, f"{number}/8")) for number in range(1, 9)]
    assert sorted(sizes) == [12] * 4 + [13] * 4


def test_a_trained_network_is_measured_in_the_shard_of_its_training(spec):
    jobs = spec(TRAINED).jobs
    for shard in SHARDS:
        share = share_of(jobs, shard)
        assert share
        assert {job.trained_by.id for job in share if job.trained_by} <= set(ids(share))


@pytest.mark.parametrize("shard", ["0/3", "4/3", "-1/3", "1/0", "1", "", "/3", "a/b", "1/3/3", "1.0/3", "9" * 5000])
def test_another_form_of_shard_is_refused(cli, spec, tmp_path, shard):
    spec("measure: {model: fc_l4}")
    for more in ([], ["--dry-run"]):
        answer = cli("sweep", tmp_path / "sweep.yaml", "--store", tmp_path / "store", f"--shard={shard}", *more)
        assert answer.exit_code == 2
        assert "I/N is needed, with I from 1 to N, as in 1/8 to 8/8" in answer.stderr
        assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "store").exists()


def test_a_dry_run_tells_the_cells_of_the_shard(cli, spec, tmp_path):
    jobs = spec(SMALL).jobs
    for shard in SHARDS:
        share = share_of(jobs, shard)
        words = ("sweep", tmp_path / "sweep.yaml", "--store", tmp_path / "store", "--dry-run", "--shard", shard)
        answer = cli(*words)
        assert answer.stderr == f"note: shard {shard} has {len(share)} of 8 cells\n"
        assert answer.stdout.splitlines()[:-1] == [f"to run  {job}" for job in share]
        assert [cell["job"] for cell in json.loads(cli(*words, "--json").stdout)["cells"]] == ids(share)


@pytest.mark.slow
def test_only_failures_of_the_shard_give_exit_status_1(cli, spec, tmp_path):
    jobs = spec("measure: {model: [nonsuch, fc_l4], images: 30, weights: init, seed: [0, 1, 2]}").jobs
    for shard in SHARDS:
        fails = any(job.options.model == "nonsuch" for job in share_of(jobs, shard))
        for _ in range(2):  # a failure of an earlier run counts too
            answer = cli("sweep", tmp_path / "sweep.yaml", "--store", tmp_path / "s", "--jobs", 1, "--shard", shard)
            assert answer.exit_code == fails, answer.stderr
    assert len(Store(tmp_path / "s").rows()) == 6


@pytest.mark.slow
def test_shards_at_once_fill_the_store_that_one_process_fills(single, tmp_path):
    jobs, store = single
    (tmp_path / "sweep.yaml").write_text(SMALL)
    processes = [sweep(tmp_path / "sweep.yaml", tmp_path / "store", shard) for shard in SHARDS]
    assert [outcome(process) for process in processes] == [(len(share_of(jobs, shard)), 0) for shard in SHARDS]
    assert_equal_stores(Store(tmp_path / "store"), store)
    lines = [line for path in (tmp_path / "store" / "rows").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 8


@pytest.mark.slow
def test_cells_of_a_lost_task_are_found_by_the_same_array(single, tmp_path):
    """One task never began, one was killed after its first row."""
    jobs, store = single
    spec, folder = tmp_path / "sweep.yaml", tmp_path / "store"
    spec.write_text(SMALL)
    lost = max(SHARDS, key=lambda shard: len(share_of(jobs, shard)))
    ran = next(shard for shard in SHARDS if shard != lost)
    outcome(sweep(spec, folder, ran))
    before = len(Store(folder).rows())
    killed = sweep(spec, folder, lost)
    deadline = time.monotonic() + 300
    while len(Store(folder).rows()) == before and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    kept = len(Store(folder).rows())
    assert before < kept < 8
    done = [outcome(sweep(spec, folder, shard))[0] for shard in SHARDS]
    assert sum(done) == 8 - kept
    assert done[SHARDS.index(ran)] == 0
    assert_equal_stores(Store(folder), store)


def scripts():
    """The array scripts of the page on clusters, by the variable that tells a task its number."""
    texts = [block.text for block in blocks(ROOT / "docs" / "clusters.md") if "--shard" in block.text]
    return {name: text for text in texts for name in ARRAYS if name in text}


@pytest.mark.slow
@pytest.mark.parametrize("variable", ARRAYS)
def test_the_array_scripts_run_a_sweep_without_their_scheduler(spec, tmp_path, variable):
    script = scripts()[variable]
    count = int(re.search(ARRAYS[variable], script, re.MULTILINE)[1])
    assert script.startswith("#!/bin/bash\n")
    assert len(script.strip().splitlines()) == 6
    assert f'--shard "${variable}/{count}"' in script
    jobs = spec("measure: {model: fc_l4, images: 20, weights: init}").jobs
    (tmp_path / "sweep.yaml").rename(tmp_path / "SPEC.yaml")
    shim = tmp_path / "bin" / "diffstab"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m diffstab "$@"\n')
    shim.chmod(0o755)
    paths = {"PATH": f"{shim.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "PBS_O_WORKDIR": str(tmp_path)}
    begins_in = "/" if variable.startswith("PBS") else tmp_path  # PBS begins in the home folder

    def run(*more, **task):
        environment = {**os.environ, **paths, **task}
        command = ["bash", *more]
        return subprocess.run(command, input=script, text=True, capture_output=True, cwd=begins_in, env=environment)

    assert run("-n").returncode == 0
    (mine,) = (number for number in range(1, count + 1) if share_of(jobs, f"{number}/{count}"))
    for done in (1, 0):  # a task that runs again finds its cells done
        answer = run(**{variable: str(mine)})
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.startswith(f"1 cells: {done} done, 0 failed, {1 - done} were in the store")
    assert len(Store(tmp_path / "DIR").rows()) == 1
    alone = run()  # no task of an array
    assert alone.returncode == 2
    assert "shard is '/8'" in alone.stderr
