"""The atlas: one row for each network of a store, thousands of them, on one page that finds, draws and sorts them."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from ..models import family
from ..results import setting_values, value_at, weights_shown
from ..store import Row
from .answers import network_of
from .columns import columnar
from .page import STATIC, page
from .report import SHARED, WAY, places, taken, told_ways

SCRIPTS = (*SHARED, "atlas.js")
ENDS = ("value", "low", "high")
NUMBERS = tuple(f"{name}.{end}" for name in ("test_error", *"RDG") for end in ENDS)
KEY = 16  # signs of a key, by which `diffstab results show` finds its row
RECIPE = {"recipe": "recipe {}", "epochs": "{} epochs", "train_size": "{} images", "seed": "seed {}"}  # of a training
WAYS = (*WAY, "delta_share")  # rows that share these stand in one plot


def atlas_page(rows: Iterable[Row], *, title: str, note: Callable[[str], None] | None = None) -> str:
    """The HTML file.

    Args:
        rows: Rows of a store. Measurements are shown, the newest 20,000, which a note on the page says.
        title: Title of the page.
        note: Called with a sentence on rows that are left out.

    Raises:
        ValueError: If no row is a measurement.

    >>> interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    >>> row = {"status": "done", "kind": "measure", "model": "lenet", "R": interval, "key": "a"}
    >>> atlas_page([row], title="One network").startswith("<!DOCTYPE html>")
    True
    """
    _, made, failed = taken(rows)
    measured = made.rows()
    left_out = made.told("measurements")
    more = [f"{failed.count:,} {'cell' if failed.count == 1 else 'cells'} of the store failed"] if failed.count else []
    ways = [_way(row) for row in measured]
    told = told_ways(list(dict.fromkeys(ways)), WAYS)
    of_way = places(ways)
    data = {
        "title": title,
        "count": len(measured),
        "columns": columnar([_shown(row, told[way]) for row, way in zip(measured, of_way, strict=True)]),
        "ways": told,
        "way": of_way,
        "network": places([network_of(row) for row in measured]),
        "notes": [*left_out, *more],
    }
    if note is not None:
        for text in left_out:
            note(text)
    return page(title, (STATIC / "atlas.html").read_text("utf-8"), ["page.css", "report.css"], SCRIPTS, data)


def _way(row: Row) -> tuple[Hashable, ...]:
    """Returns the setting of a row. A displacement that was asked for as a share of the side counts as that share."""
    values = dict(zip(WAY, setting_values(row, WAY), strict=True))
    share = value_at(row, "asked.delta_share")
    if not isinstance(share, float):  # of a stranger's row it may be anything
        return (*values.values(), None)
    return (*{**values, "delta": None}.values(), share)  # pixels differ with the size of the input


def _shown(row: Row, setting: str) -> dict[str, Any]:
    """Returns what the page shows of a row: its numbers as they are stored, and texts made of its columns."""
    numbers = {name: value_at(row, name) for name in NUMBERS}
    return {
        "model": row["model"],
        "family": family(str(row.get("model_source")), str(row["model"])),
        "parameters": row.get("parameters"),
        "dataset": row.get("dataset"),
        "weights": _weights(row),
        **numbers,
        "images": row.get("images"),
        "seed": row.get("seed"),
        "setting": setting,
        "key": str(row.get("key"))[:KEY],
    }


def _weights(row: Row) -> str:
    """Returns the weights of a row in words: their name with a library's tag, or the training that gave them."""
    training = row.get("training") or {}
    told = [text.format(training[name]) for name, text in RECIPE.items() if training.get(name) is not None]
    if told:
        return f"trained on {training.get('dataset')}: {', '.join(told)}"
    shown = weights_shown(str(row.get("weights")), row.get("weights_key"), row.get("head"))
    return f"{shown} ({row['weights_tag']})" if row.get("weights_tag") else shown
