"""Tables as text: a header line and one line per row, with aligned columns."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from ..checks import escaped
from ..statistics import Interval

SEPARATOR = "\t"  # between the cells of a kept line; a tab inside a cell is shown as \\t


def shown(value: Any) -> str:
    """Returns a value as the text of a table's cell; floats get four significant digits, None becomes `-`."""
    if type(value) in (str, Right):
        return value if value.isascii() and value.isprintable() else escaped(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else escaped(str(value))


def ends(interval: Interval) -> str:
    """Returns the ends of an interval as the text of a table's cell."""
    return f"{interval.low:.3g} to {interval.high:.3g}"


class Columns:
    """Builds a table line by line: each line is kept as one text until the widths of all columns are known.

    Args:
        names: Names of the columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [shown(name) for name in names]
        self._lengths = {tuple(map(len, self._names))}  # every combination that occurred; there are few
        self._types: set[tuple[type, ...]] = {(str,) * len(self._names)}  # every combination that occurred

    def line(self, values: Sequence[Any]) -> str:
        """Returns the values as one line for `formatted`, and remembers their widths and types."""
        cells = [shown(value) for value in values]
        self._lengths.add(tuple(map(len, cells)))
        self._types.add(tuple(map(type, values)))
        return SEPARATOR.join(cells)

    def formatted(self, lines: Iterable[str]) -> Iterator[str]:
        """Yields the header and the lines as printed; columns with numbers are aligned to the right."""
        widths = [max(lengths) for lengths in zip(*self._lengths, strict=True)]
        right = [
            any(issubclass(kind, (int, float, Right)) for kind in kinds) for kinds in zip(*self._types, strict=True)
        ]
        form = "  ".join(f"%{'' if number else '-'}{width}s" for width, number in zip(widths, right, strict=True))
        head = SEPARATOR.join(self._names)
        return ((form % tuple(line.split(SEPARATOR))).rstrip() for line in chain([head], lines))


class Right(str):
    """Text that is aligned to the right in its column, as numbers are."""


def columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Returns a header and one line per row; columns with numbers are aligned to the right.

    Args:
        names: Names of the columns.
        rows: Values of each row, in the order of the columns.

    >>> columns(("network", "R_f"), [("lenet", 2.19), ("resnet18", 0.092)])
    ['network     R_f', 'lenet      2.19', 'resnet18  0.092']
    """
    table = Columns(names)
    return list(table.formatted([table.line(row) for row in rows]))
