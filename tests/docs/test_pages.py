"""README and the pages: prompts print what is shown, other commands are understood, links lead somewhere."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from click import Group
from support.pages import PAGES, README, ROOT, blocks, diffstab_words, run_page, understood

from diffstab.cli import main

ALL = [README, *PAGES]
RUN = [page for page in ALL if any(block.language in ("console", "pycon", "python") for block in blocks(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_a_page_prints_what_it_shows(page, tmp_path, monkeypatch):
    """To the digit, as a reader would run it in an empty folder, with the file that the page says to write."""
    monkeypatch.chdir(tmp_path)
    write_own_code(page)
    shown = sum(len(re.findall(r"^\$ diffstab", block.text, re.M)) for block in blocks(page))
    assert run_page(page).agreed >= shown


def write_own_code(page):
    """Writes the class of a page into own.py, as the page says to do."""
    for block in blocks(page):
        if found := re.search(r"^class Net.*?\n\n\n", block.text, re.DOTALL | re.MULTILINE):
            Path("own.py").write_text(f"import torch\nfrom torch import nn\n\n\n{found[0]}")


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.stem)
def test_commands_are_understood(page, tmp_path, monkeypatch):
    """Each option and argument of a block, without running."""
    monkeypatch.chdir(tmp_path)
    for name in ("SPEC.yaml", "sweep.yaml", "own.safetensors"):
        Path(name).touch()
    Path("results").mkdir()
    for words in diffstab_words(page):
        understood(words)


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.stem)
def test_commands_in_the_text_exist(page):
    """Options of commands that are shown within a line."""
    for line in re.findall(r"`diffstab ([a-z][^`]*)`", page.read_text("utf-8")):
        name, *words = line.split()
        command = main.commands[name]
        if isinstance(command, Group) and words and not words[0].startswith("-"):
            command = command.get_command(None, words[0])
        known = {flag for parameter in command.params for flag in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", line)) <= known | {"--help"}, line


def links(text: str) -> list[str]:
    """Targets of links and pictures."""
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


@pytest.mark.parametrize("page", [*ALL, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    """Anchors of pages are checked where the pages are built."""
    for target in links(page.read_text("utf-8")):
        file = page.parent / target.partition("#")[0]
        assert target.startswith(("https://", "#")) or file.exists() or file.name == "errors.md", target


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "command"),
    [
        ("compare", "measure lenet"),
        ("your-own-model", "measure own:Net --checkpoint own.safetensors --images 200"),
    ],
)
def test_numbers_of_a_page_are_the_commands(cli, page, command, tmp_path, monkeypatch):
    """The first numbers that a newcomer sees are of the same images, whichever way they are measured."""
    monkeypatch.chdir(tmp_path)
    write_own_code(ROOT / "docs" / f"{page}.md")
    names = run_page(ROOT / "docs" / f"{page}.md").names
    result = names["result"] if "result" in names else names["results"]["lenet"]
    answer = cli(*command.split(), "--json")
    assert answer.exit_code == 0, answer.stderr
    row = json.loads(answer.stdout)
    assert row["R"] == pytest.approx(result.R._asdict(), rel=1e-6)
    assert (row["data_sha256"], row["weights_sha256"]) == (result.data_sha256, result.weights_sha256)
    assert "classes" not in answer.stderr.replace("10 classes", "")  # a random choice has all of them


TERMS = {  # by their places in the glossary
    "cell": "cells?", "convention": "conventions?", "cutoff": "cutoffs?", "draw": r"draws?(?= of| per)", "eta": "eta",
    "fold": "folds?", "row": "rows?", "tau": "tau", "temperature": "temperatures?", "xi": "Xi",
}  # fmt: skip
GENERATED = {"api", "commands", "errors", "figures", "predicting-error"}
WITHOUT_LINKS = GENERATED | {"checks", "glossary", "index", "overview", "security"}


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in WITHOUT_LINKS], ids=lambda page: page.stem)
def test_terms_are_linked_or_explained_at_first_use(page):
    """`code` and blocks do not count, nor do headings."""
    text = re.sub(r"^```.*?^```$|^    .*$|^#.*$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    parts = re.split(r"\n\s*\n|\n(?=- |\||\d\. )", text)
    for term, words in TERMS.items():
        used = rf"(?<![\w-]){words}(?![\w-])"
        first = next((part for part in parts if re.search(used, re.sub(r"`[^`]*`|\]\([^)]*\)", "", part))), "")
        explained = rf"{used}\*{{0,2}} (is|are) |{used}, (the|a|how)\b|\]\({term}s\.md"
        assert not first or f"glossary.md#{term}" in first or re.search(explained, first), (term, first)


def test_readme_is_short_and_complete_by_itself():
    """At most 130 lines; where it is shown alone, as the installed package has it, no link is relative."""
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 130
    (python,) = [block.text for block in blocks(README) if block.language == "pycon"]
    assert len(python.splitlines()) <= 6
    hook = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["metadata"]["hooks"]
    for rule in hook["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    assert len(links(text)) == len(links(README.read_text("utf-8")))
    assert [target for target in links(text) if not target.startswith("https://")] == []
