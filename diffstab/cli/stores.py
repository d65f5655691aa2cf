"""Stores as commands open them: notes on stderr, rows by filter or by key."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .echo import echo

if TYPE_CHECKING:
    from ..store import Row, Store


def opened(folder: Path) -> "Store":
    """The store; what was mended on opening goes to stderr."""
    from ..store import Store

    store = Store(folder)
    tell_notes(store)
    return store


def tell_notes(store: "Store") -> None:
    """Says on stderr what was mended or left out."""
    for note in store.notes:
        echo(f"note: {note}", err=True)
    store.notes.clear()


def tell_unlike(rows: "Sequence[Row]") -> "list[Row]":
    """Rows that are not what their checksums and keys say; they are named on stderr."""
    from ..store import unlike_itself

    found = [row for row in rows if unlike_itself(row)]
    if found:
        named = ", ".join(f"{str(row['key'])[:12]} ({row.get('model')})" for row in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        echo(
            f"note: {len(found)} of {len(rows)} rows are not what was written, or what their keys say: {named}{more}; "
            "diffstab results check tells why",
            err=True,
        )
    return found


def chosen(folder: Path, filters: tuple[str, ...], columns: Sequence[str] = ()) -> "list[Row]":
    """The rows of a store that pass the filters; the store has to know the columns."""
    from ..store import require_column, select

    every = opened(folder).rows()
    for column in columns:
        require_column(column, every)
    rows = select(every, filters)
    if not rows:
        echo("no row matches" if filters else "the store is empty", err=True)
    return rows


def one_row(store: "Store", key: str) -> "Row":
    """The row of that key, or the beginning of one. Raises ValueError if there is none, or several."""
    rows = [row for row in store.rows() if str(row["key"]).startswith(key)]
    if len(rows) != 1 or not key:
        found = f"{len(rows)} rows have a key that begins so" if rows else "no row has a key that begins so"
        raise ValueError(f"key is {key!r}; {found}; diffstab results list shows the keys")
    return rows[0]
