"""One section of a sweep's file as a grid of cells: values of its options, further cells, and cells to drop.

A cell is one combination of options. `spec` makes jobs from the cells of all sections.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from math import prod
from typing import Any

from ..checks import channel_values, did_you_mean
from ..options import MeasureOptions, settings_of
from .jobs import KINDS, MEASURE, TRAIN, Job
from .scalars import CHANNELS, value_of
from .yaml_file import SHOWN, Node, PlacedError

MOST_PATTERNS = 100  # patterns of models; each is compared with a thousand names
MOST_COMPARISONS = 1_000_000  # cells times entries of exclude
WILD = "*?["  # signs that make a text a pattern
MOST_WILD = 20  # signs in a pattern
GRID_KEYS = ("include", "exclude")
Cell = dict[str, Any]
Spread = Callable[[list[Cell]], list[tuple[Cell, Job | None]]]


def alone(cells: list[Cell]) -> list[tuple[Cell, Job | None]]:
    """Returns each cell unchanged, without a training."""
    return [(cell, None) for cell in cells]


@dataclass(frozen=True)
class Grid:
    """One section of a sweep's file.

    Attributes:
        kind: Name of the section: `train`, `measure` or an experiment.
        axes: Values of each option; their combinations are cells.
        include: Further grids, whose cells are added.
        exclude: Values and patterns by option; a cell that fits all of an entry is dropped.
    """

    kind: str
    axes: dict[str, list[Any]]
    include: list[dict[str, list[Any]]]
    exclude: list[dict[str, list[Any]]]

    @classmethod
    def read(cls, kind: str, section: Node) -> "Grid":
        """Reads a section. Raises ValueError if anything in it is not allowed."""
        own = dict(_mapping(kind, section))
        lists = {}
        for name in GRID_KEYS:
            entries = own.pop(name, Node([], section.line, section.column))
            if not isinstance(entries.value, list):
                raise entries.refused(f"{kind}.{name} is {entries}; a list of mappings is needed")
            lists[name] = [_axes(kind, f"{kind}.{name}[{k}]", entry) for k, entry in enumerate(entries.value)]
        grid = cls(kind, _axes(kind, kind, replace(section, value=own)), **lists)
        patterns = sum(_is_pattern(model) for axes in grid._all_axes() for model in axes.get("model", ()))
        if patterns > MOST_PATTERNS:
            raise ValueError(f"{kind}.model has {patterns:,} patterns; at most {MOST_PATTERNS} are allowed")
        return grid

    def count(self) -> int:
        """Returns the number of cells before any is dropped."""
        return sum(prod(len(self._filled(name, axes)) for name in axes) for axes in self._all_axes())

    def _filled(self, name: str, axes: dict[str, list[Any]]) -> list[Any]:
        """Returns the values of an option; a pattern of models is replaced by the names that it fits."""
        if name != "model":
            return axes[name]
        cell = {key: values[0] for key, values in axes.items() if key in ("weights", "checkpoint")}
        return [model for value in axes[name] for model in _models(self.kind, {**cell, "model": value})]

    def _all_axes(self) -> list[dict[str, list[Any]]]:
        """Returns the axes of the grid and of each entry of `include`, which takes over the grid's single values."""
        single = {name: values for name, values in self.axes.items() if len(values) == 1}
        own = [self.axes] if self.axes or not self.include else []
        return own + [{**single, **entry} for entry in self.include]

    def cells(self, notes: list[str], spread: Spread = alone) -> list[tuple[Cell, Job | None]]:
        """Returns every cell that is not dropped, with its training if it measures one.

        Args:
            notes: List that gets a message for each entry of `exclude` that drops nothing.
            spread: Function that repeats cells for each training whose model or weights they take.
        """
        grid = [dict(zip(axes, values, strict=True)) for axes in self._all_axes() for values in product(*axes.values())]
        named = [{**cell, **model} for cell in grid for model in _models(self.kind, cell)]
        cells = spread(named)
        if len(cells) * len(self.exclude) > MOST_COMPARISONS:
            raise ValueError(
                f"{self.kind}: {len(cells):,} cells and {len(self.exclude):,} entries of exclude make more than "
                f"{MOST_COMPARISONS:,} comparisons, the most allowed; write fewer entries, with lists and patterns"
            )
        kept = cells if not self.exclude else self._kept(cells, notes)
        if not kept:
            raise ValueError(f"{self.kind}: the grid is empty: exclude drops all of its {len(cells)} cells")
        return kept

    def _kept(self, cells: list[tuple[Cell, Job | None]], notes: list[str]) -> list[tuple[Cell, Job | None]]:
        """Returns the cells that no entry of `exclude` drops, and notes the entries that drop none."""
        left = [(cell, job, self._every_value(cell)) for cell, job in cells]
        for k, entry in enumerate(self.exclude):
            wanted = {name: _Wanted(values) for name, values in entry.items()}
            kept = [one for one in left if not all(wanted[name].has(one[2][name]) for name in wanted)]
            if len(kept) == len(left):
                notes.append(f"{self.kind}.exclude[{k}] drops no cell")
            left = kept
        return [(cell, job) for cell, job, _ in left]

    def _every_value(self, cell: Cell) -> Cell:
        return {**_all_values(self.kind, cell), **{name: TRAIN for name in ("weights",) if cell.get(name) == TRAIN}}


def _mapping(where: str, node: Node) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        came = f"is {node}" if node.value else "has no value"
        raise node.refused(f"{where} {came}; a mapping from options to values is needed")
    return node.value


def _axes(kind: str, where: str, section: Node) -> dict[str, list[Any]]:
    """Returns the list of values of each option; every value is checked alone."""
    axes: dict[str, list[Any]] = {}
    known = settings_of(KINDS[kind])
    for key, node in _mapping(where, section).items():
        name = key.replace("-", "_")
        if name not in known:
            raise node.misnamed(f"{where}.{key} is not an option of diffstab {kind}{did_you_mean(name, known)}")
        if name in axes:
            raise node.misnamed(f"{where}.{key} is given twice")
        if node.value == []:
            raise node.refused(f"{where}.{key} is an empty list, so the grid is empty; give it a value or leave it out")
        several = {f"{where}.{key}[{k}]": one for k, one in enumerate(node.value)} if _is_list(node) else {}
        axes[name] = [_value(kind, name, one, place) for place, one in (several or {f"{where}.{key}": node}).items()]
    return axes


def _is_list(node: Node) -> bool:
    return isinstance(node.value, list)


def _value(kind: str, name: str, node: Node, place: str) -> Any:
    """Returns a checked value in the form in which its option keeps it."""
    if isinstance(node.value, (list, dict)):
        raise node.refused(f"{place} is {node}; one value is needed")
    if (kind, name, node.value) == (MEASURE, "weights", TRAIN):
        return node.value
    try:
        one = settings_of(KINDS[kind])[name]
        value = value_of(node, CHANNELS if one.check is channel_values else one.kind)
        canonical = KINDS[kind].from_mapping({name: value}).to_dict()[name]
    except PlacedError as error:
        raise PlacedError(node.line, node.column, f"{place}: {error.text}") from error
    except (ValueError, TypeError) as error:
        raise node.refused(f"{place}: {error}") from error
    return None if value is None else canonical  # the default of None depends on the cell's other options


def _all_values(kind: str, cell: Cell) -> Cell:
    """Returns every option of a cell as its job has it; defaults and given values if those contradict each other."""
    named = {name: value for name, value in cell.items() if (name, value) != ("weights", TRAIN)}
    try:
        return KINDS[kind].from_mapping(named).to_dict()
    except (ValueError, TypeError):
        return {**KINDS[kind]().to_dict(), **named}


def _models(kind: str, cell: Cell) -> list[Cell]:
    """Returns one {"model": name} per model that a cell's pattern fits; one empty cell if it has no pattern."""
    pattern = cell.get("model")
    if not isinstance(pattern, str) or not _is_pattern(pattern):
        return [{}]
    _readable(pattern)
    weights = "init" if kind == TRAIN or cell.get("checkpoint") else cell.get("weights", MeasureOptions().weights)
    try:
        return [{"model": name} for name in _matching(pattern, weights)]
    except ValueError as error:
        raise ValueError(f"{kind}.{error}") from error


@cache
def _matching(pattern: str, weights: str) -> list[str]:
    """Returns `models.matching`, cached because that searches a thousand names each time."""
    from ..models import matching

    return matching(pattern, weights=weights)


class _Wanted:
    """Values and patterns of one option in an entry of `exclude`."""

    def __init__(self, values: list[Any]) -> None:
        self.patterns = [_readable(value) for value in values if _is_pattern(value)]
        self.values = {value for value in values if not _is_pattern(value)}

    def has(self, value: Any) -> bool:
        """Returns True if a cell's value is one of the values or fits a pattern."""
        if value in self.values:
            return True
        return isinstance(value, str) and any(fnmatchcase(value, pattern) for pattern in self.patterns)


def _is_pattern(value: Any) -> bool:
    return isinstance(value, str) and not set(WILD).isdisjoint(value)


def _readable(pattern: str) -> str:
    """Returns the pattern. Raises ValueError if it has so many wildcards that matching would take long."""
    wild = sum(map(pattern.count, WILD))
    if wild > MOST_WILD:
        raise ValueError(
            f"the pattern {pattern[:SHOWN]!r} has {wild:,} of the signs {WILD}; at most {MOST_WILD} are allowed"
        )
    return pattern
