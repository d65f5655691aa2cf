"""Command lines of any kind: what was asked for, or one line and exit status 2; nothing by halves is left.

Hypothesis puts options and values of all kinds together, some 900 command lines; DIFFSTAB_FUZZ=20 makes it 20 times
as many, other ones each time.
"""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import assert_one_line, cases

from diffstab.cli import main
from diffstab.store.store import Store

pytestmark = pytest.mark.slow

TEXTS = [
    "", " ", "-", "--", "x", "é", "日本", "a b", "..", "../x", ".", "/", "/dev/null", "/dev/null/x", "~", "\udcff",
    "a" * 5000, "a" * 300, "nan", "inf", "-inf", "1e400", "1e-400", "0", "-0", "-1", "1", "2", "1_000", "9" * 30,
    "١", "1,2", "1,2,3", ",", "=", "x=y", "x=", "=y", "[1]", "{}", "None", "true", "*", "[", "%s", "{x}", "$HOME",
    "; ls", "<b>", "paper:", "paper:fc_l2", "timm:", "timm:nothing", "torchvision:", "local-dir:..", "local-dir:",
    "hf-hub:", "m:n", ":", "a:b:c", "lenet", "fc_l2-w0.5", "fc_l2-w0", "fc_l2-w1e9", "init", "pretrained", "folder",
    "cifar10", "imagenet", "mnist5k", "cpu", "cuda:99", "meta", "mps", "spec.yaml", "store", "picture.png", "text.csv",
    "new/folder/x", "model=*", "R.value<0.5", "R.value<x", "seed=0",
]  # fmt: skip
NUMBERS = [
    "-1",
    "0",
    "-0",
    "1",
    "2",
    "3",
    "5",
    "0.5",
    "3.5",
    "1e-3",
    "1e-320",
    "1e400",
    "nan",
    "inf",
    "9" * 30,
    "2147483648",
]
SLOW = {"--compile", "--download", "--help", "--workers", "--until-precision", "--confirm"}
# what makes a command quick; the options that hypothesis draws come after, and win
BASES = {
    "field": "--size 16",
    "deform": "picture.png out.png",
    "measure": "--model fc_l2 --weights init --images 3 --resamples 100",
    "models": "",
    "results list": "--store store",
    "results show": "--store store KEY",
    "results query": "--store store",
    "results export": "--store store",
    "results recompute": "--store store KEY",
    "results check": "--store store",
    "compare": "store --resamples 100",
    "report": "store --resamples 100 -o report.html",
    "explore": "picture.png -o explorer.html --side 32",
    "figure": "fig01-phase-diagram --help",
    "train": "--model fc_l2 --epochs 1 --train-size 100 --output run",
    "sweep": "spec.yaml --store new --dry-run",
}
EXAMPLES = {"train": 12, "models": 30, "measure": 80}
TEMPORARY = re.compile(r"^\..*\.\w{8}$|\.new\.pt$")  # names that a file has until it is whole
WRITING = {
    "deform picture.png {}/out.png": ["out.png"],
    "explore picture.png --side 32 -o {}/explorer.html": ["explorer.html"],
    "report store --resamples 100 -o {}/report.html": ["report.html"],
    "results export --store store --format csv -o {}/rows.csv": ["rows.csv"],
    "measure --model fc_l2 --weights init --images 3 --output {}/row.json": ["row.json"],
    "measure --model fc_l2 --weights init --images 3 --report {}/report.html": ["report.html"],
    "measure --model fc_l2 --weights init --images 3 --store {}/new": ["new"],
    "sweep spec.yaml --store {}/new": ["new"],
    "train --model fc_l2 --epochs 1 --train-size 100 --select last --output {}/run": ["run"],
    "figure fig01-phase-diagram --output {}/figures": ["figures"],
}
PLACES = ["日本 é", "a folder", "up/../beside", "./--", "a'b\"c;d"]
ODD = [(line, place) for line in WRITING for place in (PLACES[:1] if line[:3] in "train sweep figure" else PLACES)]


def command_of(name: str) -> click.Command:
    first, *rest = name.split()
    command = main.commands[first]
    return command.commands[rest[0]] if rest else command


@st.composite
def words(draw, name):
    """Options of the command, each with a value that is often of its kind, and now and then a word too many."""
    options = [one for one in command_of(name).params if isinstance(one, click.Option) and not SLOW & set(one.opts)]
    found = []
    for option in draw(st.lists(st.sampled_from(options), max_size=3)) if options else []:
        found.append(draw(st.sampled_from([*option.opts, *option.secondary_opts])))
        if not option.is_flag:
            found.append(draw(st.sampled_from(fitting(option)) | st.sampled_from(TEXTS) | st.text(max_size=8)))
    return found + [draw(st.sampled_from(TEXTS))] * (draw(st.integers(0, 9)) == 9)


def fitting(option):
    """Values of the option's kind, by and large."""
    if isinstance(option.type, click.Choice):
        return 9 * list(option.type.choices) + TEXTS
    number = isinstance(option.type, type(click.INT) | type(click.FLOAT))
    return 9 * NUMBERS + TEXTS if number else TEXTS


@pytest.fixture(scope="module")
def ready(cli, tmp_path_factory):
    """A folder with what the bases name."""
    folder = tmp_path_factory.mktemp("ready")
    source = Path(__file__).parents[2] / "diffstab" / "data" / "embedded" / "photos" / "camera.jpg"
    (folder / "spec.yaml").write_text("measure: {model: [fc_l2, lenet], weights: init, images: 3}\n")
    (folder / "text.csv").write_text("a,b\n1,2\n")
    for model in ("fc_l2", "lenet"):
        measured = "measure --weights init --images 5 --resamples 100 --model"
        assert cli(*measured.split(), model, "--store", folder / "store").exit_code == 0
    assert cli("deform", source, folder / "picture.png").exit_code == 0
    return folder


@pytest.mark.parametrize("name", BASES)
def test_any_command_line_ends_well(cli, name, ready):
    @cases(EXAMPLES.get(name, 60))
    @given(words(name))
    def ends_well(more):
        with tempfile.TemporaryDirectory(dir=ready.parent) as scratch:
            folder = Path(scratch) / "own"
            shutil.copytree(ready, folder)
            with contextlib.chdir(folder):
                answer = cli(*name.split(), *BASES[name].replace("KEY", key).split(), *more)
            assert_one_line(answer)
            assert answer.exit_code in (0, 1, 2)
            assert not [path for path in Path(scratch).rglob("*") if TEMPORARY.search(path.name)]

    with contextlib.closing(Store(ready / "store")) as store:
        key = next(iter(store.rows()))["key"]
    ends_well()


@contextlib.contextmanager
def as_nobody():
    """Root may write anywhere: be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(("line", "place"), ODD)
def test_odd_names_of_folders_are_names(cli, line, place, ready, tmp_path, monkeypatch):
    """Spaces, other scripts, dots, quotes."""
    shutil.copytree(ready, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("up", place):
        Path(name).mkdir(parents=True, exist_ok=True)
    answer = cli(*[word.format(place) for word in line.split()])
    assert answer.exit_code == 0, answer.stderr
    assert sorted(path.name for path in Path(place).iterdir()) == WRITING[line]


@pytest.mark.skipif(os.name != "posix", reason="folders that may not be written to are made as POSIX has them")
@pytest.mark.parametrize("line", WRITING)
def test_a_folder_that_may_not_be_written_is_told(cli, line, ready, monkeypatch):
    with tempfile.TemporaryDirectory() as scratch:  # not below pytest's folder, which others may not enter
        shutil.copytree(ready, scratch, dirs_exist_ok=True)
        monkeypatch.chdir(scratch)
        os.chmod(scratch, 0o755)
        Path("closed").mkdir(mode=0o555)
        assert cli(*line.format(tempfile.mkdtemp(dir=scratch)).split()).exit_code == 0  # imports what it needs
        with as_nobody():
            answer = cli(*line.format("closed").split())
        assert_one_line(answer)
        assert answer.exit_code == 2
        assert re.search("can't be (written|made).*Permission denied", answer.stderr), answer.stderr
        assert not list(Path("closed").iterdir())
