"""`diffstab figure`: every figure by name, from a sweep that is run, resumed, or missing; and the scripts of each."""

import csv
import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from diffstab.cli.figure import summary
from diffstab.figures.paper import catalogue
from diffstab.figures.paper.catalogue import FIGURES, FOLDER, NAMES, PRESETS, FigureKind, figure_named
from diffstab.sweep.run import Progress
from diffstab.sweep.spec import read_spec

pytestmark = pytest.mark.slow

TINY = "measure: {model: lenet, images: 20, resamples: 100, cutoff: [3, 5]}\n"
NAME = "fig03-datasets"
SCRIPTS = {path.stem for path in (Path(__file__).parents[2] / "scripts" / "figures").glob("*.py")}
HELPERS = {"figure_command", "gallery", "readme_picture", "page_pictures"}


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The sweep behind NAME has two small cells; the working folder is empty."""
    presets = tmp_path / "presets"
    presets.mkdir()
    (presets / "datasets.laptop.yaml").write_text(TINY)
    monkeypatch.setattr(catalogue, "FOLDER", presets)
    monkeypatch.chdir(tmp_path)
    return presets


def test_every_figure_is_listed(cli):
    told = cli("figure", "--help").stdout
    assert all(name in told for name in (*NAMES, "all"))
    assert "Draw the paper's figures" in told


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_can_be_called_for_and_has_a_script(name):
    kind = figure_named(name)
    assert callable(kind._function())
    assert kind.presets, name
    script = name.replace("-", "_")
    assert script in SCRIPTS
    command = import_module(script).main
    assert command.name == name
    assert {option.name for option in command.params} >= {"preset", "store", "output", "filters", "run", "jobs"}


def test_no_script_is_left_without_a_figure():
    assert {name.replace("_", "-") for name in SCRIPTS - HELPERS} == set(NAMES)


def test_every_preset_is_behind_a_figure_or_a_zoo_and_can_be_read():
    named = {file.name for kind in FIGURES for preset in PRESETS for file in kind.sweep_files(preset)}
    files = list(FOLDER.iterdir())
    zoos = {file.name for file in FOLDER.glob("zoo.*.yaml")}  # scripts/train_zoo.py takes them all
    assert {file.name for file in files} == named | zoos
    for file in files:
        assert read_spec(file, confirm_above=None).jobs, file


def test_without_cells_the_command_that_makes_them_is_told(cli, tiny):
    answer = cli("figure", NAME)
    assert answer.exit_code == 2
    how = f"make them with diffstab figure {NAME} --preset laptop --store figures/store --run"
    assert answer.stderr == f"Error: 'figures/store' has none of the 2 cells behind {NAME}; {how}\n"
    assert answer.stdout == ""
    assert not list((tiny.parent / "figures").iterdir())


def test_cells_are_run_once_and_a_figure_of_some_says_what_is_missing(cli, tiny):
    own = tiny / "one.yaml"
    own.write_text(TINY.replace("[3, 5]", "5"))
    begun = cli("sweep", str(own), "--store", "figures/store", "--jobs", "1")
    assert begun.exit_code == 0, begun.stderr
    some = cli("figure", NAME)
    assert some.exit_code == 0, some.stderr
    assert "note: 1 of 2 cells are missing; make them with" in some.stderr
    assert some.stdout == f"{NAME}: 1 network; 1 point; 20 images; delta = 1; median\n"
    whole = cli("figure", NAME, "--run", "--jobs", "1")
    assert whole.exit_code == 0, whole.stderr
    assert "cutoff=5" not in whole.stderr  # that cell was there
    assert "missing" not in whole.stderr
    assert len(points("figures")) == 2
    again = cli("figure", NAME, "--run", "-o", "again")
    assert points("again") == points("figures")
    assert "done " not in again.stderr


def test_shards_run_the_cells_between_them(cli, tiny, monkeypatch):
    ran = []
    monkeypatch.setattr("diffstab.sweep.run_sweep", lambda jobs, *_, **__: ran.append(jobs) or Progress(total=0))
    for shard in ("1/2", "2/2"):
        cli("figure", NAME, "--run", "--shard", shard)
    wanted = read_spec(tiny / "datasets.laptop.yaml").jobs
    assert len(ran) == 2
    assert sorted(job.id for jobs in ran for job in jobs) == sorted(job.id for job in wanted)


def points(folder):
    with Path(folder, f"{NAME}.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def filled(cli, tiny):
    """With a store that has both cells."""
    assert cli("figure", NAME, "--run", "--jobs", "1").exit_code == 0
    return tiny.parent


def test_pictures_say_what_made_them(cli, tiny):
    answer = cli("figure", "fig10-interpolation", "-o", "here")
    assert answer.exit_code == 0
    with Image.open("here/fig10-interpolation.png") as picture:
        told = json.loads(picture.info["Description"])
        assert picture.info["Title"] == figure_named("fig10-interpolation").title
    assert told["preset"] == "laptop"
    assert {"diffstab", "git_commit", "filters", "setting"} <= set(told)


def test_whatever_rows_there_are_are_drawn(cli, filled):
    export = ["results", "export", "--store", "figures/store", "--format", "csv", "--output", "rows.csv"]
    assert cli(*export).exit_code == 0
    for folder, more in {"a": ("--preset", "own"), "b": ("--store", "rows.csv", "--preset", "own")}.items():
        assert cli("figure", NAME, "-o", folder, *more).exit_code == 0
        assert points(folder) == points("figures")
    chosen = cli("figure", NAME, "--preset", "own", "--where", "cutoff=3", "-o", "c")
    assert chosen.exit_code == 0
    assert [line["cutoff"] for line in points("c")] == ["3.0"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fig3-delta"], "no figure is called 'fig3-delta'; did you mean 'fig03-delta'?"),
        (["fig13-mnist"], "fig13-mnist has no preset 'laptop'; allowed: paper, own"),
        (["fig02-sphere", "--preset", "fashion"], "fig02-sphere has no preset 'fashion'; allowed: laptop, paper, own"),
        ([NAME, "--preset", "own", "--run"], "preset is own and there is --run; run your own sweep"),
        ([NAME, "--preset", "own", "--store", "nothing.csv"], "nothing.csv"),
        ([NAME, "--preset", "small"], "'small' is not one of 'laptop', 'paper', 'fashion', 'own'"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    answer = cli("figure", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert len(answer.stderr.strip().splitlines()) <= 4  # click's own errors have a usage line


def test_all_draws_what_it_can(cli, tiny, monkeypatch):
    kinds = (
        FigureKind("fig10-interpolation", "Interpolations", "pixel_grid:pixel_grid", sides={"laptop": 6}),
        FigureKind(NAME, "Data sets", "datasets:datasets_figure", "datasets"),
        FigureKind("fig13-mnist", "On a GPU alone", "datasets:datasets_figure", "none"),
    )
    monkeypatch.setattr(import_module("diffstab.cli.figure"), "FIGURES", kinds)
    answer = cli("figure", "all")
    assert answer.exit_code == 1
    assert f"not drawn: 'figures/store' has none of the 2 cells behind {NAME}" in answer.stderr
    assert "fig13" not in answer.stderr
    assert sorted(path.name for path in Path("figures").iterdir()) == [
        f"fig10-interpolation.{suffix}" for suffix in ("csv", "pdf", "png")
    ]


def test_without_matplotlib_the_command_says_what_to_install(cli, tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = cli("figure", "fig10-interpolation")
    assert answer.exit_code == 2
    assert "pip install 'diffstab[plot]'" in answer.stderr


@pytest.mark.parametrize(("split", "told"), [("test", "9 images of folder/test"), (None, "9 images of folder")])
def test_the_line_on_a_figure_names_the_split_where_there_is_one(split, told):
    setting = {"images": 9, "dataset": "folder", "split": split}
    assert summary([{"model": "lenet"}], setting) == f"1 network; 1 point; {told}"
