"""Test error against stability in many small panels: over delta and cutoff (Fig. 21), and by data set (Fig. 20)."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from ...fields import LEAST_DELTA, MaxEntropyEnsemble
from ...options import INTERPOLATIONS
from ...statistics import log_correlation
from ...store import Row
from ..drawing.axes import figure_of, set_log
from ..drawing.codes import AXES, Look, cutoff_look, family_look
from ..drawing.lines import SIZE, Drawn, draw_legend, look_keys
from ..drawing.style import SMALL
from ..points.choice import choose
from ..points.point import Gathered, Point, points_of, split, table_of
from ..points.relation import values_of
from ..points.setting import refuse_several_settings, setting_of
from ..points.spread import exactly
from .error_vs_stability import family_keys, signed

HEIGHT, KEYS = 1.9, 0.45  # inches, of a row of panels and of what stands below all
FIELD = ("delta", "cutoff", "interpolation")
ALLOWED = "#dcefe3"  # behind panels whose fields are diffeomorphisms more often than not
QUANTITIES = ("R", "D", "G")
FEWEST = 3  # networks behind a correlation


def by_field(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Error against R_f, a row of panels for each delta, a column for each cutoff, all on the same axes.

    The title is the correlation of the logarithms; green panels have delta >= 1/2 and P(Xi < 1) >= 1/2.

    Raises:
        ValueError: If there are fewer than 3 trained networks; if rows differ in another setting.
    """
    (points, setting, notes), first = _measured(rows, filters, FIELD, follows=("temperature", "noise_radius"))
    deltas, cutoffs = sorted(split(points, "delta")), sorted(split(points, "cutoff"))
    here, lines = split(points, *FIELD), []
    height, shared = HEIGHT * len(deltas) + KEYS, {"sharex": True, "sharey": True, "squeeze": False}
    with figure_of(height, len(deltas), len(cutoffs), **shared) as (figure, panels):
        for (i, delta), (k, cutoff) in itertools.product(enumerate(deltas), enumerate(cutoffs)):
            probability = MaxEntropyEnsemble(side_of(first), cutoff, delta=delta).probability_of_diffeomorphism()
            told: dict[str, str] = {}
            for interpolation in INTERPOLATIONS:
                own = here.get((delta, cutoff, interpolation), [])
                if len(own) >= FEWEST:
                    _draw_points(panels[i, k], own, "R", cutoff_look(cutoff, interpolation))
                    told[interpolation] = signed(_correlation(own, "R"))
                    more = {f"correlation_{name}": _correlation(own, name) for name in "DGR"}
                    lines += [{**line, **more, "allowed_probability": probability} for line in table_of(own)]
            if delta >= LEAST_DELTA and probability >= 0.5:
                panels[i, k].set_facecolor(ALLOWED)
            panels[i, k].set_title(f"$\\delta$ = {delta:g} px, $c$ = {cutoff:g}\n{_told(told)}", fontsize=SMALL)
        _set_axes(panels[0, 0], points, "R")
        for panel in panels[-1]:
            panel.set_xlabel(AXES["R"])
        for panel in panels[:, 0]:
            panel.set_ylabel(AXES["error"])
        kinds = sorted(split(points, "cutoff", "interpolation"))
        looks = {f"$c$ = {cutoff:g}, {name}": cutoff_look(cutoff, name) for cutoff, name in kinds}
        draw_legend(figure, look_keys(looks, joined=False))
    return Drawn(figure, lines, notes, setting)


def by_dataset(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """Error against D_f, G_f and R_f, a row of panels for each data set (Fig. 20); the titles are correlations.

    Errors are those of `by_field`.
    """
    (points, setting, notes), _ = _measured(rows, filters, ("dataset",), follows=("temperature", "training.dataset"))
    datasets = split(points, "dataset")
    height = HEIGHT * 1.35 * len(datasets) + KEYS
    with figure_of(height, len(datasets), len(QUANTITIES), squeeze=False, sharey=True) as (figure, panels):
        for row, (name, own) in zip(panels, datasets.items(), strict=True):
            for panel, quantity in zip(row, QUANTITIES, strict=True):
                for point in own:
                    _draw_points(panel, [point], quantity, family_look(point.model))
                _set_axes(panel, points, quantity)
                panel.set_title(f"{name}: correlation {signed(_correlation(own, quantity))}", fontsize=SMALL)
                panel.set_xlabel(AXES[quantity], fontsize=SMALL)
            row[0].set_ylabel(AXES["error"])
        draw_legend(figure, family_keys(points))
    return Drawn(figure, table_of([point for own in datasets.values() for point in own]), notes, setting)


def _measured(
    rows: Sequence[Row], filters: Sequence[str], columns: Sequence[str], follows: Sequence[str]
) -> tuple[Gathered, Row]:
    """A point for each network and what stands in the columns, and the first row."""
    chosen = choose(rows, filters)
    if len({row["model"] for row in chosen.trained}) < FEWEST:
        raise ValueError(f"fewer than {FEWEST} trained networks are among {chosen.told}; measure more, or filter less")
    swept, first, notes = (*columns, *follows), chosen.trained[0], list(chosen.notes)
    refuse_several_settings(chosen.trained, swept)
    points = points_of(chosen.trained, ["model", *columns], notes)
    return Gathered(points, setting_of(first, swept), list(dict.fromkeys(notes))), first


def side_of(row: Row) -> int:
    """Side of a row's images in pixels, from its delta and temperature: delta is proportional to n sqrt(T).

    >>> ensemble = MaxEntropyEnsemble(28, 3, delta=1.0)
    >>> side_of({"cutoff": 3.0, "delta": 1.0, "temperature": ensemble.temperature})
    28
    """
    rules = {name: row[name] for name in ("cutoff_rule", "delta_rule") if row.get(name)}
    known = MaxEntropyEnsemble(100, row["cutoff"], temperature=row["temperature"], **rules)
    return round(known.size[0] * float(row["delta"]) / float(known.delta))


def _correlation(points: Sequence[Point], quantity: str) -> float:
    return log_correlation(values_of(points, "error"), values_of(points, quantity))


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


def _draw_points(panel: Axes, points: Sequence[Point], quantity: str, look: Look) -> None:
    """Points without bars, which would hide each other."""
    style: dict[str, Any] = {"linestyle": "none", "markersize": SIZE, "alpha": 0.85, "color": look.colour}
    at = values_of(points, quantity), values_of(points, "error")
    panel.plot(*at, look.marker, gid=f"{quantity} {points[0].model}", **style)


def _set_axes(panel: Axes, points: Sequence[Point], quantity: str) -> None:
    for axis, name in (("x", quantity), ("y", "error")):
        set_log(panel, axis, [], more=map(exactly, values_of(points, name)))
