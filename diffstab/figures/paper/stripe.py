"""The stripe model: its data, and R_f and the test error of networks trained on P points of it (Fig. 7)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...experiments.stripe import PLANES, stripes
from ...options import FIRST_LOSS, STRIPE
from ...results import set_log_axis
from ...statistics import PowerLaw, fitted_power_law
from ...store import Row, select
from ..drawing.axes import span_of
from ..drawing.codes import AXES, Look, ordered_look
from ..drawing.lines import Drawn, look_keys, marks
from ..drawing.parts import draw_legend
from ..drawing.style import ACCENT, FAINT, INK, WIDTH, house_style
from ..points.setting import grouped
from ..points.spread import Spread, columns_of, spread_of

POINTS = 400  # of the left panel
HEIGHT = 3.0  # inches
CLASSES = {-1: Look(FAINT, "o"), 1: Look(ACCENT, "s")}
SHARED = ("dimension", "width", "alpha", "noise_norm", "turn", "until_loss", "test_points")
END = "end"
FEWEST = 3  # values of P behind a power law


def stripe_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """The data; R_f (medians in Eq. 6) and the test error against P, with power laws fitted over all networks.

    At the end of the flow, and at each loss that networks passed on the way.

    Args:
        rows: Rows of a store with `stripe` experiments.
        filters: Conditions that every row must pass, as in `store.select`.

    Raises:
        ValueError: If there are no such rows, they differ in another setting, or have fewer than 3 values of P.
    """
    own = [row for row in select(rows, filters) if row.get("kind") == STRIPE and row.get("status") == "done"]
    setting = _setting(own)
    stages = _stages(own)
    laws = {stage: _laws(at) for stage, at in stages.items()}
    with house_style():
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        panels = figure.subplots(1, 3, width_ratios=[1, 1.15, 1.15])
        _draw_data(panels[0], setting["dimension"])
        for panel, quantity in zip(panels[1:], ("R", "error"), strict=True):
            points = {stage: _points(at, quantity) for stage, at in stages.items()}
            for place, (stage, spreads) in enumerate(points.items()):
                look = ordered_look(place, len(points))
                _draw_curve(panel, spreads, laws[stage][quantity], look, f"{quantity} {stage}")
            set_log_axis(panel, "x", span_of([Spread(p, None, p, p) for at in points.values() for p in at]))
            set_log_axis(
                panel, "y", span_of([spread for own_points in points.values() for spread in own_points.values()])
            )
            panel.set_xlabel("training points $P$")
        panels[1].set_ylabel(AXES["R"])
        panels[2].set_ylabel(AXES["error"])
        draw_legend(figure, _keys(stages, laws, setting))
    table = [line for stage, at in stages.items() for line in _lines(stage, at, laws[stage])]
    return Drawn(figure, table, _notes(own), setting)


def _setting(rows: Sequence[Row]) -> dict[str, Any]:
    if not rows:
        raise ValueError(
            "no stripe experiment is among the rows that pass the filters; sweep stripe: {train_size: ...}"
        )
    differing = [name for name in SHARED if len(grouped(rows, name)) > 1]
    if differing:
        raise ValueError(f"the rows differ in {', '.join(differing)}; choose one, as with --where {differing[0]}=...")
    if len(grouped(rows, "train_size")) < FEWEST:
        raise ValueError("the rows have fewer than 3 values of train_size; a power law needs more")
    return {name: rows[0][name] for name in SHARED}


def _stages(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The networks that passed each loss, as they were there, the first loss first, and at the end of the flow."""
    most = max(len(row["on_the_way"]) for row in rows)
    passed = {
        f"{FIRST_LOSS / 2**k:g}": [{**row, **row["on_the_way"][k]} for row in rows if len(row["on_the_way"]) > k]
        for k in range(most)
    }
    stages = {**passed, END: [row for row in rows if not _is_late(row)]}
    return {name: own for name, own in stages.items() if len(grouped(own, "train_size")) >= FEWEST}


def _is_late(row: Row) -> bool:
    """Tells whether a flow ran out of steps before the last loss."""
    return bool(row["loss"] > row["until_loss"] and not row["fitted"])


def _points(rows: Sequence[Row], quantity: str) -> dict[int, Spread]:
    """Log-averages over seeds, by P."""
    named = [{**row, "model": STRIPE, "weights_sha256": str(row["seed"])} for row in rows]
    notes: list[str] = []
    return {int(p): spread_of(own, quantity, notes) for p, own in sorted(grouped(named, "train_size").items())}


def _laws(rows: Sequence[Row]) -> dict[str, PowerLaw]:
    """Fitted over all networks."""
    sizes = np.array([float(row["train_size"]) for row in rows])
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


def _draw_curve(panel: Axes, spreads: Mapping[int, Spread], law: PowerLaw, look: Look, name: str) -> None:
    for p, spread in spreads.items():
        panel.errorbar(p, spread.value, yerr=spread.arms(), fmt="none", ecolor=look.colour, elinewidth=0.8)
    values = [spread.value for spread in spreads.values()]
    panel.plot(list(spreads), values, linestyle="none", gid=name, **marks(look, fresh=False))
    ends = np.array([min(spreads), max(spreads)], dtype=np.float64)
    panel.plot(ends, law.factor.value * ends**law.exponent.value, color=look.colour, linewidth=0.9)


def _keys(
    stages: Mapping[str, list[Row]], laws: Mapping[str, dict[str, PowerLaw]], setting: dict[str, Any]
) -> list[Line2D]:
    looks = {f"class {label:+d}".replace("-", "−"): look for label, look in CLASSES.items()}
    keys = look_keys(looks, joined=False)
    for place, stage in enumerate(stages):
        b = laws[stage]["R"].exponent
        loss = f"{setting['until_loss']:g}" if stage == END else stage
        told = f"loss {loss}: $R_f \\sim P^{{{b.value:.2f}}}$ ({b.low:.2f} to {b.high:.2f})"
        keys += look_keys({told.replace("-", "−"): ordered_look(place, len(stages))})
    return keys


def _lines(stage: str, rows: Sequence[Row], laws: Mapping[str, PowerLaw]) -> list[dict[str, Any]]:
    found = {name: _points(rows, name) for name in ("R", "R_mean", "error")}
    by_size = grouped(rows, "train_size")
    exponents = {
        f"{name}_exponent{end}": getattr(laws[name].exponent, key)
        for name in ("R", "error")
        for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    lines = []
    for p in found["R"]:
        own = by_size[p]
        alignment = float(np.exp(np.mean([np.log(row["alignment"]) for row in own])))
        line: dict[str, Any] = {"stage": stage, "train_size": p, "seeds": len(own), "alignment": alignment}
        for name, points in found.items():
            line |= columns_of(name, points[p])
        lines.append({**line, **exponents})
    return lines


def _notes(rows: Sequence[Row]) -> list[str]:
    late = sum(map(_is_late, rows))
    told = f"{late} of {len(rows)} flows ran out of steps before the last loss and count until where they came"
    return [told] if late else []
