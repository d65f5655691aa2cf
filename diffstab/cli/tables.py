"""Plain aligned tables on stdout: whole in a terminal and in a pipe."""

from collections.abc import Sequence
from typing import Any

import click


def shown(value: Any) -> str:
    """A value as a table's cell: four digits are enough to look at."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def print_columns(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A header and one line per row, numbers to the right."""
    texts = [[shown(value) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[k]) for row in texts)]) for k, name in enumerate(columns)]
    right = [any(isinstance(row[k], (int, float)) for row in rows) for k in range(len(columns))]
    for line in [list(columns), *texts]:
        cells = [text.rjust(w) if r else text.ljust(w) for text, w, r in zip(line, widths, right, strict=True)]
        click.echo("  ".join(cells).rstrip())
