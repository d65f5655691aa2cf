"""The README's Python lines run, and the commands it shows exist."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from diffstab.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_are_python_lines():
    assert len(BLOCKS) == 2


@pytest.mark.parametrize("block", BLOCKS)
def test_python_lines_run(block):
    exec(compile(block, "README.md", "exec"), {})


def test_commands_shown_are_accepted(tmp_path, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    lines = re.findall(r"^    diffstab (.*)$", README, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        arguments = line.replace("resnet18", "fc_l4").replace("deformed.png", str(tmp_path / "deformed.png")).split()
        answer = CliRunner().invoke(main, arguments)
        assert answer.exit_code == 0, answer.stderr
    assert (tmp_path / "deformed.png").exists()


def test_pictures_shown_exist():
    for name in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (Path(__file__).parents[1] / name).exists()
