"""A sweep's YAML file: lists multiply, `include` adds cells, `exclude` drops them.

    train:
      model: [fc_l4, lenet]
      epochs: 5
    measure:
      weights: [init, train]     # train: those of each training above, for its model and data set
      cutoff: [3, 5]
      seed: [0, 1]
      include:
        - {model: resnet18, cutoff: 10}
      exclude:
        - {weights: init, cutoff: 5}

Keys are the option names of `diffstab train` and `diffstab measure`; further sections are the `experiments`, such as
`stripe:`, with the fields of their options. Every message names the place in the file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args

from ..options import OPTIONS, CommandOptions, MeasureOptions, TrainOptions
from .jobs import KINDS, MEASURE, TRAIN, Job, experiment_job, measure_job, train_job
from .scalars import CHANNELS, value_of
from .yaml_file import Node, PlacedError, read_yaml

CONFIRM_ABOVE = 1000  # cells; more are only made when the caller says yes
GRID_KEYS = ("include", "exclude")
Cell = dict[str, Any]
Kind = TypeVar("Kind", bound=CommandOptions)


@dataclass(frozen=True)
class Spec:
    """The jobs of a sweep: its trainings, then its measurements, each once.

    Attributes:
        notes: What the user should look at, one line each.
    """

    jobs: list[Job]
    notes: list[str]


def read_spec(path: str | Path, *, confirm_above: int | None = CONFIRM_ABOVE) -> Spec:
    """Reads a sweep's file.

    Args:
        path: Of the YAML file.
        confirm_above: Most cells that are made; None for any number.

    Raises:
        ValueError: If the file can't be read, a key is unknown (with the nearest known one), a value is not allowed,
            the grid is empty, or it has more cells than `confirm_above`.
    """
    path = Path(path)
    content = read_yaml(path)
    try:
        for name, section in content.value.items():
            if name not in KINDS:
                raise section.misnamed(f"{name!r} is not a section{_near(name, KINDS)}; allowed: {', '.join(KINDS)}")
        if not content.value:
            raise ValueError(f"nothing to do; allowed: {', '.join(KINDS)}")
        return _spec(content.value, confirm_above)
    except PlacedError as error:
        raise ValueError(f"{path}, {error}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _spec(content: Mapping[str, Node], confirm_above: int | None) -> Spec:
    grids = {kind: _Grid.read(kind, section) for kind, section in content.items()}
    _confirm(sum(grid.count() for grid in grids.values()), confirm_above)
    notes: list[str] = []
    trainings: list[Job] = []
    if TRAIN in grids:
        trainings = [train_job(_options(TrainOptions, cell)) for cell, _ in grids[TRAIN].cells(notes, [])]
    jobs = list(trainings)
    for kind in grids.keys() - {TRAIN, MEASURE}:
        jobs += [experiment_job(_options(OPTIONS[kind], cell)) for cell, _ in grids[kind].cells(notes, [])]
    for cell, trained_by in grids[MEASURE].cells(notes, trainings) if MEASURE in grids else []:
        if trained_by is not None and cell.get("checkpoint") is not None:
            raise ValueError("measure: weights is 'train' and there is a checkpoint; give one of the two")
        weights = {"weights": MeasureOptions().weights} if trained_by is not None else {}
        jobs.append(measure_job(_options(MeasureOptions, {**cell, **weights}), trained_by))
    distinct = list({job.id: job for job in jobs}.values())
    _confirm(len(distinct), confirm_above)
    return Spec(distinct, notes)


def _confirm(count: int, confirm_above: int | None) -> None:
    if confirm_above is not None and count > confirm_above:
        raise ValueError(f"the grid has {count:,} cells, more than {confirm_above:,}; say --yes if that is meant")


def _options(options: type[Kind], cell: Cell) -> Kind:
    """The cell's options, after a look whether its values go together."""
    try:
        return options.of(cell)
    except (ValueError, TypeError) as error:
        kind = next(name for name, own in KINDS.items() if own is options)
        raise ValueError(f"{kind}: {error}") from error


def _with_trainings(cell: Cell, trainings: list[Job]) -> Iterator[tuple[Cell, Job | None]]:
    """A measure cell as it stands, or once for each training that it takes its model or its weights from."""
    what = ("model", "dataset", "data_dir")
    if not trainings or (cell.get("weights") != TRAIN and "model" in cell):
        if cell.get("weights") == TRAIN:
            raise ValueError("measure.weights is 'train' but there is no train: section")
        yield cell, None
        return
    theirs = [(job, {name: getattr(job.options, name) for name in what}) for job in trainings]
    fitting = [(job, own) for job, own in theirs if all(own[name] == cell[name] for name in what if name in cell)]
    if not fitting:
        asked = ", ".join(f"{name} {cell[name]!r}" for name in what if name in cell)
        raise ValueError(f"measure: no training is of {asked}; train it too, or take other weights")
    for job, own in fitting:
        yield {**cell, **own}, job if cell.get("weights") == TRAIN else None


@dataclass(frozen=True)
class _Grid:
    """A section: the values of each option, further cells, and patterns of cells to drop."""

    kind: str
    axes: dict[str, list[Any]]
    include: list[dict[str, list[Any]]]
    exclude: list[dict[str, list[Any]]]

    @classmethod
    def read(cls, kind: str, section: Node) -> "_Grid":
        own = dict(_mapping(kind, section))
        lists = {}
        for name in GRID_KEYS:
            entries = own.pop(name, Node([], section.line, section.column))
            if not isinstance(entries.value, list):
                raise entries.refused(f"{kind}.{name} is {entries}; a list of mappings is needed")
            lists[name] = [_axes(kind, f"{kind}.{name}[{k}]", entry) for k, entry in enumerate(entries.value)]
        return cls(kind, _axes(kind, kind, replace(section, value=own)), **lists)

    def count(self) -> int:
        """Cells before any is dropped."""
        return sum(prod(len(self._filled(name, axes)) for name in axes) for axes in self._all_axes())

    def _filled(self, name: str, axes: dict[str, list[Any]]) -> list[Any]:
        """The values of an option; of the model, every name that a pattern stands for."""
        if name != "model":
            return axes[name]
        cell = {key: values[0] for key, values in axes.items() if key in ("weights", "checkpoint")}
        return [model for value in axes[name] for model in _models(self.kind, {**cell, "model": value})]

    def _all_axes(self) -> list[dict[str, list[Any]]]:
        """The grid's and those of each further cell, which keeps the grid's single values."""
        single = {name: values for name, values in self.axes.items() if len(values) == 1}
        own = [self.axes] if self.axes or not self.include else []
        return own + [{**single, **entry} for entry in self.include]

    def cells(self, notes: list[str], trainings: list[Job]) -> list[tuple[Cell, Job | None]]:
        """Every cell but those dropped, with the models that patterns and trainings give."""
        grid = [dict(zip(axes, values, strict=True)) for axes in self._all_axes() for values in product(*axes.values())]
        named = [{**cell, **model} for cell in grid for model in _models(self.kind, cell)]
        cells: list[tuple[Cell, Job | None]] = [(cell, None) for cell in named]
        if self.kind == MEASURE:
            cells = [whole for cell in named for whole in _with_trainings(cell, trainings)]
        total = len(cells)
        for k, pattern in enumerate(self.exclude):
            kept = [(cell, job) for cell, job in cells if not self._matches(cell, pattern)]
            if len(kept) == len(cells):
                notes.append(f"{self.kind}.exclude[{k}] drops no cell")
            cells = kept
        if not cells:
            raise ValueError(f"{self.kind}: the grid is empty: exclude drops all of its {total} cells")
        return cells

    def _matches(self, cell: Cell, pattern: dict[str, list[Any]]) -> bool:
        values = {**_all_values(self.kind, cell), **{name: TRAIN for name in ("weights",) if cell.get(name) == TRAIN}}
        return all(any(_same(values[name], one) for one in wanted) for name, wanted in pattern.items())


def _mapping(where: str, node: Node) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        came = f"is {node}" if node.value else "has no value"
        raise node.refused(f"{where} {came}; a mapping from options to values is needed")
    return node.value


def _axes(kind: str, where: str, section: Node) -> dict[str, list[Any]]:
    """Options to the lists of their values, each checked for itself."""
    axes: dict[str, list[Any]] = {}
    known = [f.name for f in fields(KINDS[kind])]
    for key, node in _mapping(where, section).items():
        name = key.replace("-", "_")
        if name not in known:
            raise node.misnamed(f"{where}.{key} is not an option of diffstab {kind}{_near(name, known)}")
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
    """A value as its option has it, checked."""
    if isinstance(node.value, (list, dict)):
        raise node.refused(f"{place} is {node}; one value is needed")
    if (kind, name, node.value) == (MEASURE, "weights", TRAIN):
        return node.value
    try:
        value = value_of(node, _wanted(kind, name))
        canonical = getattr(KINDS[kind].of({name: value}), name)
    except PlacedError as error:
        raise PlacedError(node.line, node.column, f"{place}: {error.text}") from error
    except (ValueError, TypeError) as error:
        raise node.refused(f"{place}: {error}") from error
    return None if value is None else canonical  # which the other options of the cell decide


@cache
def _wanted(kind: str, name: str) -> Any:
    """What an option takes, as its field says; `mean` and `std` are kept as texts of numbers."""
    if name in ("mean", "std"):
        return CHANNELS
    (found,) = (f.type for f in fields(KINDS[kind]) if f.name == name)
    return next(one for one in (get_args(found) or (found,)) if one is not NoneType)


def _all_values(kind: str, cell: Cell) -> Cell:
    """Every option of a cell as its job has it; of a cell whose values don't go together, what it says and defaults."""
    named = {name: value for name, value in cell.items() if (name, value) != ("weights", TRAIN)}
    try:
        return KINDS[kind].of(named).to_dict()
    except (ValueError, TypeError):
        return {**KINDS[kind]().to_dict(), **named}


def _models(kind: str, cell: Cell) -> list[Cell]:
    """The models that a pattern stands for; the cell's own otherwise."""
    pattern = cell.get("model")
    if not isinstance(pattern, str) or not set("*?[") & set(pattern):
        return [{}]
    weights = "init" if kind == TRAIN or cell.get("checkpoint") else cell.get("weights", MeasureOptions().weights)
    try:
        return [{"model": name} for name in _matching(pattern, weights)]
    except ValueError as error:
        raise ValueError(f"{kind}.{error}") from error


@cache
def _matching(pattern: str, weights: str) -> list[str]:
    """As `models.matching`, which looks through a thousand names each time."""
    from ..models import matching

    return matching(pattern, weights=weights)


def _same(value: Any, pattern: Any) -> bool:
    """Whether a cell's value is the one that `exclude` names, or matches its pattern."""
    if isinstance(value, str) and isinstance(pattern, str):
        return fnmatchcase(value, pattern)
    return bool(value == pattern)


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
