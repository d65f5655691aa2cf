"""Tables on stdout, whole in a terminal and in a pipe: rows of a store, and one measurement with its layers."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .echo import echo_lines

if TYPE_CHECKING:
    from ..results import StabilityResult


def print_columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A header and one line per row, numbers to the right."""
    from ..results import columns

    echo_lines(columns(names, rows))


def print_results(result: "StabilityResult", init: "StabilityResult | None") -> None:
    """Prints a network, and the same at initialisation where that was measured too."""
    from ..results import table_of

    echo_lines(table_of(result, init).split("\n"))
