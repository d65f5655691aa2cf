"""Names in a stranger's store, file or network never steer the terminal, hide, or change the reading order."""

import ast
import csv
import io
import json
import os
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from support.measured_rows import row
from support.measured_stores import failed, measured

from diffstab import Store
from diffstab.checks import escaped
from diffstab.cli import main
from diffstab.cli.echo import echo_file, line, plain_console
from diffstab.figures.drawing.files import table_csv
from diffstab.figures.points.networks import labels_of
from diffstab.pages.page import page, safe_json
from diffstab.store.entry import measured_entry
from diffstab.store.export import exported

CLI = Path(__file__).parents[2] / "diffstab" / "cli"
TITLE, OVERRIDE = "\x1b]0;owned\x07", "\u202egpj.exe\u202c"
LETTERS = "\x00\x07\x08\x1b\x7f\x85\x9b\u061c\u200b\u200e\u200f\u2028"
LETTERS += "\u202a\u202e\u2066\u2069\ufeff\u3164\U000e0041\udc80"
NAMES = (f"timm:{TITLE}net", f"net{OVERRIDE}", "net\x9b2J\r\nnote: all is well", "[bold]net[/bold] :warning:")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A store of rows whose every text holds such letters."""
    store = Store(tmp_path_factory.mktemp("texts") / "store", create=True)
    for number, name in enumerate(NAMES):
        entry = measured_entry(measured(resamples=100))
        entry.row.update(model=name, dataset="set", weights_tag=TITLE, key=f"{number}{TITLE}", device=OVERRIDE)
        store.add(entry)
    store.add(failed(f"job{TITLE}", f"it can't: {OVERRIDE}\nnote: forged"))
    store.close()
    return store.folder


def assert_harmless(text):
    found = set(escaped(text, keep="\n")) ^ set(text)
    assert not found, found


@pytest.mark.parametrize("letter", LETTERS)
def test_each_such_letter_is_escaped(letter):
    shown = escaped(f"a{letter}b")
    assert re.fullmatch(r"a\\[xuU][0-9a-f]{2,8}b", shown)
    assert escaped(shown) == shown


@pytest.mark.parametrize("text", ["lenet-w0.5", "C:\\nets\\é", "日本 語", "نص", "α ≤ ½ 🙂", "a\u00a0b"])
def test_other_texts_stay_as_they_are(text):
    assert escaped(text) == text


@pytest.mark.parametrize(
    "words",
    [
        "results list", "results list status=failed", "results query --columns model,device,key,weights_tag",
        "results query --columns error.message,job", "results check", "results recompute --average mean",
        "results list --json", "results query --json", "results check --json",
    ],
)  # fmt: skip
def test_commands_print_a_strangers_store_harmlessly(cli, hostile, words):
    command, name, *more = words.split()
    answer = cli(command, name, "--store", hostile, *more)
    assert_harmless(answer.output)
    if "--json" in words:
        json.loads(answer.stdout)
    assert not re.search("^note: (all is well|forged)", answer.output, re.M)


def test_rows_are_shown_and_compared_harmlessly(cli, hostile, tmp_path):
    for key in ("0", "2", "job"):
        answer = cli("results", "show", "--store", hostile, key)
        assert answer.exit_code == 0
        assert_harmless(answer.output)
    assert r"\x1b]0;owned\x07" in cli("results", "show", "--store", hostile, "0").stdout
    for words in (("compare", hostile, "--resamples", 100), ("compare", hostile, f"none{TITLE}")):
        answer = cli(*words)
        assert answer.output
        assert_harmless(answer.output)
    answer = cli("report", hostile, "-o", tmp_path / "page.html", "--resamples", 100)
    assert answer.exit_code == 0, answer.output
    assert_harmless(answer.output)
    assert_harmless((tmp_path / "page.html").read_text().replace("\t", ""))


def test_files_are_named_harmlessly(cli, tmp_path):
    path = tmp_path / f"spec{OVERRIDE}.yaml"
    path.write_text("measure: {sed: 1}")
    answer = cli("sweep", path, "--store", tmp_path / "store")
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)
    assert_harmless(answer.stderr)
    assert r"spec\u202egpj.exe\u202c.yaml" in answer.stderr
    assert_harmless(cli("results", "list", "--store", tmp_path / f"no{TITLE}").stderr)


def test_consoles_take_no_markup():
    told = StringIO()
    line(plain_console(file=told, width=80), f"[bold]net[/bold] :warning: {TITLE}\r\n")
    assert told.getvalue() == f"[bold]net[/bold] :warning: {escaped(TITLE)}\\r\\n\n"


class Terminal(StringIO):
    def isatty(self):
        return True


def test_a_file_is_printed_as_it_is_but_to_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    echo_file(f"model\n{TITLE}\n".encode())
    assert terminal.getvalue() == f"model\n{escaped(TITLE)}\n"
    with pytest.raises(ValueError, match="is no text, and stdout is a terminal; name a file with --output"):
        echo_file(b"PAR1\xff")


def test_commands_print_through_one_file():
    """So that no text goes past it."""
    for path in CLI.glob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        named = {ast.unparse(call) for call in calls}
        if path.name != "echo.py":
            assert not {"click.echo", "print", "click.secho", "sys.stdout.write", "Console"} & named, path.name


def test_pages_and_figures_show_such_letters():
    assert_harmless(safe_json({"model": OVERRIDE, OVERRIDE: [TITLE]}))
    assert json.loads(safe_json({"model": OVERRIDE}))["model"] == escaped(OVERRIDE)
    assert_harmless(page(f"a{OVERRIDE}", "", [], [], {}))
    assert labels_of([f"a{TITLE}", "$x^$"]) == {f"a{TITLE}": escaped(f"a{TITLE}"), "$x^$": r"\$x^\$"}


def test_rows_that_were_edited_are_left_out_everywhere_and_told(cli, tmp_path):
    store = Store(tmp_path / "store", create=True)
    for seed in (0, 1, 2):
        store.add(measured(seed, resamples=100))
    store.close()
    (path,) = (tmp_path / "store" / "rows").iterdir()
    first, second, third = path.read_text().splitlines()
    edited = json.dumps({**json.loads(second), "R": {"value": 1e-9, "low": 0.0, "high": 1.0}})
    path.write_text("\n".join([first, edited, third]) + "\n")
    page = tmp_path / "page.html"
    for words in ("results list", "results list --json", "results query", "results export", "report", "compare"):
        command, *more = words.split()
        where = ["--store", store.folder] if command == "results" else [store.folder]
        answer = cli(command, *more, *where, *(["-o", page, "--resamples", 100] if command == "report" else []))
        note = f"note: {path.name}, line 2: changed since it was written (its checksum differs); it is left out\n"
        assert answer.stderr.startswith(note), words
        assert "1e-09" not in answer.stdout + (page.read_text() if page.exists() else ""), words
    assert len(Store(store.folder)) == 2
    assert "changed since it was written" in cli("results", "check", "--store", store.folder).stdout


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_a_spreadsheet_finds_no_formula(cli, begin):
    one = {**row(f"{begin}1+1|' /C calc'!A0"), "seed": -1, "note": {begin: "a"}}
    plain = exported([one], "csv").decode()
    assert f"{begin}1+1" in plain  # as it is
    text = exported([one], "csv", for_spreadsheets=True).decode()
    assert not re.search(f'(^|[,\n"]){re.escape(begin)}1\\+1', text)
    assert f"'{begin}1+1" in text
    assert ",-1," in text  # a number
    with pytest.raises(ValueError, match="for_spreadsheets is for CSV"):
        exported([one], "parquet", for_spreadsheets=True)


def test_a_return_ends_no_line_of_a_csv():
    rows = [{**row("a\r=1+1"), "seed": 2}, row("b")]
    for content in (exported(rows, "csv"), exported(rows, "csv", for_spreadsheets=True)):
        lines = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        assert [line["model"] for line in lines] == ["a\r=1+1", "b"]
        assert lines[0]["seed"] == "2"


def test_layers_are_named_harmlessly(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = f"layers_of_{tmp_path.name}"
    code = f"""
from torch import nn
net = nn.Sequential()
net.add_module("flat", nn.Flatten())
net.add_module({OVERRIDE.replace(".", "")!r}, nn.Linear(784, 10))
"""
    (tmp_path / f"{module}.py").write_text(code)
    words = ("measure", "--model", f"{module}:net", "--images", 10, "--resamples", 100, "--layers", "all")
    answer = cli(*words)
    assert answer.exit_code == 0, answer.output
    assert_harmless(answer.output)
    assert r"\u202egpjexe" in answer.stdout


MEASURE = "measure --model fc_l2 --weights init --images 5 --resamples 100 --dataset folder --data-dir 日本 --store 店"
COMMANDS = f"""{MEASURE}
{MEASURE} --json
{MEASURE} --seed 1 --output 行.json --report 表.html
results list --store 店
results export --store 店 -o 表.csv
results check --store 店
report 店 -o 表.html --resamples 100
deform 日本/α/1.png 日.png
explore 日本/α/1.png -o 日.html"""


@pytest.mark.parametrize("charset", ["latin-1", "cp1252", "ascii"])
def test_letters_that_a_terminals_encoding_lacks_stop_no_command(tmp_path, monkeypatch, charset):
    """Nor do names of folders that are no text."""
    monkeypatch.chdir(tmp_path)
    for name in ("α", os.fsdecode(b"odd\xff")):
        (Path("日本") / name).mkdir(parents=True)
        for number in range(3):
            picture = np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8)
            Image.fromarray(picture).save(Path("日本") / name / f"{number}.png")
    told = ""
    for words in COMMANDS.splitlines():
        answer = CliRunner(charset=charset).invoke(main, words.split())
        assert answer.exit_code == 0, (words, answer.output)
        told += answer.output
    assert r"odd\udcff 3" in told
    assert charset == "ascii" or r"\u65e5.png: " in told  # for ASCII click takes UTF-8
    assert json.loads(Path("行.json").read_text())["dataset"] == "folder"


def test_tables_of_figures_hold_names_that_are_no_text():
    assert table_csv([{"model": "net\udcff"}]) == b"model\nnet\\udcff\n"
