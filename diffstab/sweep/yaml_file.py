"""A YAML file as plain mappings, lists and scalars; keys that come twice and broken syntax are told by line."""

from pathlib import Path
from typing import Any

import yaml

LARGEST_FILE = 10_000_000  # bytes


class _Loader(yaml.SafeLoader):
    """Safe, without aliases (a short file can stand for a huge one) and without double keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not read", problem_mark=self.peek_event().start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} is no name", problem_mark=key_node.start_mark)
            if key in keys:
                raise yaml.MarkedYAMLError(problem=f"{key!r} comes twice", problem_mark=key_node.start_mark)
            keys.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The file's mapping.

    Raises:
        ValueError: If it can't be read, is no YAML (with line and column) or no mapping.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"{str(path)!r} has {path.stat().st_size:,} bytes; a spec is at most {LARGEST_FILE:,}")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ValueError(f"{str(path)!r} can't be read ({why}); name a YAML file") from error
    try:
        content = yaml.load(text, Loader=_Loader)
    except Exception as error:  # its constructors of numbers and dates raise many kinds
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = (
            "it nests too deeply" if isinstance(error, RecursionError) else getattr(error, "problem", None) or error
        )
        raise ValueError(f"{path}{where}: {reason}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds {_kind(content)}; a mapping with measure: (and train:) is needed")
    return content


def _kind(content: object) -> str:
    return "nothing" if content is None else f"a {type(content).__name__}"
