"""Test error against stability in many small panels: over delta and cutoff (Fig. 21), and by data set (Fig. 20)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...fields import LEAST_DELTA, MaxEntropyEnsemble
from ...options import INTERPOLATIONS
from ...results import set_log_axis
from ...statistics import log_correlation
from ...store import Row
from ..drawing.axes import span_of
from ..drawing.codes import AXES, FAMILIES, OTHER, Look, cutoff_look, family_of
from ..drawing.lines import SIZE, Drawn, look_keys
from ..drawing.parts import draw_legend
from ..drawing.style import SMALL, WIDTH, house_style
from ..points.choice import choose
from ..points.groups import Group, groups_of
from ..points.setting import refuse_several_settings, setting_of
from ..points.spread import Spread
from .error_vs_stability import family_keys, signed

HEIGHT, KEYS = 1.9, 0.45  # inches, of a row of panels and of what stands below all
FIELD = ("delta", "cutoff", "interpolation")
ALLOWED = "#dcefe3"  # behind panels whose fields are diffeomorphisms more often than not
QUANTITIES = ("R", "D", "G")
FEWEST = 3  # networks behind a correlation


def by_field(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Error against R_f, a row of panels for each delta, a column for each cutoff, all on the same axes.

    The title is the correlation of the logarithms; green panels have delta >= 1/2 and P(Xi < 1) >= 1/2.

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If there are fewer than 3 trained networks; if rows differ in another setting.
    """
    found, notes, setting, side = _measured(rows, filters, FIELD, follows=("temperature", "noise_radius"))
    deltas, cutoffs = (sorted({group.at[name] for group in found}) for name in ("delta", "cutoff"))
    lines = []
    with house_style():
        size = (WIDTH, HEIGHT * len(deltas) + KEYS)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(deltas), len(cutoffs), sharex=True, sharey=True, squeeze=False)
        for i, delta in enumerate(deltas):
            for k, cutoff in enumerate(cutoffs):
                here = [group for group in found if (group.at["delta"], group.at["cutoff"]) == (delta, cutoff)]
                probability = _probability(side, delta, cutoff)
                told: dict[str, str] = {}
                for interpolation in INTERPOLATIONS:
                    own = [group for group in here if group.at["interpolation"] == interpolation]
                    if len(own) >= FEWEST:
                        _draw_points(panels[i, k], own, "R", cutoff_look(cutoff, interpolation))
                        told[interpolation] = signed(_correlation(own, "R"))
                        lines += _lines(own, probability)
                if delta >= LEAST_DELTA and probability >= 0.5:
                    panels[i, k].set_facecolor(ALLOWED)
                title = f"$\\delta$ = {delta:g} px, $c$ = {cutoff:g}\n{_told(told)}"
                panels[i, k].set_title(title, fontsize=SMALL)
        _set_axes(panels[0, 0], found, "R")
        _label(panels, AXES["R"])
        draw_legend(figure, _field_keys(found))
    return Drawn(figure, lines, notes, setting)


def by_dataset(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Error against D_f, G_f and R_f, a row of panels for each data set (Fig. 20); the titles are correlations.

    Arguments and errors are those of `by_field`.
    """
    found, notes, setting, _ = _measured(rows, filters, ("dataset",), follows=("temperature", "training.dataset"))
    names = list(dict.fromkeys(str(group.at["dataset"]) for group in found))
    lines = []
    with house_style():
        figure = Figure(figsize=(WIDTH, HEIGHT * 1.35 * len(names) + KEYS), layout="constrained")
        panels = figure.subplots(len(names), len(QUANTITIES), squeeze=False, sharey=True)
        for row, name in zip(panels, names, strict=True):
            own = [group for group in found if group.at["dataset"] == name]
            for panel, quantity in zip(row, QUANTITIES, strict=True):
                for group in own:
                    family = family_of(group.at["model"])
                    _draw_points(panel, [group], quantity, FAMILIES[family] if family else OTHER)
                _set_axes(panel, found, quantity)
                title = f"{name}: correlation {signed(_correlation(own, quantity))}"
                panel.set_title(title, fontsize=SMALL)
                panel.set_xlabel(AXES[quantity], fontsize=SMALL)
            row[0].set_ylabel(AXES["error"])
            lines += [group.line() for group in own]
        draw_legend(figure, family_keys([str(group.at["model"]) for group in found]))
    return Drawn(figure, lines, notes, setting)


def _measured(
    rows: Sequence[Row], filters: Sequence[str], columns: Sequence[str], follows: Sequence[str]
) -> tuple[list[Group], list[str], dict[str, Any], int]:
    """A point for each network and what stands in the columns, notes, the setting, and the side of the images."""
    chosen = choose(rows, filters)
    if len({row["model"] for row in chosen.trained}) < FEWEST:
        raise ValueError(f"fewer than {FEWEST} trained networks are among {chosen.told}; measure more, or filter less")
    refuse_several_settings(chosen.trained, (*columns, *follows))
    notes = list(chosen.notes)
    groups = groups_of(chosen.trained, ["model", *columns], notes)
    setting = {name: value for name, value in setting_of(chosen.trained[0]).items() if name not in (*columns, *follows)}
    return groups, list(dict.fromkeys(notes)), setting, side_of(chosen.trained[0])


def side_of(row: Row) -> int:
    """Side of a row's images in pixels, from its delta and temperature: delta is proportional to n sqrt(T).

    >>> ensemble = MaxEntropyEnsemble(28, 3, delta=1.0)
    >>> side_of({"cutoff": 3.0, "delta": 1.0, "temperature": ensemble.temperature})
    28
    """
    rules = {name: row[name] for name in ("cutoff_rule", "delta_rule") if row.get(name)}
    known = MaxEntropyEnsemble(100, row["cutoff"], temperature=row["temperature"], **rules)
    return round(known.size[0] * float(row["delta"]) / float(known.delta))


def _probability(side: int, delta: float, cutoff: float) -> float:
    return MaxEntropyEnsemble(side, cutoff, delta=delta).probability_of_diffeomorphism()


def _correlation(groups: Sequence[Group], quantity: str) -> float:
    error, values = (np.array([group.spreads[name].value for group in groups]) for name in ("error", quantity))
    return log_correlation(error, values)


def _lines(groups: Sequence[Group], probability: float) -> list[dict[str, Any]]:
    """Lines of Fig. 21's table: the networks under one kind of field, each with the correlations over all of them."""
    shared = {f"correlation_{name}": _correlation(groups, name) for name in "DGR"}
    return [{**group.line(), **shared, "allowed_probability": probability} for group in groups]


def _told(correlations: Mapping[str, str]) -> str:
    """The correlation of the first interpolation, and that of the other one in brackets.

    >>> _told({"bilinear": "0.60", "gaussian": "0.61"}), _told({"gaussian": "0.61"}), _told({})
    ('correlation 0.60 (gaussian 0.61)', 'correlation 0.61', '')
    """
    texts = [
        f"correlation {text}" if not place else f"({name} {text})"
        for place, (name, text) in enumerate(correlations.items())
    ]
    return " ".join(texts)


def _field_keys(groups: Sequence[Group]) -> list[Line2D]:
    """An entry of the key for each cutoff and interpolation."""
    kinds = sorted({(float(group.at["cutoff"]), str(group.at["interpolation"])) for group in groups})
    looks = {f"$c$ = {cutoff:g}, {name}": cutoff_look(cutoff, name) for cutoff, name in kinds}
    return look_keys(looks, joined=False)


def _draw_points(panel: Axes, groups: Sequence[Group], quantity: str, look: Look) -> None:
    x, y = ([group.spreads[name].value for group in groups] for name in (quantity, "error"))
    style: dict[str, Any] = {"linestyle": "none", "markersize": SIZE, "alpha": 0.85}
    panel.plot(x, y, look.marker, color=look.colour, gid=f"{quantity} {groups[0].at['model']}", **style)


def _set_axes(panel: Axes, groups: Sequence[Group], quantity: str) -> None:
    for axis, name in (("x", quantity), ("y", "error")):
        values = [group.spreads[name].value for group in groups]
        set_log_axis(panel, axis, span_of([Spread(value, None, value, value) for value in values]))


def _label(panels: Any, xlabel: str) -> None:
    for panel in panels[-1]:
        panel.set_xlabel(xlabel)
    for row in panels:
        row[0].set_ylabel(AXES["error"])
