"""`diffstab measure --from-row`: repeats a stored measurement and compares the numbers."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..native.library import OFF, TORCH, using
from .echo import echo
from .stores import one_row, opened

if TYPE_CHECKING:
    from ..options import MeasureOptions
    from ..results import StabilityResult
    from ..store import Row

BESIDE = set("from_row store output report as_json device workers trust".split())  # options allowed with --from-row
HASHES = {"weights_sha256": "weights", "network_sha256": "layers", "data_sha256": "images"}


def asked_by_row(store: Path | None, key: str, options: dict[str, Any]) -> "tuple[Row, MeasureOptions]":
    """Returns the row, and its options with the device and workers of this call.

    Raises:
        ValueError: If there is no such row, it can't be measured again, it names code or files that are not trusted,
            or options are given that the row sets.
    """
    from dataclasses import replace

    from ..store import options_of

    if store is None:
        raise ValueError("from_row is given without a store; add --store DIR, where the row lies")
    context = click.get_current_context()
    given = [name for name in context.params if context.get_parameter_source(name) == ParameterSource.COMMANDLINE]
    own = [name for name in given if name not in BESIDE]
    if own:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in own)
        raise ValueError(f"{named} and --from-row are given; the row says what is measured, so leave the others out")
    kept = opened(store)
    row = one_row(kept, key)
    again = options_of(row, kept, trust=options["trust"] or ())
    return row, replace(again, device=options["device"], workers=options["workers"])


def as_measured(row: "Row | None") -> AbstractContextManager[None]:
    """Returns a context in which torch alone deforms images if it did so for the row; older rows don't tell."""
    if row is None or (row.get("versions") or {}).get("kernel", TORCH) != TORCH:
        return nullcontext()
    return using(OFF)


def tell_differences(row: "Row", result: dict[str, Any]) -> bool:
    """Prints on stderr whether D, G and R equal the row's, and what else differs; returns True if they do."""
    from ..store import CHANGES_NOTHING, differences

    found = differences(row, result)
    name = f"row {row['key'][:12]}"
    if not found:
        echo(f"{name}: the same D, G and R to {CHANGES_NOTHING:g}", err=True)
        return True
    others = [word for column, word in HASHES.items() if row.get(column) != result.get(column)]
    if row["device"] != result["device"]:
        others.append(f"device {row['device']}")
    for package, version in row.get("versions", {}).items():
        if result["versions"].get(package) != version:
            others.append(f"{package} {version}")
    told = ", ".join(f"{letter} by {value:.2g}" for letter, value in found.items())
    why = f"; the row was measured with other {', '.join(others)}" if others else ""
    echo(f"{name}: the numbers differ from the row's, relatively {told}{why}", err=True)
    return False


def mend(store: Path, row: "Row", result: "StabilityResult") -> None:
    """Restores a row's raw values in its store if they are missing or damaged, and says so on stderr."""
    from ..store import Store

    kept = Store(store)
    if kept.mend(row, result.raw):
        echo(f"row {row['key'][:12]}: its raw values were missing or damaged, and are restored", err=True)
    kept.close()
