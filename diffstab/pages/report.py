"""The report: the measurements of a store on one page, the answer first, with plots, comparisons and a table."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from heapq import heappush, heappushpop
from typing import Any, TypeVar

from ..options import DEFAULTS
from ..results import SETTING, RawOf, StabilityResult, setting_values, told_setting, value_at
from ..store import DONE, FAILED, Row, is_measured, networks_of
from .answers import answers, network_of
from .columns import columnar, layers_of
from .page import STATIC, page
from .paired import MOST_COMPARED, Matrix, matrices_of
from .pictures import pictures_of

# those that the atlas has too come first
SHARED = tuple(f"{name}.js" for name in "rows statistics plot labels bars errors matrix table choices".split())
SCRIPTS = (*SHARED, "warnings.js", "report.js")
MOST_PICTURED = 8  # ways of measuring whose images are shown
MOST_ROWS = 20_000  # on a page, of measurements and of failures: 5 MB, which browsers still sort and filter at once
COUNTS = ("images", "draws", "temperature")  # what a measurement took, or what follows from delta and the size
WAY = tuple(column for column in SETTING if column not in COUNTS)  # rows that share these stand in one plot
SWEPT = ("delta", "delta_rule", "noise_norm")  # along a curve
Way = tuple[Hashable, ...]
Item = TypeVar("Item")
FAMILY = tuple(column for column in WAY if column not in SWEPT)


def report_page(
    rows: Iterable[Row],
    raw_of: RawOf | None = None,
    *,
    title: str,
    most: int = MOST_COMPARED,
    resamples: int = DEFAULTS.resamples,
    seed: int = DEFAULTS.seed,
    data_dir: str | None = None,
    note: Callable[[str], None] | None = None,
) -> str:
    """The HTML file.

    Args:
        rows: Rows of a store. Measurements are shown and failures listed, the newest 20,000 of each, which a note on
            the page says; trainings are counted.
        raw_of: Gives the per-image values behind a row, such as `Store.raw`; None leaves paired comparisons out.
        title: Title of the page.
        most: Most networks in a paired comparison; those of lowest R_f are taken.
        resamples: Bootstrap resamples of the images, for the comparisons.
        seed: Seed of the resamples.
        data_dir: Folder with the measured images, for pictures of those that are not in the package.
        note: Called with a sentence on rows that are left out.

    Raises:
        ValueError: If no row is a measurement, or an option is out of range.

    >>> interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    >>> row = {"status": "done", "kind": "measure", "model": "lenet", "R": interval, "key": "a"}
    >>> report_page([row], title="One network").startswith("<!DOCTYPE html>")
    True
    """
    trainings, made, failed = taken(rows)
    measured = made.rows()
    left_out = [text for one, name in ((made, "measurements"), (failed, "failures")) for text in one.told(name)]
    ways = [setting_values(row, WAY) for row in measured]
    families = [setting_values(row, FAMILY) for row in measured]
    matrices, notes = matrices_of(measured, raw_of, most, resamples=resamples, seed=seed)
    by_way, compared = _grouped(measured, ways), _grouped(matrices, [_way_of(matrix) for matrix in matrices])
    place = {way: number for number, way in enumerate(by_way)}
    data = {
        "title": title,
        "count": len(measured),
        "answers": [answers(own, _headline(own, compared.get(way, []))) for way, own in by_way.items()],
        "pictures": _pictures(by_way, data_dir),
        "columns": columnar(measured),
        "ways": told_ways(list(by_way)),
        "way": places(ways),
        "family": places(families),
        "network": places([network_of(row) for row in measured]),
        "layers": layers_of(measured),
        "matrices": [{"way": place[_way_of(matrix)], **matrix.told} for matrix in matrices],
        "failures": _failures(failed.rows()),
        "notes": [*left_out, *notes],
        "trainings": trainings,
    }
    for text in left_out:
        (note or _silent)(text)
    body = (STATIC / "report.html").read_text("utf-8")
    return page(title, body, ["page.css", "report.css"], SCRIPTS, data)


def results_page(results: Sequence[StabilityResult], title: str | None = None, data_dir: str | None = None) -> str:
    """The HTML file of measurements that need not be in a store.

    Args:
        results: One or more measurements.
        title: Title of the page; None names the first network.
        data_dir: Folder with the measured images, for pictures of those that are not in the package.

    Raises:
        ValueError: If there is none.
    """
    rows = [{"status": DONE, "kind": "measure", **result.to_dict()} for result in results]
    raw = {id(row): result.raw for row, result in zip(rows, results, strict=True)}
    named = title or (f"Stability of {results[0].model}" if results else "")
    return report_page(rows, lambda row: raw[id(row)], title=named, data_dir=data_dir)


def told_ways(ways: Sequence[Way], columns: Sequence[str] = WAY) -> list[str]:
    """A line for each way of measuring; lines that would read alike get the columns in which they differ.

    >>> told_ways([("mnist5k", *[None] * (len(WAY) - 1))])
    ['mnist5k']
    """
    told = [told_setting(dict(zip(columns, way, strict=True))) for way in ways]
    alike = defaultdict(list)
    for line, way in zip(told, ways, strict=True):
        alike[line].append(way)
    lines = []
    for line, way in zip(told, ways, strict=True):
        differing = [place for place, values in enumerate(zip(*alike[line], strict=True)) if len(set(values)) > 1]
        more = ", ".join(f"{columns[place]} {way[place]}" for place in differing)
        lines.append(f"{line} ({more})" if more else line)
    return lines


def _grouped(items: Sequence[Item], ways: Sequence[Way]) -> dict[Way, list[Item]]:
    """Items of each way of measuring, in order of appearance."""
    found: dict[Way, list[Item]] = {}
    for item, way in zip(items, ways, strict=True):
        found.setdefault(way, []).append(item)
    return found


def _way_of(matrix: Matrix) -> Way:
    return tuple(matrix.setting[column] for column in WAY)


def _headline(measured: Sequence[Row], matrices: Sequence[Matrix]) -> str | None:
    """The answer of the paired comparison that has all networks of a way of measuring; None if none has."""
    count = len(networks_of(measured)) if matrices else 0
    return next((matrix.headline for matrix in matrices if matrix.told["of"] == count), None)


def _pictures(by_way: Mapping[Way, Sequence[Row]], data_dir: str | None) -> list[dict[str, Any] | None]:
    """Pictures for the first row of each way of measuring; None beyond the ways with the most rows."""
    most = set(sorted(by_way, key=lambda way: -len(by_way[way]))[:MOST_PICTURED])
    return [pictures_of(rows[0], data_dir) if way in most else None for way, rows in by_way.items()]


def places(values: Sequence[Hashable]) -> list[int]:
    """The number of each value among the distinct ones, in order of appearance."""
    order: dict[Hashable, int] = {}
    return [order.setdefault(value, len(order)) for value in values]


def _silent(text: str) -> None:
    """Drops a note: the page has it."""


class _Newest:
    """Keeps the newest rows, in the order in which they came."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: list[tuple[str, int, Row]] = []

    def add(self, row: Row) -> None:
        self.count += 1
        push = heappush if len(self.kept) < MOST_ROWS else heappushpop
        push(self.kept, (str(row.get("time", "")), self.count, row))

    def rows(self) -> list[Row]:
        return [row for _, _, row in sorted(self.kept, key=lambda one: one[1])]

    def told(self, name: str) -> list[str]:
        """A note on those that are left out, if there are any."""
        more = f"{len(self.kept):,} of {self.count:,} {name} are on the page, the newest; --where FILTER chooses others"
        return [more] if self.count > len(self.kept) else []


def taken(rows: Iterable[Row]) -> tuple[int, _Newest, _Newest]:
    """Counts trainings; keeps the newest measurements and failures for the page.

    Raises:
        ValueError: If no row is a measurement.
    """
    count, trainings, made, failed = 0, 0, _Newest(), _Newest()
    for row in rows:
        count += 1
        if is_measured(row):
            made.add(row)
        elif row.get("status") == FAILED:
            failed.add(row)
        else:
            trainings += row.get("kind") == "train"
    if not made.count:
        raise ValueError(f"none of {count} rows is a measurement; measure some, or filter less")
    return trainings, made, failed


def _failures(rows: Sequence[Row]) -> list[dict[str, str]]:
    names = ("model", "kind", "error.type", "error.message", "job")
    return [{name: str(value_at(row, name) or "") for name in names} for row in rows]
