"""The README's Python lines run, and the commands it shows exist."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click import Group

from diffstab.cli import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_are_python_lines():
    assert len(BLOCKS) == 3


@pytest.mark.parametrize("block", BLOCKS)
def test_python_lines_run(block, capsys):
    exec(compile(block, "README.md", "exec"), {})
    if "measure(" in block:  # at most 6 lines give the numbers that README shows for the command
        assert len(block.splitlines()) <= 6
        for line in capsys.readouterr().out.splitlines()[1:-1]:
            assert f"    {line}\n" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_lines_of_the_pages_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(compile(block, page.name, "exec"), names)


@pytest.mark.parametrize(
    ("page", "command"),
    [
        ("quick-start.md", "measure --model lenet"),
        ("your-own-model.md", "measure --model own:Net --checkpoint own.safetensors --images 200"),
    ],
)
def test_numbers_of_a_page_are_the_commands(cli, page, command, tmp_path, monkeypatch):
    """The first numbers that a newcomer sees are of the same images, whichever way they are had."""
    monkeypatch.chdir(tmp_path)
    names, text = {}, (ROOT / "docs" / page).read_text()
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, page, "exec"), names)
        if found := re.search(r"^class Net.*?\n\n\n", block, re.DOTALL | re.MULTILINE):
            Path("own.py").write_text(f"import torch\nfrom torch import nn\n\n\n{found[0]}")
    answer = cli(*command.split(), "--json")
    assert answer.exit_code == 0, answer.stderr
    row, result = json.loads(answer.stdout), names["result"]
    assert row["R"] == pytest.approx(result.R._asdict(), rel=1e-6)
    assert (row["data_sha256"], row["weights_sha256"]) == (result.data_sha256, result.weights_sha256)
    assert "classes" not in answer.stderr.replace("10 classes", "")  # a random choice has all of them


def commands_of(page):
    """The words after `diffstab` of each command shown in a block, without what is said beside it."""
    text = page.read_text().replace("\\\n", " ")
    for line in re.findall(r"^    (?:torchrun .* -m )?diffstab (.*)$", text, re.MULTILINE):
        yield shlex.split(re.sub(r"\s{3,}.*$", "", line).replace("INPUT", "96"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_the_pages_are_understood(page, tmp_path, monkeypatch):
    """Each option and argument, without running."""
    monkeypatch.chdir(tmp_path)
    Path("SPEC.yaml").touch()
    for name, *words in commands_of(page):
        command = main.commands[name]
        while isinstance(command, Group):
            command = command.get_command(None, words.pop(0))
        command.make_context(name, words)


@pytest.mark.parametrize("page", ["quick-start.md"])
def test_commands_of_the_first_page_run(cli, page, tmp_path, monkeypatch):
    """As written, but of 40 images."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "diffstab" / "data" / "embedded" / "photos", "images")
    for name, *words in commands_of(ROOT / "docs" / page):
        answer = cli(name, *words, *(["--images", "40"] if name == "measure" else []))
        assert answer.exit_code == 0, (name, words, answer.stderr)
    assert {"deformed.png", "results", "report.html"} <= {path.name for path in tmp_path.iterdir()}


def test_commands_shown_are_accepted(cli, tmp_path, monkeypatch):
    """As written, but for the folder of what they write, and smaller networks to measure."""
    monkeypatch.chdir(ROOT)
    spec = tmp_path / "sweep.yaml"
    spec.write_text((ROOT / "docs" / "sweep.yaml").read_text().replace("resnet18", "lenet"))
    lines = re.findall(r"^    diffstab (.*)$", README, re.MULTILINE)
    assert len(lines) == 14
    written = ("deformed.png", "results", "results.csv", "figures", "explorer.html", "report.html")
    for line in lines:
        if line.startswith("figure"):  # to another folder, and without the minutes of measuring
            line = f"{line} --output figures" if "--run" not in line else f"{line} --help"
        line += " --output explorer.html" if line == "explore" else ""
        for shown, smaller in {
            "--model resnet18": "--model fc_l4",
            "docs/sweep.yaml": str(spec),
            "compare results fc_l4 resnet18": "compare results fc_l4 lenet",
        }.items():
            line = line.replace(shown, smaller)
        command, *words = shlex.split(line)
        arguments = [str(tmp_path / word) if word in written else word for word in words]
        answer = cli(command, *arguments)
        assert answer.exit_code == 0, answer.stderr
    assert {path.name for path in tmp_path.iterdir()} == {*written, spec.name}
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 9


def test_commands_in_the_text_exist():
    """Options of commands that are shown within a line, in the README and the pages of docs."""
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for line in re.findall(r"`diffstab ([^`]*)`", page.read_text()):
            name, *words = line.split()
            command = main.commands[name]
            if isinstance(command, Group) and words and not words[0].startswith("-"):
                command = command.get_command(None, words[0])
            known = {flag for parameter in command.params for flag in parameter.opts}
            used = set(re.findall(r"--[a-z-]+", line))
            assert used <= known | {"--help"}, (page.name, line)


def test_pictures_shown_exist():
    for name in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / name).exists()
