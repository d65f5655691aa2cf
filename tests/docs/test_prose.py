"""Plain English: a docstring, an argument's description or a line of help begins with a verb or the noun itself."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

import diffstab
from diffstab.cli import main

ROOT = Path(__file__).parents[2]
FORBIDDEN = set(
    "of those that what which whether how where when likewise as by with for in from if it its they them their such so "
    "also and or but not ditto".split()
)
LEANING = ("likewise", "see above", "as above", "ditto")  # words of a line of help that needs another line
LISTS = ("Args", "Attributes", "Raises")
CONDITION = "if"  # allowed after the name of an error, as Google's style has it: "ValueError: If the file is missing."
LEAST_WORDS = 3
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Text(NamedTuple):
    """Words that a reader sees, and the place to mend them."""

    path: str
    line: int
    name: str
    words: str
    is_error: bool = False


def entries(docstring: str) -> Iterator[tuple[int, str, str, bool]]:
    """(line, name, description, is it an error) of what Args, Attributes and Raises list; the first line is 0."""
    lines = inspect.cleandoc(docstring).splitlines()
    heading = ""
    for number, line in enumerate(lines):
        if line and not line.startswith(" "):
            heading = line.rstrip(":") if line.endswith(":") else ""
        elif heading in LISTS and (entry := re.match(r" {4}(\S.*?):(?: (.*))?$", line)):
            following = lines[number + 1].strip() if number + 1 < len(lines) else ""
            yield number, entry[1], entry[2] or following, heading == "Raises"


def texts_of(source: str, path: str) -> Iterator[Text]:
    """Docstrings of a module and of all that it defines, and their entries."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and (docstring := ast.get_docstring(node, clean=False)) is not None:
            name, line = getattr(node, "name", "module"), node.body[0].lineno
            yield Text(path, line, name, docstring)
            for below, entry, description, is_error in entries(docstring):
                yield Text(path, line + below, f"{name}: {entry}", description, is_error)


def docstrings() -> list[Text]:
    paths = sorted(path for room in ("diffstab", "scripts") for path in (ROOT / room).rglob("*.py"))
    return [text for path in paths for text in texts_of(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))]


def commands(group: click.Command, path: str = "diffstab") -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it, groups included."""
    yield path, group
    if isinstance(group, click.Group):
        for name in group.list_commands(click.Context(group)):
            yield from commands(group.get_command(click.Context(group), name), f"{path} {name}")


def helps() -> list[Text]:
    """The first paragraph of each command's help, and each option's; `line` is that of the command's function."""
    found = {}
    for path, command in commands(main):
        code = inspect.unwrap(command.callback).__code__ if command.callback else main.callback.__code__
        place = str(Path(code.co_filename).relative_to(Path(diffstab.__file__).parents[1])), code.co_firstlineno
        shown = [("", command.help)]
        shown += [(f" {option.opts[0]}", option.help) for option in command.params if isinstance(option, click.Option)]
        for name, words in shown:
            text = Text(*place, path + name, re.split(r"\n\s*\n|\x08", words or "")[0])
            found.setdefault((place[0], name, text.words), text)  # figures share their options
    return list(found.values())


def first_word(words: str) -> str:
    return (re.findall(r"[\w'-]+", words) or [""])[0].lower()


def begins_badly(text: Text) -> bool:
    """True if the first word leaves out the verb or the noun."""
    word = first_word(text.words)
    return word in FORBIDDEN and not (text.is_error and word == CONDITION)


def leans(words: str) -> bool:
    """True if a line of help isn't understood without another one."""
    plain = re.sub(r"\s*\[[^]]*\]$", "", " ".join(words.split()))
    short = len(re.findall(r"[\w'-]+", plain)) < LEAST_WORDS
    return short or not plain.endswith(".") or any(re.search(rf"\b{word}\b", plain.lower()) for word in LEANING)


def listed(texts: list[Text], fault: str) -> str:
    """One message with all places, and how many each room has."""
    rooms = [str(Path(text.path).parent) for text in texts]
    counts = "\n".join(f"  {room}: {rooms.count(room)}" for room in sorted(set(rooms)))
    places = "\n".join(f"{t.path}:{t.line}: {t.name}: {' '.join(t.words.split())[:70]!r}" for t in texts)
    return f"{len(texts)} {fault}\n{places}\nby room:\n{counts}"


def test_docstrings_and_their_entries_begin_with_a_verb_or_the_noun():
    bad = [text for text in docstrings() if begins_badly(text)]
    assert not bad, listed(bad, "begin with a word that leaves out the verb or the noun")


def test_help_begins_with_a_verb_or_the_noun():
    bad = [text for text in helps() if begins_badly(text)]
    assert not bad, listed(bad, "begin with a word that leaves out the verb or the noun")


def test_help_stands_alone():
    bad = [text for text in helps() if leans(text.words)]
    assert not bad, listed(bad, f"need {LEAST_WORDS} words, a period at the end, and no word for another line")


@pytest.mark.parametrize(
    ("words", "is_error", "bad"),
    [
        ("Of Student's t.", False, True),
        ("`what` it is.", False, True),
        ("Its size.", False, True),
        ("If it is missing.", False, True),
        ("If the file is missing.", True, False),
        ("As `measure`.", True, True),
        ("None if no interval can be given.", False, False),
        ("Office hours.", False, False),
    ],
)
def test_first_words_are_seen(words, is_error, bad):
    assert begins_badly(Text("a.py", 1, "a", words, is_error)) == bad


@pytest.mark.parametrize(
    ("words", "bad"),
    [
        ("Standard deviation per channel.", False),
        ("Standard deviation per channel.  [default: 1]", False),
        ("Compare with this row.  [without KEY: the newest]", False),
        ("Standard deviation per channel", True),
        ("The deviation.", True),
        ("Deviation of channels, ditto.", True),
        ("Standard deviation, as\nabove.", True),
        ("", True),
    ],
)
def test_help_that_needs_another_line_is_seen(words, bad):
    assert leans(words) == bad


def test_every_kind_of_text_is_read():
    source = '''"""Module."""
class Shape:
    """A shape.

    Attributes:
        size, side: As before.
            More: of it.
        what:
            In pixels.
    """

    async def area(self):
        """Area.

        Raises:
            ValueError: If there is none.
        """

        def inner():
            """Of one."""
'''
    found = [(text.line, text.name, text.words.split("\n")[0]) for text in texts_of(source, "shape.py")]
    assert sorted(found) == [
        (1, "module", "Module."),
        (3, "Shape", "A shape."),
        (6, "Shape: size, side", "As before."),
        (8, "Shape: what", "In pixels."),
        (13, "area", "Area."),
        (16, "area: ValueError", "If there is none."),
        (20, "inner", "Of one."),
    ]
    names = {text.name for text in helps()}
    assert {"diffstab", "diffstab results", "diffstab results list", "diffstab measure --std"} <= names
