"""Tables on stdout, whole in a terminal and in a pipe: rows of a store, and one measurement with its layers."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..checks import escaped
from .echo import echo_lines, line, plain_console

if TYPE_CHECKING:
    from rich.console import Console

    from ..results import LayerStability, StabilityResult
    from ..statistics import Interval

WIDTH = 110  # characters; layers need them
SEPARATOR = "\t"  # of cells in a line that is kept; cells show it as \\t
MEANINGS = {"D": "deformation / other image", "G": "noise / other image", "R": "deformation / noise"}
RATES = {"test_error": "test error", "flips_deformation": "flips by deformation", "flips_noise": "flips by noise"}


def shown(value: Any) -> str:
    """A value as a table's cell: four digits are enough to look at."""
    if type(value) is str:
        return value if value.isascii() and value.isprintable() else escaped(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else escaped(str(value))


class Columns:
    """A table whose lines come one by one, each kept as one text, and are printed when all widths are known."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [shown(name) for name in names]
        self._lengths = {tuple(map(len, self._names))}  # of cells side by side; there are few
        self._types: set[tuple[type, ...]] = {(str,) * len(self._names)}  # of values side by side

    def line(self, values: Sequence[Any]) -> str:
        """A line, as `print` takes it."""
        cells = [shown(value) for value in values]
        self._lengths.add(tuple(map(len, cells)))
        self._types.add(tuple(map(type, values)))
        return SEPARATOR.join(cells)

    def print(self, lines: Iterable[str]) -> None:
        """A header and the lines, numbers to the right."""
        widths = [max(lengths) for lengths in zip(*self._lengths, strict=True)]
        right = [any(issubclass(kind, (int, float)) for kind in kinds) for kinds in zip(*self._types, strict=True)]
        form = "  ".join(f"%{'' if number else '-'}{width}s" for width, number in zip(widths, right, strict=True))
        head = SEPARATOR.join(self._names)
        echo_lines((form % tuple(line.split(SEPARATOR))).rstrip() for line in chain([head], lines))


def print_columns(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A header and one line per row, numbers to the right."""
    table = Columns(columns)
    table.print([table.line(row) for row in rows])


def print_results(result: "StabilityResult", init: "StabilityResult | None") -> None:
    """Of a network, and of the same at initialisation where that was measured too."""
    console = plain_console(width=WIDTH)
    for one in (result, init):
        if one is not None:
            _print_one(console, one)
    if result.layers:
        _print_layers(console, result.layers, init.layers if init else None)


def _print_one(console: "Console", result: "StabilityResult") -> None:
    images = f"{result.images} images of {result.dataset}"
    line(console, f"{result.model} ({result.model_source}, {result.weights_shown}) on {images}")
    table = _table("", "value", "95 % interval", "")
    for name, meaning in MEANINGS.items():
        table.add_row(f"{name}_f", *_cells(getattr(result, name)), meaning.replace("deformation", _noun(result)))
    for name, told in RATES.items():
        rate = getattr(result, name)
        if rate is not None:
            told = told.replace("deformation", _noun(result))
            table.add_row(told, f"{rate.value:.2%}", f"{rate.low:.2%} to {rate.high:.2%}", f"of {rate.images} images")
    if result.lipschitz is not None:
        table.add_row("Lipschitz ratio", *_cells(result.lipschitz), "largest change of f / (||grad tau|| ||x||)")
    console.print(table)
    if result.stopped is not None:
        why = "the interval is as narrow as asked" if result.stopped == "precision" else "more data would be needed"
        line(console, f"{result.images} images, {result.draws} draws each: {why}")
    line(console, _setting(result))


def _noun(result: "StabilityResult") -> str:
    """What images undergo."""
    return "deformation" if result.transform == "diffeo" else result.transform


def _setting(result: "StabilityResult") -> str:
    moved = f"delta = {result.delta:.3g} px, " if result.delta is not None else ""
    drawn = f"c = {result.cutoff:g}, {moved}T = {result.temperature:.3g}, " if result.temperature is not None else moved
    noise = f"||eta|| = {result.noise_norm:.3g}, " if result.noise_norm is not None else ""
    folds = f"{result.fold_fraction:.1%} of fields fold; " if result.temperature is not None else ""
    return (
        f"{drawn}{noise}{result.interpolation}, {result.average}, {result.convention} convention, seed {result.seed}, "
        f"batch norm: {result.batch_norm}; {folds}{result.precision}; {result.seconds:.1f} s"
    )


def _print_layers(
    console: "Console", layers: "Sequence[LayerStability]", init: "Sequence[LayerStability] | None"
) -> None:
    """R of each layer with its interval, D and G; beside R at initialisation."""
    columns = ["layer", "depth", "R", "95 % interval", "D", "G"]
    table = _table(*columns, *(["R at init.", "95 % interval"] if init else []))
    before = {layer.name: layer.R for layer in init or ()}
    for layer in layers:
        cells = [
            escaped(layer.name),
            f"{layer.depth:.2f}",
            *_cells(layer.R),
            f"{layer.D.value:.3g}",
            f"{layer.G.value:.3g}",
        ]
        found = before.get(layer.name)
        table.add_row(*cells, *(_cells(found) if found else ()))
    console.print(table)


def _cells(interval: "Interval") -> tuple[str, str]:
    return f"{interval.value:.3g}", f"{interval.low:.3g} to {interval.high:.3g}"


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        left = column in ("", "layer", "95 % interval")
        table.add_column(column, justify="left" if left else "right", no_wrap=True)
    return table
