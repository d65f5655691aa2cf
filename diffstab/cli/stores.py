"""Stores as commands open them: notes on stderr, rows by filter or by key."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..options import PHOTOS
from .echo import echo
from .progress import saying

if TYPE_CHECKING:
    from ..store import Row, Store


def opened(folder: Path, keep: "Callable[[Row], Any] | None" = None) -> "Store":
    """The store, as `Store` opens it; what was left out on opening goes to stderr."""
    with saying(f"reading {folder}"):
        from ..store import Store

        store = Store(folder, keep=keep)
    tell_notes(store)
    return store


def tell_photo(name: Path) -> None:
    """Says on stderr of whom a photograph of the package is, where it stands for a name."""
    if not name.exists() and str(name) in PHOTOS:
        echo(f"{name}: photograph that comes with the package, {PHOTOS[str(name)]}", err=True)


def tell_notes(store: "Store") -> None:
    """Says on stderr what was left out."""
    for note in store.notes:
        echo(f"note: {note}", err=True)
    store.notes.clear()


def chosen(folder: Path, filters: Sequence[str], keep: "Callable[[Row], Any]", columns: Sequence[str] = ()) -> "Store":
    """A store that lists the rows that pass the filters alone, and keeps something of each.

    Raises:
        ValueError: If the store knows no such filter or column.
    """
    from ..store import Filters

    passes = Filters(filters, columns)
    store = opened(folder, lambda row: keep(row) if passes(row) else None)
    passes.refuse_unknown()
    if not len(store):
        echo("no row matches" if filters else "the store is empty", err=True)
    return store


def one_row(store: "Store", key: str) -> "Row":
    """The row of that key, or the beginning of one. Raises ValueError if there is none, or several."""
    keys = store.keys(key)
    if len(keys) != 1 or not key:
        found = f"{len(keys)} rows have a key that begins so" if keys else "no row has a key that begins so"
        raise ValueError(f"key is {key!r}; {found}; diffstab results list shows the keys")
    return store[keys[0]]
