"""A YAML file as it is written: mappings, lists and single values, each with its place and without conversion.

YAML reads 010 as 8, 1:30 as 90 and yes as true. `scalars` converts a value to what it looks like, or refuses it.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ..checks import escaped
from ..reading import read_text

LARGEST_FILE = 1_000_000  # bytes
MOST_VALUES = 20_000  # names, values, lists and mappings; PyYAML reads about 10,000 of them per second
LONGEST_TEXT = 5_000  # characters of a value
SHOWN = 200  # characters of a value in a message
KEPT = "\t\u200c\u200d\xad"  # allowed though invisible: tabs, joiners and soft hyphens
KINDS = {  # kinds of plain values, by YAML's tags
    "int": "number",
    "float": "number",
    "bool": "bool",
    "null": "null",
    "timestamp": "date",
}


class PlacedError(ValueError):
    """Error at a place in the file; its message is the line, the column and `text`."""

    def __init__(self, line: int, column: int, text: str) -> None:
        self.text = text
        super().__init__(f"line {line}, column {column}: {text}")


@dataclass(frozen=True)
class Node:
    """A part of the file.

    Attributes:
        value: A mapping from names to nodes, a list of nodes, or a text as it is written.
        line, column: Place where the part begins, counted from 1.
        kind: Type that YAML gives to a single value: `text`, `quoted`, `number`, `bool`, `null`, `date`; `tree` for
            mappings and lists.
        name: Node of the part's name, if it stands in a mapping.
    """

    value: Any
    line: int
    column: int
    kind: str = "tree"
    name: "Node | None" = None

    def __str__(self) -> str:
        """Returns the part as it is written, shortened for messages."""
        if isinstance(self.value, dict):
            return "{" + ", ".join(f"{name}: {node}" for name, node in self.value.items())[:SHOWN] + "}"
        if isinstance(self.value, list):
            return "[" + ", ".join(map(str, self.value))[:SHOWN] + "]"
        text = self.value if len(self.value) <= SHOWN else f"{self.value[:SHOWN]}..."
        return repr(text) if self.kind in ("text", "quoted") else text

    def refused(self, text: str) -> PlacedError:
        """Makes an error at the node's place."""
        return PlacedError(self.line, self.column, text)

    def misnamed(self, text: str) -> PlacedError:
        """Makes an error at the place of the node's name."""
        return (self.name or self).refused(text)


class _Loader(yaml.SafeLoader):
    """Loader that refuses aliases (a short file could stand for a huge one), tags, long texts and too many nodes."""

    count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.AliasEvent):
            raise PlacedError(line, column, "aliases (*name) are not read; write the value out")
        if getattr(event, "tag", None) is not None:
            raise PlacedError(line, column, f"tags ({event.tag}) are not read; write the value alone")
        self.count += 1
        if self.count > MOST_VALUES:
            text = f"the file holds more than {MOST_VALUES:,} names and values, the most allowed; split it"
            raise PlacedError(line, column, text)
        if len(getattr(event, "value", "")) > LONGEST_TEXT:
            text = f"a text has {len(event.value):,} characters; at most {LONGEST_TEXT:,} are allowed"
            raise PlacedError(line, column, text)
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> Node:
    """Returns the file's mapping.

    Raises:
        ValueError: If the file can't be read, is no YAML (with line and column), is no mapping, or has an invisible
            character, a doubled name or several documents.
    """
    text = _text(path)
    try:
        _refuse_invisible(text)
        composed = yaml.compose(text, Loader=_Loader)
        content = None if composed is None else _node(composed)
    except PlacedError as error:
        raise ValueError(f"{path}, {error}") from error
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValueError(f"{path}{where}: {_reason(error)}") from error
    if content is None or not isinstance(content.value, dict):
        raise ValueError(f"{path} holds {_what(content)}; a mapping with measure: (and train:) is needed")
    return content


def _text(path: Path) -> str:
    try:
        # utf-8-sig drops a byte order mark, which means nothing in UTF-8
        return read_text(path, most=LARGEST_FILE, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ValueError(f"{str(path)!r} can't be read ({why}); name a YAML file") from error


def _refuse_invisible(text: str) -> None:
    """Raises PlacedError at the first character that is invisible or changes how others look."""
    if escaped(text, keep=f"\n\r{KEPT}") == text:
        return
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        for column, letter in enumerate(line, start=1):
            if escaped(letter, keep=KEPT) != letter:
                raise PlacedError(number, column, f"the character {escaped(letter)} does not show; leave it out")


def _node(node: Any) -> Node:
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if isinstance(node, yaml.MappingNode):
        return Node(_mapping(node), line, column)
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(one) for one in node.value], line, column)
    kind = "quoted" if node.style else KINDS.get(node.tag.rpartition(":")[2], "text")
    return Node(node.value, line, column, kind)


def _mapping(node: Any) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key_node, value_node in node.value:
        key = _node(key_node)
        if key.value == "<<" and key.kind == "text":
            raise key.refused("merge keys (<<) are not read; write the values out")
        if key.kind not in ("text", "quoted"):
            raise key.refused(f"the key {key} is no name; a text is needed")
        if key.value in found:
            raise key.refused(
                f"{key.value!r} comes twice, first in line {found[key.value].line}; leave one of them out"
            )
        found[key.value] = replace(_node(value_node), name=key)
    return found


def _reason(error: Exception) -> str:
    """Returns PyYAML's message, or a plainer one for its obscure messages."""
    problem = str(getattr(error, "problem", None) or error)
    if isinstance(error, RecursionError):
        return "it nests too deeply"
    if "'\\t'" in problem:
        return "a tab stands where YAML takes none; indent with spaces"
    if "another document" in problem:
        return "a second document begins (---); a sweep's file holds one"
    return problem


def _what(content: Node | None) -> str:
    if content is None or content.kind == "null":
        return "nothing"
    return "a list" if isinstance(content.value, list) else f"a single value, {content}"
