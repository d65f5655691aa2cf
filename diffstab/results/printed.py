"""Printed results: the table of `diffstab measure` as text, and as HTML for notebooks."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..checks import escaped
from ..options import BOTH, DIFFEO, PAIRS
from ..statistics import Interval
from .aligned import Right, columns, ends
from .layers import LayerStability
from .row_columns import told_cutoff, told_newer
from .words import LOWER, cautions, in_words

Result = Any  # a StabilityResult, whose module imports this one

MEANINGS = {"D": "deformation / other image", "G": "noise / other image", "R": f"deformation / noise; {LOWER}"}
RATES = {"test_error": "test error", "flips_deformation": "flips by deformation", "flips_noise": "flips by noise"}
DOUBTED = ("images", "copies", "fold_fraction", "few_classes")
HEAD = ("", "value", "95 % interval", "")


def table_of(result: Result, init: Result | None = None) -> str:
    """Returns the text that `diffstab measure` prints.

    Args:
        result: Result of the network.
        init: Result of the same network at initialisation, if it was measured too.
    """
    lines: list[str] = []
    for one in (result, init):
        if one is not None:
            lines += [title(one), answer(one), *columns(HEAD, _numbers(one)), *_below(one)]
    if result.layers:
        lines += _layers(result.layers, init.layers if init else None)
    return "\n".join(lines)


def html_of(result: Result) -> str:
    """Returns title, answer, table and setting of a result as HTML, without its layers."""
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    rows = "".join(
        f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in _numbers(result)
    )
    told = "".join(f"<p>{html.escape(text)}</p>" for text in (title(result), answer(result)))
    below = "".join(f"<p><small>{html.escape(text)}</small></p>" for text in _below(result))
    return f"{told}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{below}"


def title(result: Result) -> str:
    """Returns a line that names the network, its weights and the images."""
    images = f"{result.images} images of {escaped(result.dataset)}"
    return f"{escaped(result.model)} ({result.model_source}, {escaped(result.weights_shown)}) on {images}"


def answer(result: Result) -> str:
    """Returns R_f in words, followed by the reasons to doubt it."""
    return answer_of({name: getattr(result, name) for name in ("R", "transform", "worst", *DOUBTED)})


def answer_of(row: Mapping[str, Any]) -> str:
    """Returns R_f of a store's row in words, with its cautions.

    Args:
        row: Columns of a result, where R may be an `Interval` or a dict. A column missing in an old row gives no
            caution.
    """
    R = row["R"] if isinstance(row["R"], Interval) else Interval(**row["R"])
    doubts = cautions(R, **{name: row[name] for name in DOUBTED if row.get(name) is not None})
    transform, worst = row.get("transform", DIFFEO), row.get("worst")
    moved = "changes of scale" if transform == "scale" else f"{_noun(transform, worst)}s"
    return in_words(R, moved, noise="the worst noise" if worst == BOTH else "noise") + (
        f" (caution: {'; '.join(doubts)})" if doubts else ""
    )


def _numbers(result: Result) -> Iterator[tuple[str, ...]]:
    noun, noise = _noun(result.transform, result.worst), "worst noise" if result.worst == BOTH else "noise"

    def named(text: str) -> str:
        return text.replace("noise", noise).replace("deformation", noun)

    for name, meaning in MEANINGS.items():
        yield f"{name}_f", *_cells(getattr(result, name)), named(meaning)
    if result.E is not None:
        floor = "" if result.E_floor is None else f"; interpolation alone: {result.E_floor:.3g}"
        yield "E_f", *_cells(result.E), f"{noun}, map moved along / other image{floor}"
        yield "E_f / G_f", *_cells(result.E_over_G), f"{noun}, map moved along / noise"
    for name, told in RATES.items():
        rate = getattr(result, name)
        if rate is not None:
            shares = Right(f"{rate.value:.2%}"), f"{rate.low:.2%} to {rate.high:.2%}"
            yield named(told), *shares, f"of {rate.images} images"
    if result.lipschitz is not None:
        yield "Lipschitz ratio", *_cells(result.lipschitz), "largest change of f / (||grad tau|| ||x||)"


def _noun(transform: str, worst: str | None) -> str:
    """Returns the noun for a transformation: its name, but for deformations and given pairs."""
    known = {DIFFEO: "worst deformation" if worst else "deformation", PAIRS: "given change"}
    return known.get(transform) or escaped(transform)


def _below(result: Result) -> Iterable[str]:
    """Yields the reason why an adaptive measurement stopped, if it was one, and the setting."""
    if result.stopped is not None:
        why = "the interval is as narrow as asked" if result.stopped == "precision" else "more data would be needed"
        yield f"{result.images} images, {result.draws} draws each: {why}"
    moved = f"delta = {result.delta:.3g} px, " if result.delta is not None else ""
    cutoff = None if result.cutoff is None else told_cutoff(result.cutoff, result.cutoff_rule, result.convention)
    drawn = f"{cutoff}, {moved}T = {result.temperature:.3g}, " if result.temperature is not None else moved
    noise = f"||eta|| = {result.noise_norm:.3g}, " if result.noise_norm is not None else ""
    newer = "".join(f", {text}" for text in told_newer(result.settings.columns()))
    folds = f"{result.fold_fraction:.1%} of fields fold; " if result.temperature is not None else ""
    folds += "" if result.xi is None else f"their largest Xi is {result.xi:.2g}; "
    yield (
        f"{drawn}{noise}{result.interpolation}, {result.average}, {result.convention} convention{newer}, "
        f"seed {result.seed}, "
        f"batch norm: {result.batch_norm}; {folds}{result.precision}; {result.seconds:.1f} s"
    )


def _layers(layers: Sequence[LayerStability], init: Sequence[LayerStability] | None) -> list[str]:
    """Returns a table with R, D and G of each layer, E of maps, and R at initialisation, as far as measured."""
    maps = any(layer.E is not None for layer in layers)
    names = ["layer", "depth", "R", "95 % interval", "D", "G", *(["E", "floor"] if maps else [])]
    names += ["R at init.", "95 % interval"] if init else []
    before = {layer.name: layer.R for layer in init or ()}
    rows: list[Sequence[Any]] = []
    for layer in layers:
        values = [layer.D.value, layer.G.value, *([layer.E and layer.E.value, layer.E_floor] if maps else [])]
        others = [None if value is None else Right(f"{value:.3g}") for value in values]
        found = _cells(before[layer.name]) if layer.name in before else (None, None) if init else ()
        rows.append((layer.name, Right(f"{layer.depth:.2f}"), *_cells(layer.R), *others, *found))
    return columns(names, rows)


def _cells(interval: Interval) -> tuple[str, str]:
    return Right(f"{interval.value:.3g}"), ends(interval)
