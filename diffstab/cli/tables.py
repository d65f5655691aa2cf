"""Tables on stdout, never cut to the terminal's width: rows of a store, and one measurement with its layers."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .echo import echo_lines

if TYPE_CHECKING:
    from ..results import StabilityResult


def print_columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a header and one line per row, numbers to the right."""
    from ..results import columns

    echo_lines(columns(names, rows))


def print_results(result: "StabilityResult", init: "StabilityResult | None") -> None:
    """Prints the result of a network, and the result at initialisation if there is one."""
    from ..results import table_of

    echo_lines(table_of(result, init).split("\n"))
