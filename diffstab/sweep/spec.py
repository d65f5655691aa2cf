"""A sweep's YAML file: every combination of listed values is a cell, `include` adds cells, `exclude` drops cells.

    train:
      model: [fc_l4, lenet]
      epochs: 5
    measure:
      weights: [init, train]     # train: the weights of each training above, with its model and data set
      cutoff: [3, 5]
      seed: [0, 1]
      include:
        - {model: resnet18, cutoff: 10}
      exclude:
        - {weights: init, cutoff: 5}

Keys are the option names of `diffstab train` and `diffstab measure`. Further sections are the experiments, such as
`stripe:`, with the fields of their options. Every error message names the place in the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..checks import did_you_mean
from ..options import OPTIONS, CommandOptions, MeasureOptions, TrainOptions
from .grid import Cell, Grid
from .jobs import KINDS, MEASURE, TRAIN, Job, experiment_job, measure_job, train_job
from .yaml_file import Node, PlacedError, read_yaml

CONFIRM_ABOVE = 1000  # cells; more need the caller's confirmation
EXAMPLE = Path(__file__).parent / "example.yaml"
MOST_CELLS = 10_000  # cells, even with confirmation
Kind = TypeVar("Kind", bound=CommandOptions)


@dataclass(frozen=True)
class Spec:
    """Jobs of a sweep.

    Attributes:
        jobs: Trainings first, then experiments and measurements; each job once.
        notes: Messages for the user, such as entries of `exclude` that drop nothing.
    """

    jobs: list[Job]
    notes: list[str]


def read_spec(path: str | Path, *, confirm_above: int | None = CONFIRM_ABOVE) -> Spec:
    """Reads a sweep's file.

    Args:
        path: Path of the YAML file.
        confirm_above: Largest number of cells that is allowed; None for 10,000, the limit in any case.

    Raises:
        ValueError: If the file can't be read, a key is unknown (with the nearest known one), a value is not allowed,
            the grid is empty, it has more cells than `confirm_above`, or the file is too large: in bytes, values,
            patterns, or cells times entries of `exclude`.
    """
    path = Path(path)
    content = read_yaml(path)
    try:
        for name, section in content.value.items():
            if name not in KINDS:
                raise section.misnamed(
                    f"{name!r} is not a section{did_you_mean(name, KINDS)}; allowed: {', '.join(KINDS)}"
                )
        if not content.value:
            raise ValueError(f"nothing to do; allowed: {', '.join(KINDS)}")
        return _spec(content.value, confirm_above)
    except PlacedError as error:
        raise ValueError(f"{path}, {error}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _spec(content: Mapping[str, Node], confirm_above: int | None) -> Spec:
    grids = {kind: Grid.read(kind, section) for kind, section in content.items()}
    _confirm(sum(grid.count() for grid in grids.values()), confirm_above)
    notes: list[str] = []
    trainings: list[Job] = []
    if TRAIN in grids:
        trainings = [train_job(_options(TrainOptions, cell)) for cell, _ in grids[TRAIN].cells(notes)]
    jobs = list(trainings)
    for kind in (kind for kind in grids if kind in OPTIONS):
        jobs += [experiment_job(_options(OPTIONS[kind], cell)) for cell, _ in grids[kind].cells(notes)]
    taken = _Trainings(trainings, MOST_CELLS if confirm_above is None else confirm_above)
    for cell, trained_by in grids[MEASURE].cells(notes, taken.spread) if MEASURE in grids else []:
        if trained_by is not None and cell.get("checkpoint") is not None:
            raise ValueError("measure: weights is 'train' and there is a checkpoint; give one of the two")
        weights = {"weights": MeasureOptions().weights} if trained_by is not None else {}
        jobs.append(measure_job(_options(MeasureOptions, {**cell, **weights}), trained_by))
    distinct = list({job.id: job for job in jobs}.values())
    _confirm(len(distinct), confirm_above)
    return Spec(distinct, notes)


def _confirm(count: int, confirm_above: int | None) -> None:
    if count > MOST_CELLS:
        raise ValueError(f"the grid has {count:,} cells; at most {MOST_CELLS:,} are allowed; make several sweeps of it")
    if confirm_above is not None and count > confirm_above:
        raise ValueError(f"the grid has {count:,} cells, more than {confirm_above:,}; add --yes to run them all")


def _options(options: type[Kind], cell: Cell) -> Kind:
    """Returns a cell's options. Raises ValueError if its values contradict each other."""
    try:
        return options.from_mapping(cell)
    except (ValueError, TypeError) as error:
        kind = next(name for name, own in KINDS.items() if own is options)
        raise ValueError(f"{kind}: {error}") from error


class _Trainings:
    """Trainings of a file, found by the model and data that a measurement names.

    Args:
        jobs: Train jobs.
        most: Largest number of cells that `spread` may give.
    """

    WHAT = ("model", "dataset", "data_dir")

    def __init__(self, jobs: list[Job], most: int) -> None:
        self.jobs, self.most = jobs, most
        self.found: dict[tuple[str, ...], dict[tuple[Any, ...], list[Job]]] = {}

    def fitting(self, cell: Cell) -> list[Job]:
        """Returns the trainings with the model and data that a cell names."""
        names = tuple(name for name in self.WHAT if name in cell)
        if names not in self.found:
            index = self.found[names] = {}
            for job in self.jobs:
                index.setdefault(tuple(map(job.options.to_dict().get, names)), []).append(job)
        return self.found[names].get(tuple(cell[name] for name in names), [])

    def spread(self, cells: list[Cell]) -> list[tuple[Cell, Job | None]]:
        """Returns each cell once, or once per training from which it takes its model or weights."""
        spread: list[tuple[Cell, Job | None]] = []
        for cell in cells:
            spread += self._of_one(cell)
            if len(spread) > self.most:
                raise ValueError(f"measure: with the trainings there are more than {self.most:,} cells; ask for fewer")
        return spread

    def _of_one(self, cell: Cell) -> list[tuple[Cell, Job | None]]:
        takes_weights = cell.get("weights") == TRAIN
        if not self.jobs or (not takes_weights and "model" in cell):
            if takes_weights:
                raise ValueError("measure.weights is 'train' but there is no train: section")
            return [(cell, None)]
        fitting = self.fitting(cell)
        if not fitting:
            asked = ", ".join(f"{name} {cell[name]!r}" for name in self.WHAT if name in cell)
            raise ValueError(f"measure: no training is of {asked}; train it too, or take other weights")
        own = [({name: job.options.to_dict()[name] for name in self.WHAT}, job) for job in fitting]
        return [({**cell, **told}, job if takes_weights else None) for told, job in own]
