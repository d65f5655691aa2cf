"""`diffstab results` lists, shows, queries, exports, recomputes and checks."""

import json
import os
import subprocess
import sys

import pytest
from support.measured_stores import failed

from diffstab import Store
from diffstab.options.measure import MeasureOptions
from diffstab.store import sidecar
from diffstab.store.export import exported
from diffstab.sweep.jobs import measure_job


def test_the_command_lists_shows_queries_and_exports(cli, store, tmp_path):
    store.add(failed("job"))
    key = store.rows()[1]["key"]
    listed = cli("results", "list", "--store", store.folder).stdout.splitlines()
    assert listed[0].split()[:3] == ["key", "kind", "model"]
    assert [line.split()[0] for line in listed[1:]] == [row["key"][:12] for row in store.rows()]
    assert (
        f"R.value                     {store.rows()[1]['R']['value']}"[:7]
        in cli("results", "show", "--store", store.folder, key[:10]).stdout
    )
    shown = json.loads(cli("results", "show", "--store", store.folder, key, "--json").stdout)
    assert shown == store.rows()[1]
    answer = cli(
        "results",
        "query",
        "--store",
        store.folder,
        "seed>0",
        "--columns",
        "seed,R.value",
        "--sort",
        "R.value",
        "--json",
    )
    values = json.loads(answer.stdout)
    assert {line["seed"] for line in values} == {1, 2}
    assert values == sorted(values, key=lambda line: line["R.value"])
    path = tmp_path / "table.csv"
    assert (
        cli("results", "export", "--store", store.folder, "--format", "csv", "-o", path, "status=done").exit_code == 0
    )
    assert len(path.read_text().splitlines()) == 4
    assert cli("results", "export", "--store", store.folder).stdout == exported(store.rows(), "csv").decode()


def test_a_link_stays_a_link_and_a_device_a_device(cli, store, tmp_path):
    (tmp_path / "link.csv").symlink_to("real.csv")
    assert cli("results", "export", "--store", store.folder, "-o", tmp_path / "link.csv").exit_code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == exported(store.rows(), "csv")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "diffstab", "results", "export", "--store", str(store.folder), "-o", str(pipe)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as writer:
        assert pipe.read_bytes() == exported(store.rows(), "csv")
    assert writer.returncode == 0
    assert pipe.is_fifo()


def test_failed_rows_can_be_asked_for(cli, store):
    answer = cli("results", "query", "--store", store.folder, "status=failed")
    assert (answer.exit_code, answer.stderr) == (0, "no row matches\n")
    store.add(failed("job"))
    answer = cli("results", "query", "--store", store.folder, "status=failed")
    assert answer.exit_code == 0
    assert len(answer.stdout.splitlines()) == 2


def test_the_command_recomputes_and_checks(cli, store):
    answer = cli("results", "recompute", "--store", store.folder, "--average", "mean")
    assert answer.stdout == "3 rows added, 0 were there, 0 can't be recomputed\n"
    answer = cli("results", "recompute", "--store", store.folder, "--average", "mean")
    assert answer.stdout == "0 rows added, 3 were there, 0 can't be recomputed\n"
    assert cli("results", "check", "--store", store.folder).stdout == "6 rows; 0 problems\n"
    sidecar.path_of(store.folder, "raw", store.rows()[0]["raw"]).unlink()
    answer = cli("results", "check", "--store", store.folder)
    assert answer.exit_code == 1
    assert "2 problems" not in answer.stdout  # both rows name it, it is told once
    answer = cli("results", "recompute", "--store", store.folder, "--pairs", "all")
    assert answer.exit_code == 1
    assert "can't be read" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "zzz"], "no row has a key that begins so"),
        (["show", ""], "3 rows have a key that begins so"),
        (["query", "--columns", "sed"], "no row has a column 'sed'; did you mean 'seed'"),
        (["recompute"], "no statistic is given"),
        (["export", "-o", "/missing/x.csv"], "can't be written"),
        (["export", "-o", "x/"], "output is 'x/'; the name of a file is needed"),
        (["export", "-o", "x" * 300], "File name too long"),
    ],
)
def test_the_command_refuses_in_one_line(cli, store, arguments, message):
    answer = cli("results", arguments[0], "--store", store.folder, *arguments[1:])
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_measure_keeps_its_result_where_a_sweep_finds_it(cli, tmp_path):
    options = ["measure", "--model", "fc_l4", "--images", "30", "--store", tmp_path / "s"]
    answer = cli(*options)
    assert answer.exit_code == 0, answer.stderr
    assert "kept in" in answer.stderr
    assert "was already in" in cli(*options).stderr
    store = Store(tmp_path / "s")
    assert len(store) == 1
    assert store.status(measure_job(MeasureOptions(model="fc_l4", images=30)).id) == "done"
