"""The script of test error against R_f: the same files from a store and from its CSV, whole or not at all."""

import json
from functools import partial

import plot_error_vs_rf
import pytest
from PIL import Image

from diffstab.figures.drawing.files import write_files
from diffstab.figures.points.networks import gather
from diffstab.figures.points.relation import relate
from diffstab.store.export import exported

pytestmark = pytest.mark.slow


@pytest.fixture
def plot(cli):
    """Runs the script."""
    return partial(cli, command=plot_error_vs_rf.main)


def test_a_store_and_its_csv_give_the_same_files(plot, store, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(exported(store.rows(), "csv"))
    told = []
    for name, source in (("one", store.folder), ("two", path)):
        answer = plot(source, "-o", tmp_path / f"{name}.png")
        assert answer.exit_code == 0, answer.output
        assert "note: 1 failed cells are left out" in answer.stderr
        told.append(answer.stdout)
    assert told[0] == told[1]
    for suffix in ("png", "pdf", "csv"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    assert told[0].startswith("15 networks, seeds: 3; mnist5k/test, c = 3, delta = 1 px, median\n")
    assert "paper, mnist" in told[0]
    assert sorted(one.name for one in tmp_path.iterdir() if "." in one.name) == sorted(
        ["rows.csv", *(f"{name}.{suffix}" for name in ("one", "two") for suffix in ("csv", "pdf", "png"))]
    )


def test_json_says_the_same_and_files_say_what_made_them(plot, store, tmp_path):
    answer = plot(
        store.folder,
        "-o",
        tmp_path / "f",
        "--json",
        "--where",
        "model!=fc_l6",
        "--average",
        "median",
    )
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    networks = gather(store.rows(), ["model!=fc_l6"]).points
    relation = relate(networks)
    assert told["networks"] == 14
    assert told["correlation"]["R"] == {**relation.correlations["R"]._asdict(), "paper": 0.75}
    assert told["fit"]["exponent"] == relation.law.exponent._asdict()
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.width == 2100
        origin = json.loads(picture.info["Description"])
    assert origin["setting"]["cutoff"] == 3.0
    assert origin["filters"] == ["model!=fc_l6", "average=median"]
    assert {"git_commit", "diffstab", "setting"} <= set(origin)
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")


def test_figures_are_whole_or_not_there(drawn, tmp_path):
    with pytest.raises(ValueError, match="can't be written"):
        write_files(tmp_path / "missing" / "f", drawn[0], title="t", origin={})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/missing", "-o", "{}/f.png"], "can't be read (No such file or directory)"),
        (["{store}"], "Missing option '-o'"),
        (["{store}", "-o", "/missing/f.png"], "can't be written"),
        (["{store}", "-o", "{}/f.png", "--where", "cutof=3"], "no row has a column 'cutof'; did you mean 'cutoff'?"),
        (["{store}", "-o", "{}/f.png", "--where", "model=lenet"], "1 networks; a correlation over networks needs"),
        (["{store}", "-o", "{}/f.png", "more"], "unexpected extra argument"),
    ],
)
def test_the_script_refuses_in_one_line(plot, store, tmp_path, arguments, message):
    answer = plot(
        *(one.replace("{store}", str(store.folder)).replace("{}", str(tmp_path)) for one in arguments),
    )
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("Error: ")
    assert not list(tmp_path.glob("f.*"))


def test_without_matplotlib_the_script_says_what_to_install(plot, store, tmp_path, monkeypatch):
    monkeypatch.setattr("diffstab.figures.paper.catalogue.find_spec", lambda name: None)
    answer = plot(store.folder, "-o", tmp_path / "f.png")
    assert (answer.exit_code, answer.stderr) == (
        2,
        "Error: figures need the package matplotlib: pip install 'diffstab[plot]'\n",
    )


def test_the_script_tells_its_options(plot):
    answer = plot("--help")
    assert answer.exit_code == 0
    assert "--show-init" in answer.stdout
    assert "COMMAND" not in answer.stdout


def test_show_init_without_such_rows_is_said(plot, store, tmp_path):
    answer = plot(store.folder, "-o", tmp_path / "f.png", "--show-init")
    assert answer.exit_code == 0
    assert "note: no value at initialisation is among the rows" in answer.stderr
