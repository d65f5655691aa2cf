"""The stripe model: its data, and R_f and the test error of networks trained on P points of it (Fig. 7)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from ...experiments.stripe import PLANES, stripes
from ...options import FIRST_LOSS, STRIPE
from ...statistics import PowerLaw, fitted_power_law, rounded
from ...store import Row
from ..drawing.axes import figure_of, set_log
from ..drawing.codes import AXES, Look, ordered_look
from ..drawing.lines import Drawn, draw_legend, draw_points, look_keys
from ..drawing.style import ACCENT, FAINT, INK
from ..points.choice import experiments
from ..points.point import Point, points_of, table_of
from ..points.setting import grouped

POINTS = 400  # of the left panel
HEIGHT = 3.0  # inches
CLASSES = {-1: Look(FAINT, "o"), 1: Look(ACCENT, "s")}
SHARED = ("dimension", "width", "alpha", "noise_norm", "turn", "until_loss", "test_points")
P, END = "train_size", "end"
FEWEST = 3  # values of P behind a power law


def stripe_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """The data; R_f (medians in Eq. 6) and the test error against P, with power laws fitted over all networks.

    At the end of the flow, and at each loss that networks passed on the way.

    Raises:
        ValueError: If there are no such rows, they differ in another setting, or have fewer than 3 values of P.
    """
    own, setting = experiments(rows, filters, STRIPE, "{train_size: ...}", SHARED)
    if len(grouped(own, P)) < FEWEST:
        raise ValueError("the rows have fewer than 3 values of train_size; a power law needs more")
    stages = _stages(own)
    laws = {stage: _laws(at) for stage, at in stages.items()}
    points = {stage: _points(at) for stage, at in stages.items()}
    looks = {stage: ordered_look(place, len(stages)) for place, stage in enumerate(stages)}
    with figure_of(HEIGHT, 1, 3, width_ratios=[1, 1.15, 1.15]) as (figure, panels):
        _draw_data(panels[0], setting["dimension"])
        for panel, quantity in zip(panels[1:], ("R", "error"), strict=True):
            for stage, look in looks.items():
                own_points, law, name = points[stage], laws[stage][quantity], f"{quantity} {stage}"
                draw_points(panel, own_points, P, quantity, look, name=name, joined=False, zorder=2)
                ends = np.array([own_points[0].at[P], own_points[-1].at[P]], dtype=np.float64)
                panel.plot(ends, law.factor.value * ends**law.exponent.value, color=look.colour, linewidth=0.9)
            everything = [point for at in points.values() for point in at]
            set_log(panel, "x", everything, P)
            set_log(panel, "y", everything, quantity)
            panel.set(xlabel="training points $P$", ylabel=AXES[quantity])
        keys = look_keys({f"class {label:+d}".replace("-", "−"): look for label, look in CLASSES.items()}, joined=False)
        draw_legend(figure, [*keys, *look_keys({_told(stage, laws, setting): look for stage, look in looks.items()})])
    table = [line for stage, at in stages.items() for line in _lines(stage, at, points[stage], laws[stage])]
    late = sum(map(_is_late, own))
    note = f"{late} of {len(own)} flows ran out of steps before the last loss and count until where they came"
    return Drawn(figure, table, [note] if late else [], setting)


def _stages(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The networks that passed each loss, as they were there, the first loss first, and at the end of the flow."""
    most = max(len(row["on_the_way"]) for row in rows)
    passed = {
        f"{FIRST_LOSS / 2**k:g}": [{**row, **row["on_the_way"][k]} for row in rows if len(row["on_the_way"]) > k]
        for k in range(most)
    }
    stages = {**passed, END: [row for row in rows if not _is_late(row)]}
    return {name: own for name, own in stages.items() if len(grouped(own, P)) >= FEWEST}


def _is_late(row: Row) -> bool:
    """Tells whether a flow ran out of steps before the last loss."""
    return bool(row["loss"] > row["until_loss"] and not row["fitted"])


def _points(rows: Sequence[Row]) -> list[Point]:
    """Log-averages over seeds, by P."""
    points = points_of([{**row, P: int(row[P])} for row in rows], [P], [], ("R", "R_mean", "error"))
    return sorted(points, key=lambda point: int(point.at[P]))


def _laws(rows: Sequence[Row]) -> dict[str, PowerLaw]:
    """Fitted over all networks."""
    sizes = np.array([float(row[P]) for row in rows])
    R = np.array([row["R"]["value"] for row in rows])
    errors = np.array([row["test_error"]["value"] or 0.5 / row["test_error"]["images"] for row in rows])
    return {"R": fitted_power_law(sizes, R), "error": fitted_power_law(sizes, errors)}


def _draw_data(panel: Axes, dimension: int) -> None:
    points, labels = stripes(POINTS, dimension, torch.Generator().manual_seed(0))
    for label, look in CLASSES.items():
        own = points[labels == label]
        style: dict[str, Any] = {"linestyle": "none", "marker": look.marker, "markersize": 2.2}
        panel.plot(own[:, 0], own[:, 1], color=look.colour, gid=f"y {label}", **style)
    for plane in PLANES:
        panel.axvline(plane, color=INK, linewidth=0.8)
    panel.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="informative direction", ylabel="one of the others")


def _told(stage: str, laws: Mapping[str, dict[str, PowerLaw]], setting: Mapping[str, Any]) -> str:
    """The entry of a stage in the key."""
    b = laws[stage]["R"].exponent
    loss = f"{setting['until_loss']:g}" if stage == END else stage
    value, low, high = map(rounded, b)
    return f"loss {loss}: $R_f \\sim P^{{{value}}}$ ({low} to {high})".replace("-", "−")


def _lines(
    stage: str, rows: Sequence[Row], points: Sequence[Point], laws: Mapping[str, PowerLaw]
) -> list[dict[str, Any]]:
    by_size = grouped(rows, P)
    exponents = {
        f"{name}_exponent{end}": getattr(laws[name].exponent, part)
        for name in ("R", "error")
        for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    lines = []
    for line in table_of(points, ("R", "R_mean", "error")):
        own = by_size[line[P]]
        alignment = float(np.exp(np.mean([np.log(row["alignment"]) for row in own])))
        head = {"stage": stage, P: line[P], "seeds": len(own), "alignment": alignment}
        lines.append({**head, **line, **head, **exponents})
    return lines
