"""Panels of R_f, D_f, G_f and the test error over something that was swept, log-averaged over seeds."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...results import set_log_axis
from ..points.groups import Group
from ..points.spread import Spread
from .axes import span_of
from .codes import AXES, Look
from .lines import draw_unit, marks
from .style import FAINT, WIDTH

COLUMNS = 2
HEIGHT, KEYS = 2.4, 0.4  # inches, of a row of panels and of the key


def quantity_panels(quantities: Sequence[str], xlabel: str) -> tuple[Figure, dict[str, Axes]]:
    """A panel for each quantity, two in a row; call it under `style.house_style`."""
    rows = math.ceil(len(quantities) / COLUMNS)
    figure = Figure(figsize=(WIDTH, HEIGHT * rows + KEYS), layout="constrained")
    panels = dict(zip(quantities, figure.subplots(rows, COLUMNS, squeeze=False).ravel(), strict=False))
    for unused in figure.axes[len(quantities) :]:
        unused.remove()
    for name, panel in panels.items():
        panel.set(xlabel=xlabel, ylabel=AXES[name])
        if name == "R":
            draw_unit(panel)
    return figure, panels


def draw_groups(panels: dict[str, Axes], groups: Sequence[Group], x: str, look: Look, name: str = "") -> None:
    """One curve in each panel: groups against what stands in their column `x`."""
    rising = sorted(groups, key=lambda group: float(group.at[x]))
    values = [float(group.at[x]) for group in rising]
    for quantity, panel in panels.items():
        spreads = [group.spreads[quantity] for group in rising]
        for at, spread in zip(values, spreads, strict=True):
            bar: dict[str, Any] = {"ecolor": look.colour, "elinewidth": 0.8, "zorder": 2}
            panel.errorbar(at, spread.value, yerr=spread.arms(), fmt="none", **bar)
        style: dict[str, Any] = {**marks(look, fresh=False), "gid": f"{name} {quantity}"}
        panel.plot(values, [spread.value for spread in spreads], **style)


def set_axes(panels: dict[str, Axes], groups: Sequence[Group], x: str, more: Sequence[Spread] = ()) -> None:
    """Logarithmic axes over all groups; `more` of R."""
    values = [float(group.at[x]) for group in groups]
    for quantity, panel in panels.items():
        spreads = [group.spreads[quantity] for group in groups]
        extra = [*more, Spread(1.0, None, 1.0, 1.0)] if quantity == "R" else []
        set_log_axis(panel, "x", span_of([Spread(value, None, value, value) for value in values]))
        set_log_axis(panel, "y", span_of([*spreads, *extra]))


def draw_level(panel: Axes, spread: Spread, colour: str = FAINT) -> None:
    """A dashed line: the value at initialisation."""
    panel.axhline(spread.value, color=colour, linestyle="--", linewidth=0.8, gid="init")
