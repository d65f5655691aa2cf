"""Printing for all commands: text from a file, a store or a network can't control the terminal or hide.

Control letters, and letters that change the reading order, are printed escaped, as `\\x1b` and `\\u202e`. Commands
print only through this file.
"""

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from ..checks import escaped

if TYPE_CHECKING:
    from rich.console import Console


def show_all() -> None:
    """Makes stdout and stderr escape letters that their encoding lacks, so that no text fails to print."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def echo(text: object = "", *, err: bool = False) -> None:
    """Prints one line, to stdout or to stderr."""
    click.echo(escaped(str(text)), err=err)


def echo_lines(texts: Iterable[str]) -> None:
    """Prints lines on stdout, a thousand at a time."""
    for some in batched(texts):
        click.echo("\n".join(map(escaped, some)))


def print_columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a header and one line per row, numbers to the right, never cut to the terminal's width."""
    from ..results import columns

    echo_lines(columns(names, rows))


def echo_json(value: Any) -> None:
    """Prints a value as JSON on stdout, in ASCII; an iterator becomes a list, printed as it comes."""
    if not isinstance(value, Iterator):
        click.echo(_json(value))
        return
    between = "["
    for some in batched(value):
        click.echo(between + ", ".join(map(_json, some)), nl=False)
        between = ", "
    click.echo("]" if between != "[" else "[]")


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f")


def batched(values: Iterable[Any], size: int = 1000) -> Iterator[list[Any]]:
    """Yields the values in lists of `size`."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some


def echo_file(content: bytes) -> None:
    """Prints a file's content to stdout: unchanged, or escaped if stdout is a terminal."""
    if not sys.stdout.isatty():
        click.echo(content, nl=False)
        return
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError("the content is no text, and stdout is a terminal; name a file with --output") from error
    for line in lines:
        echo(line)


def plain_console(**options: Any) -> "Console":
    """Makes a rich console that prints texts without markup; `line` prints on it."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False, **options)


def line(console: "Console", text: str, keep: str = "") -> None:
    """Prints one line on a console; the letters in `keep` are not escaped."""
    console.print(escaped(text, keep))
