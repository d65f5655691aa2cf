"""Write docs/errors.md: every error of the package, and what to do about it. It runs when the pages are built.

    python scripts/maintain/list_errors.py

The messages are read from the source. Most say what to do after a semicolon; docs/cures.yaml has the others. An error
with neither makes the script, and the tests, fail.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from diffstab.writing import write_atomically

ROOT = Path(__file__).resolve().parents[2]
PAGE, CURES = ROOT / "docs" / "errors.md", ROOT / "docs" / "cures.yaml"
PLACES = {
    "Options and settings": "__init__ checks reading writing options results",
    "Measuring": "measuring processes perturbations streams",
    "Fields and deformation": "fields native",
    "Networks and weights": "models",
    "Images and data sets": "data",
    "Statistics, comparing and correlating": "statistics",
    "Training and experiments": "training experiments",
    "Stores": "store",
    "Sweeps and clusters": "sweep",
    "Figures and pages": "figures pages",
    "Augmentation": "transforms",
    "Command line and gates": "cli testing",
}
"""Modules and folders whose errors are listed, by heading."""
SAYS_ALL = re.compile(r"needed|must|allowed|pip install|give at most")
HEAD = """# Errors

The library raises ValueError and TypeError, or RuntimeError, ImportError and NotImplementedError where Python or
PyTorch ask for them. The command line prints one line, `Error: ` and the message, on stderr and ends with status 2.
Status 1 is a sweep some of whose jobs failed, 130 an interruption. Nothing half-written is left behind.

Each message says what came, which is the cause, and after a semicolon what to do. ‹name› and … stand for what
came. This page is made from the source when the pages are built.
"""


class Told(NamedTuple):
    """A message, with ‹name› for each value that it fills in, and the module that raises it."""

    module: str
    message: str


def messages() -> Iterator[Told]:
    """Yields the message of every raise in the package, except those that only pass on another error's text."""
    for path in sorted((ROOT / "diffstab").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                module = path.relative_to(ROOT / "diffstab").parts[0].removesuffix(".py")
                yield from (Told(module, text) for text in templates(node.exc.args[0], functions))


def templates(node: ast.expr, functions: dict[str, ast.FunctionDef]) -> Iterator[str]:
    """Yields the texts of an expression; for a call, the texts that the module's function returns."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for inner in ast.walk(functions[name]) if name in functions else ():
            if isinstance(inner, ast.Return) and isinstance(inner.value, ast.JoinedStr | ast.Constant):
                yield from templates(inner.value, {})
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else blank(part) for part in node.values)
        if re.search(r"\w", plain(text)):
            yield text


def blank(part: ast.expr) -> str:
    """Returns ‹name› for a value that a message fills in; ‹› if it has no name."""
    value = getattr(part, "value", None)
    name = getattr(value, "attr", None) or getattr(value, "id", "")
    return f"‹{name.strip('_').lower()}›"


def told(message: str, cures: dict[str, str]) -> tuple[str, str]:
    """Returns the message's first half and what to do. Raises ValueError if nothing says what to do."""
    for beginning, cure in cures.items():
        if plain(message).startswith(beginning):
            return named(message), cure
    cause, _, cure = message.partition("; ")
    if cure or SAYS_ALL.search(message):
        return named(cause), named(cure) or "as it says"
    raise ValueError(f"no cure for {message!r}; say what to do after a semicolon, or in {CURES.name}")


def plain(message: str) -> str:
    """Returns the message with `…` for each value."""
    return re.sub("‹.*?›", "…", message)


def named(message: str) -> str:
    """Returns the message for readers: a value without a name becomes an ellipsis."""
    return message.replace("‹›", "…")


def page() -> str:
    """Returns the whole page."""
    cures = yaml.safe_load(CURES.read_text(encoding="utf-8"))
    found = sorted(set(messages()))
    unplaced = {one.module for one in found} - set(" ".join(PLACES.values()).split())
    if unplaced:
        raise ValueError(f"modules {', '.join(sorted(unplaced))} have no heading; add them to PLACES")
    unused = [beginning for beginning in cures if not any(plain(one.message).startswith(beginning) for one in found)]
    if unused:
        raise ValueError(f"{CURES.name} has cures for no message: {unused}; remove them")
    parts = [HEAD]
    for heading, modules in PLACES.items():
        rows = dict.fromkeys(told(one.message, cures) for one in found if one.module in modules.split())
        lines = [f"| {shown(message)} | {shown(cure)} |" for message, cure in rows]
        parts.append(f"\n## {heading}\n\n| error: what came | what to do |\n| --- | --- |\n" + "\n".join(lines) + "\n")
    return "".join(parts)


def shown(message: str) -> str:
    """Escapes a message for a cell of a Markdown table; code stays code."""
    escaped = re.sub(r"([\[\]*_#|~])", r"\\\1", " ".join(message.split()))
    return re.sub("`.*?`", lambda code: code.group().replace("\\", ""), escaped)


def write() -> None:
    """Writes docs/errors.md."""
    write_atomically(PAGE, page().encode())


if __name__ == "__main__":
    write()
