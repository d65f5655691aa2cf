"""D, G, R and E by another statistic, computed from the stored raw values without running a network."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..checks import one_of
from ..options import AVERAGES, MEDIAN_RULES, PAIR_RULES
from ..results import SCHEMA, LayerStability, RawValues, content_key
from ..statistics import Interval, Statistic
from .entry import Entry, Row, is_measured
from .store import Store


def recompute(
    store: Store,
    row: Row,
    *,
    average: str | None = None,
    median_rule: str | None = None,
    pairs: str | None = None,
    resamples: int | None = None,
) -> Entry:
    """Returns a new row with D, G and R by another statistic; a choice of None stays as it was measured.

    The noise norm ||eta|| stays as it was measured: under the noise radius `ensemble`, the new row's `radius_average`
    still names the average that gave it, so its key differs from a measurement that uses the new average throughout.

    Args:
        store: Store of the row and its raw values.
        row: Row of a measurement.
        average: `median` or `mean`.
        median_rule: `norm` or `coordinate`.
        pairs: `distinct` or `all`.
        resamples: Number of bootstrap resamples for the intervals.

    Raises:
        ValueError: If a choice is unknown, the row has that statistic already, its raw values are missing, or the
            change of each output, which the median rule `coordinate` needs, was not kept.
    """
    asked = {"average": average, "median_rule": median_rule, "pairs": pairs, "resamples": resamples}
    for (name, value), allowed in zip(asked.items(), (AVERAGES, MEDIAN_RULES, PAIR_RULES), strict=False):
        if value is not None:
            one_of(name, str(value), allowed)
    if not is_measured(row):
        raise ValueError(
            f"the row {row.get('key')} is a {row.get('status')} {row.get('kind')}; only measurements have raw values"
        )
    if _has_statistic(row, asked):
        raise ValueError(f"the row {row['key']} has that statistic already")
    settings = {**row, **{name: value for name, value in asked.items() if value is not None}}
    raw = store.raw(row)
    numbers = numbers_of(raw, settings)
    layers = _layers(row, raw, settings, numbers)
    dropped = ("time", "checksum", "job", "asked", "stopped", *(() if layers else ("layers", "layers_asked")))
    new: dict[str, Any] = {name: value for name, value in settings.items() if name not in dropped}
    new |= {"layers": layers} if layers else {}
    new |= {name: value._asdict() if isinstance(value, Interval) else value for name, value in numbers.items()}
    new |= {"schema": SCHEMA, "job": None, "recomputed_from": row["key"], "key": None}
    return Entry({**new, "key": content_key(new)})


def _has_statistic(row: Row, asked: Mapping[str, Any]) -> bool:
    """Returns True if a row has the statistic that was asked for; None stands for any."""
    return all(value is None or row[name] == value for name, value in asked.items())


def numbers_of(raw: RawValues, row: Row) -> dict[str, Any]:
    """Returns the numbers of raw values by the statistic, resamples and seed that a row names."""
    statistic = Statistic(row["average"], row["median_rule"], row["pairs"])
    return raw.numbers(statistic, **{name: row[name] for name in ("radius_average", "resamples", "seed")})


def _layers(row: Row, raw: RawValues, settings: Row, estimates: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Returns the layers by another statistic.

    None if no layers were measured, or if the median is taken per output coordinate.
    """
    statistic = Statistic(settings["average"], settings["median_rule"], settings["pairs"])
    if raw.layers is None or statistic.per_coordinate:
        return None
    found = []
    for place, layer in enumerate(map(LayerStability.of, row["layers"])):
        chosen = {name: settings[name] for name in ("radius_average", "resamples", "seed")}
        numbers = estimates if layer.is_output else raw.numbers(statistic, layer=place, **chosen)
        found.append(replace(layer, **numbers).to_dict())
    return found


def recompute_all(store: Store, rows: Iterable[Row], **statistic: Any) -> tuple[int, int, list[str]]:
    """Recomputes every measurement among the rows and adds the new rows; recomputed rows are left out.

    Args:
        store: Store of the rows.
        rows: Rows to recompute.
        statistic: Choices as in `recompute`.

    Returns:
        Number of rows added, number of rows that were there already, and a message for each that can't be recomputed.
    """
    added, there, failures = 0, 0, []
    for row in rows:
        if not is_measured(row) or row.get("recomputed_from"):
            continue
        if _has_statistic(row, statistic):
            there += 1
            continue
        try:
            new = store.add(recompute(store, row, **statistic))
        except ValueError as error:
            failures.append(f"{str(row['key'])[:12]} ({row['model']}): {error}")
        else:
            added, there = added + new, there + (not new)
    return added, there, failures
