"""docs/predicting-error.md: it agrees with the kept rows, and is complete as soon as all sweeps are."""

import math
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import error_changes
import error_numbers
import error_page
import error_trials
import kept_rows
import numpy as np
import predict_error
import pytest
from support.made_up import made_up_rows

from diffstab.figures import figure_named, sweep_file
from diffstab.figures.points import read_rows
from diffstab.options import base_name
from diffstab.store import Store, exported
from diffstab.sweep import InlineExecutor, read_spec, run_sweep

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow

FASHION = [name for name in kept_rows.KEPT if "fashion" in name]


def made_up(name):
    """The rows of a kept table; errors of ResNets fall by more than a tenth with each doubling of the epochs."""
    specs = [kept_rows.FOLDER / f"{spec}.yaml" for spec in kept_rows.KEPT[name]]
    rows = [row for path in specs for row in made_up_rows(path)]
    if name.endswith("-half"):
        for row in rows:
            row["test_error"]["value"] *= 1.2 if row["model"].startswith("resnet") else 1.02
    if name.endswith("-twice"):
        for row in rows:
            row["test_error"]["value"] *= 0.85 if row["model"].startswith("resnet") else 0.98
    return list({row["job"]: row for row in rows}.values())


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with the rows of the digits, and made-up ones of all sweeps of FashionMNIST."""
    folder = tmp_path_factory.mktemp("kept")
    for path in predict_error.PRETRAINED.glob("zoo-mnist5k*.csv"):
        shutil.copy(path, folder)
    for name in FASHION:
        (folder / f"{name}.csv").write_bytes(exported(made_up(name), "csv"))
    return folder


@pytest.fixture(scope="module")
def study(kept):
    return predict_error.studies_of(kept)[1]


def test_the_page_agrees_with_the_kept_rows(cli):
    answer = cli("--check", command=predict_error.main)
    assert answer.exit_code == 0, answer.stdout


def test_readme_has_the_numbers_of_the_page():
    page = (ROOT / "docs/predicting-error.md").read_text()
    lines = [line.split("|")[1:-1] for line in page.splitlines()]
    told = {cells[0].strip(): cells[-1].strip() for cells in reversed(lines) if len(cells) == 3}  # the first table's
    readme = " ".join((ROOT / "README.md").read_text().split())
    R, papers = told["log R_f"].replace("(", "(95 % interval "), told["the paper's"]
    assert f"correlate with {R}; the paper has {papers}." in readme
    seeds = told["networks, seeds of each"].split(", ")[1]
    assert f"trained with {seeds} seeds on the 60,000 images of FashionMNIST" in readme
    longer = re.search(r"(\S+ \([^)]+\)) with all and (\S+ \([^)]+\)) with twice as many", " ".join(page.split()))
    assert "Over one seed it is {}, and {} with twice the epochs".format(*longer.groups()) in readme


def test_a_changed_row_is_told(cli, tmp_path, monkeypatch):
    shutil.copy(predict_error.PRETRAINED / "zoo-mnist5k.csv", tmp_path)
    text = (tmp_path / "zoo-mnist5k.csv").read_text()
    monkeypatch.setattr(predict_error, "PRETRAINED", tmp_path)
    (tmp_path / "zoo-mnist5k.csv").write_text(text.replace(",0.044,", ",0.144,", 1))
    answer = cli("--check", command=predict_error.main)
    assert answer.exit_code == 1
    assert "does not agree" in answer.stdout


def test_a_page_of_all_sweeps_has_nothing_missing(kept):
    text = predict_error.page(kept)
    assert error_page.NOT_YET not in text
    assert "Fashion" in text
    for title in predict_error.SECTIONS:
        assert f"## {title}" in text
    assert "nan" not in text
    assert max(len(line) for line in text.splitlines() if not line.startswith(("|", "!"))) <= predict_error.WIDTH


def test_what_the_rows_were_made_with_is_found(study):
    """R from the paper's figure, error ~ R^0.5 with noise of a tenth."""
    relation = error_page.correlations(study.points)
    assert relation["R"].low > 0.9
    assert error_numbers.rivals(study.points)["1/G"].z.low > 0
    assert list(study.points.seeds) == [5] * 15
    assert len(study.many.points) == 67
    assert error_page.correlations(study.many.points)["R"].low > 0.8
    moving = {one.name for one in error_numbers.settling(study.rows, study.half) if one.lowered > 0.1}
    assert moving == {"resnet18-w0.25", "resnet34-w0.25", "resnet50-w0.25"}
    again = error_numbers.settling(study.twice, study.rows)
    assert len(again) == 11
    assert {one.name for one in again if one.lowered > 0.1} == moving
    exponents = [np.polyfit(np.log(own["P"]), np.log(own["R"]), 1)[0] for own in study.curves.values()]
    assert len(exponents) == 4
    assert np.mean(exponents) == pytest.approx(-0.2, abs=0.03)


def test_the_network_that_moves_the_correlation_most_is_an_outlier_by_construction(study):
    points = study.points.taken([True] * 15)
    place = points.names.index("efficientnet_b0-w0.25")
    points.values["error"][place] *= 5
    name, without = error_numbers.moves_most(points)
    assert name == "efficientnet_b0-w0.25"
    others = study.points.taken([one != name for one in points.names])
    assert without == error_page.correlations(others)["R"]


def test_a_trend_with_more_images_is_told_only_where_its_interval_shows_it(study):
    """Two power laws of five points, one falling and one rising, and noise alone."""
    P, noise = np.logspace(2, 4, 5), np.exp([0.3, -0.4, 0.2, -0.3, 0.2])
    error = P**-0.5
    curves = {name: {"P": P, "R": R, "error": error} for name, R in (("a", P**-0.4), ("b", noise), ("c", P**0.4))}
    *_, told = error_trials.size_section([replace(study, curves=curves)])
    assert told == "With more of them R_f falls in a, shows no trend in b and rises in c; the error falls in all."


def test_the_page_says_so_where_the_claim_fails(study):
    """With errors shuffled over networks nothing holds; with the inverse of R everything of R fails."""
    rows = [
        {**row, "R": {name: 1 / value for name, value in row["R"].items()}} if "R" in row else row for row in study.rows
    ]
    failing = list(error_page.in_short(error_page.Study(study.name, study.title, rows)))
    assert failing[0].startswith("**Fails.**")
    assert failing[1].startswith("**Differs.**")
    holding = list(error_page.in_short(study))
    assert holding[0].startswith("**Holds.**")


def test_test_errors_are_of_all_test_images(study):
    trained = {row["job"]: row["test_error"]["value"] for row in study.rows if row["kind"] == "train"}
    own = [trained[row["training"]["job"]] for row in study.rows if row.get("training") and row["model"] == "lenet"]
    place = study.points.names.index("lenet")
    assert study.points.error[place] == pytest.approx(math.exp(np.log(own).mean()))


def test_each_change_is_compared_with_its_own_usual_training(study):
    many = error_changes.many_networks(study.rows, study.more[::-1])  # in any order
    assert {kind: many.changed.count(kind) for kind in many.kinds()} == {
        "label noise": 7, "fewer training images": 10, "augmentation": 14, "recipe": 7, "width": 14,
    }  # fmt: skip
    for k, usual in enumerate(many.usual):
        if usual is not None:
            same = base_name if many.changed[k] == error_changes.WIDTH else str
            assert same(many.points.names[k]) == same(many.points.names[usual])
            assert many.changed[usual] in (None, error_changes.WIDTH)
            assert usual != k
    assert many.changed.count(None) == 15
    share, count = many.same_direction("fewer training images")
    assert (share.value, count) == (1, 10)


def test_ways_of_measuring_are_compared_with_the_usual_one(study):
    usual, *others = study.variants
    assert (usual.name, usual.networks, usual.against) == ("delta = 1, c = 3", 15, None)
    assert len(others) == 3 + 18
    assert all(way.networks == 15 and way.against for way in others)
    assert [way for way in others if "training images" in way.name]


@pytest.mark.parametrize(
    ("figure", "table", "points"),
    [
        ("fig05-error", "zoo-fashionmnist", 15),
        ("table2-correlations", "zoo-fashionmnist", 3),
        ("fig13-fashionmnist", "zoo-fashionmnist-size", None),
        ("fig21-deformations", None, 270),
        ("fig14-depth", None, None),
    ],
)
def test_figures_of_the_preset_are_drawn_from_such_rows(figure, table, points):
    kind = figure_named(figure)
    assert "fashion" in kind.presets
    rows = [row for path in kind.sweep_files("fashion") for row in made_up_rows(path)]
    drawn = kind.draw(rows)
    assert drawn.figure.axes
    assert points is None or len(drawn.table) == points
    assert table is None or len(kept_rows.specs_of(table)) == 1


def test_sweeps_take_the_trainings_of_the_zoo_and_share_its_rule():
    zoo = {job.id: job.options for job in read_spec(sweep_file("zoo", "fashion")).jobs if job.kind == "train"}
    for name in ("fields", "depth"):
        assert {job.id for job in read_spec(sweep_file(name, "fashion")).jobs if job.kind == "train"} <= zoo.keys()
    measured = read_spec(kept_rows.ZOO["fashion-measure"]).jobs
    first = {job for job, options in zoo.items() if options.seed == 0}
    assert {job.id for job in measured if job.kind == "train"} == first
    epochs = {options.model: options.epochs for options in zoo.values()}
    half = [job.options for job in read_spec(kept_rows.ZOO["fashion-half"]).jobs if job.kind == "train"]
    assert {options.model: 2 * options.epochs for options in half} == epochs
    twice = [job.options for job in read_spec(kept_rows.ZOO["fashion-twice"]).jobs if job.kind == "train"]
    zoo_rows, half_rows = (
        error_numbers.table_of(kept_rows.PRETRAINED / f"zoo-fashionmnist{ending}.csv") for ending in ("", "-half")
    )
    found = error_numbers.settling(zoo_rows, half_rows)
    moving = {one.name for one in found if one.lowered >= error_trials.SETTLED}
    assert {options.model: options.epochs for options in twice} == {name: 2 * epochs[name] for name in moving}
    more = [job.options for job in read_spec(kept_rows.ZOO["fashion-more"]).jobs if job.kind == "train"]
    by_base = {base_name(model): own for model, own in epochs.items()}
    assert {base_name(own.model): own.epochs for own in more} == {
        base_name(own.model): by_base[base_name(own.model)] for own in more
    }
    assert len({*epochs}) + len(more) >= 60


def test_tables_are_kept_once_all_cells_are_there_or_some_are_enough(tmp_path, monkeypatch):
    """A store that has trainings and one measurement of three, then all."""
    spec = tmp_path / "zoo.yaml"
    spec.write_text(
        "train: {recipe: laptop, epochs: 1, train_size: 500, model: [fc_l2, fc_l4]}\n"
        "measure: {weights: train, images: 20}\n"
    )
    monkeypatch.setitem(kept_rows.ZOO, "laptop", spec)
    monkeypatch.setattr(kept_rows, "KEPT", {"zoo-mnist5k": ("zoo.laptop",)})
    monkeypatch.setattr(kept_rows, "PRETRAINED", tmp_path)
    jobs, path = read_spec(spec).jobs, tmp_path / "zoo-mnist5k.csv"
    store = Store(tmp_path / "store", create=True)
    assert kept_rows.keep_rows([store]) == []
    run_sweep(jobs[:2], store, InlineExecutor())
    assert kept_rows.keep_rows([store], some=True) == ["zoo-mnist5k.csv: 2 of 4 cells, not kept"]
    run_sweep(jobs[:3], store, InlineExecutor())
    assert kept_rows.keep_rows([store]) == ["zoo-mnist5k.csv: 3 of 4 cells, not kept"]
    assert not path.exists()
    assert kept_rows.keep_rows([store], some=True) == ["zoo-mnist5k.csv: 3 of 4 cells"]
    last = Store(tmp_path / "last", create=True)
    run_sweep(jobs[1::2], last, InlineExecutor())
    assert kept_rows.keep_rows([last], some=True) == ["zoo-mnist5k.csv: 4 of 4 cells"]
    assert [row["job"] for row in read_rows(path)[0]] == [job.id for job in jobs]
    assert kept_rows.keep_rows([last]) == ["zoo-mnist5k.csv: 2 of 4 cells, not kept"]
    other = Store(tmp_path / "other", create=True)
    run_sweep(jobs, other, InlineExecutor())
    assert kept_rows.keep_rows([store, other]) == ["zoo-mnist5k.csv: 4 of 4 cells"]
    rows, _ = read_rows(path)
    assert [row["job"] for row in rows] == [job.id for job in jobs]


@pytest.mark.parametrize("script", ["train_zoo.py", "maintain/predict_error.py", "plot_error_vs_rf.py"])
def test_scripts_run_from_anywhere(script, tmp_path):
    """Not by the test's own path, which has all folders of scripts."""
    path = predict_error.ROOT / "scripts" / script
    answer = subprocess.run([sys.executable, path, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
