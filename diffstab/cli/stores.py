"""Opens stores for commands: notes go to stderr, rows are chosen by filter or by key."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..options import PHOTOS
from .echo import echo
from .progress import saying

if TYPE_CHECKING:
    from ..store import Row, Store


def opened(folder: Path, keep: "Callable[[Row], Any] | None" = None) -> "Store":
    """Opens the store; prints on stderr which lines were left out."""
    with saying(f"reading {folder}"):
        from ..store import Store

        store = Store(folder, keep=keep)
    tell_notes(store)
    return store


def tell_photo(name: Path) -> None:
    """Prints the author and licence of a photograph of the package on stderr, if `name` is one and no file."""
    if not name.exists() and str(name) in PHOTOS:
        echo(f"{name}: photograph that comes with the package, {PHOTOS[str(name)]}", err=True)


def tell_notes(store: "Store") -> None:
    """Prints the store's notes on stderr, and clears them."""
    for note in store.notes:
        echo(f"note: {note}", err=True)
    store.notes.clear()


def chosen(folder: Path, filters: Sequence[str], keep: "Callable[[Row], Any]", columns: Sequence[str] = ()) -> "Store":
    """Opens a store with only the rows that pass the filters, of each of which it holds what `keep` returns.

    Raises:
        ValueError: If no row has a column of the filters or of `columns`.
    """
    from ..store import Filters

    passes = Filters(filters, columns)
    store = opened(folder, lambda row: keep(row) if passes(row) else None)
    passes.refuse_unknown()
    if not len(store):
        echo("no row matches" if filters else "the store is empty", err=True)
    return store


def one_row(store: "Store", key: str) -> "Row":
    """Returns the row whose key begins with `key`. Raises ValueError if there is none, or several."""
    keys = store.keys(key)
    if len(keys) != 1 or not key:
        found = f"{len(keys)} rows have a key that begins so" if keys else "no row has a key that begins so"
        raise ValueError(f"key is {key!r}; {found}; diffstab results list shows the keys")
    return store[keys[0]]
