"""Tables as text: a header and lines whose cells stand one below the other."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from ..checks import escaped

SEPARATOR = "\t"  # of cells in a line that is kept; cells show it as \\t


def shown(value: Any) -> str:
    """A value as a table's cell: four digits are enough to look at."""
    if type(value) in (str, Right):
        return value if value.isascii() and value.isprintable() else escaped(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else escaped(str(value))


class Columns:
    """A table whose lines come one by one, each kept as one text, and are printed when all widths are known."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [shown(name) for name in names]
        self._lengths = {tuple(map(len, self._names))}  # of cells side by side; there are few
        self._types: set[tuple[type, ...]] = {(str,) * len(self._names)}  # of values side by side

    def line(self, values: Sequence[Any]) -> str:
        """A line, as `formatted` takes it."""
        cells = [shown(value) for value in values]
        self._lengths.add(tuple(map(len, cells)))
        self._types.add(tuple(map(type, values)))
        return SEPARATOR.join(cells)

    def formatted(self, lines: Iterable[str]) -> Iterator[str]:
        """The header and the lines, numbers to the right."""
        widths = [max(lengths) for lengths in zip(*self._lengths, strict=True)]
        right = [
            any(issubclass(kind, (int, float, Right)) for kind in kinds) for kinds in zip(*self._types, strict=True)
        ]
        form = "  ".join(f"%{'' if number else '-'}{width}s" for width, number in zip(widths, right, strict=True))
        head = SEPARATOR.join(self._names)
        return ((form % tuple(line.split(SEPARATOR))).rstrip() for line in chain([head], lines))


class Right(str):
    """A text that stands to the right in its column, as numbers do."""


def columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """A header and one line per row, numbers to the right.

    >>> columns(("network", "R_f"), [("lenet", 2.19), ("resnet18", 0.092)])
    ['network     R_f', 'lenet      2.19', 'resnet18  0.092']
    """
    table = Columns(names)
    return list(table.formatted([table.line(row) for row in rows]))
