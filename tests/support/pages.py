"""The code blocks of README and the pages, and what running one as a reader prints."""

import contextlib
import doctest
import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.testing import CliRunner

from diffstab.cli import main

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
FLAGS = doctest.ELLIPSIS
ELSEWHERE = {"pip", "git", "cd", "make"}  # commands that install, which another check runs


class Block(NamedTuple):
    """A fenced block: `console` and `pycon` have prompts and outputs, `bash` only commands."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Those with a language, in order."""
    return [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text("utf-8"), re.S | re.M)]


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """(command, output shown) of a console block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def diffstab_words(page: Path) -> Iterator[list[str]]:
    """The words after `diffstab` of each command of a page, without comments."""
    for block in blocks(page):
        if block.language in ("bash", "console"):
            text = block.text.replace("\\\n", " ")
            for line in re.findall(r"^(?:\$ )?(?:torchrun .* -m |\S* -- )?diffstab (.*)$", text, re.MULTILINE):
                yield shlex.split(line.replace("INPUT", "96"), comments=True)


def understood(words: list[str]) -> None:
    """Raises if the command line does not take these words. Nothing runs."""
    command: click.Command | None = main
    while isinstance(command, click.Group) and not words[0].startswith("-"):  # such as --version
        command = command.get_command(click.Context(main), words[0])
        words = words[1:]
    assert command, words
    with contextlib.suppress(click.exceptions.Exit):  # options that print and end
        command.make_context(command.name, list(itertools.takewhile(lambda word: word != ">", words)))


def printed(command: str) -> str:
    """What a command prints on stdout, run in the current folder."""
    command, _, file = command.partition(" > ")
    program, *words = shlex.split(command)
    if program == "python":
        script = ROOT / words[0]
        rest = [str(ROOT / word) if (ROOT / word).exists() else word for word in words[1:]]
        run = subprocess.run([sys.executable, script, *rest], capture_output=True, text=True, check=True)
        return run.stdout
    assert program == "diffstab", command
    answer = CliRunner().invoke(main, words)
    assert answer.exit_code == 0, (command, answer.stderr)
    if file:
        Path(file).write_text(answer.stdout)
        return ""
    return answer.stdout


def agree(shown: str, output: str) -> bool:
    """Whether the output is what is shown, `...` standing for anything; seconds differ from run to run."""
    shown, output = (re.sub(r"[\d.]+ s$", "SECONDS", text.strip(), flags=re.MULTILINE) for text in (shown, output))
    return doctest.OutputChecker().check_output(f"{shown}\n", f"{output}\n", FLAGS)


class Ran(NamedTuple):
    """How many outputs of a page agreed, and the names that its Python blocks left."""

    agreed: int
    names: dict[str, Any]


def run_page(page: Path) -> Ran:
    """Runs all blocks of a page in order, in the current folder.

    Raises AssertionError where one differs from what is shown.
    """
    names: dict[str, Any] = {"__name__": "page"}
    count = 0
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, page.name, "exec"), names)
        elif block.language == "pycon":
            test = doctest.DocTestParser().get_doctest(block.text, names, page.name, page.name, 0)
            said: list[str] = []
            failed = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append, clear_globs=False).failed
            assert not failed, "".join(said)
            names, count = test.globs, count + sum(bool(example.want) for example in test.examples)
        elif block.language == "console":
            for command, shown in commands(block):
                if command.split()[0] not in ELSEWHERE:
                    output = printed(command)
                    assert agree(shown, output), f"{page.name}: {command}\nshown:\n{shown}\nprinted:\n{output}"
                    count += 1
    return Ran(count, names)
