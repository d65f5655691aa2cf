"""The paper's central figure: test error against R_f, D_f and 1/G_f, one point per network (Figs. 5, 15, 16, 19, 20).

Colour and marker tell the family of a network.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...statistics import rounded
from ...store import Row
from ..drawing.axes import set_log, span_of
from ..drawing.codes import AXES, FAMILIES, FAMILY_NAMES, OTHER, family_look, family_of
from ..drawing.lines import Drawn, draw_bars, draw_legend, key, look_keys
from ..drawing.names import Label, write_labels
from ..drawing.style import ACCENT, FAINT, INK, WIDTH, house_style
from ..points.networks import gather
from ..points.point import Point
from ..points.relation import QUANTITIES, Relation, networks_table, plain, relate

HEIGHT, BELOW, BESIDE = 4.4, 2.6, 3.4  # inches: of the panel of R, of those below it, of two without it
MOST_NAMES = 40  # in a panel; more can't be read
LAWS: dict[str, Any] = {
    "fit": {"color": INK, "linewidth": 0.9},
    "root": {"color": ACCENT, "linewidth": 0.9, "linestyle": "-."},
}
SIZES = {"o": 30, "D": 25, "^": 34, "s": 27, "v": 34, "P": 38, "X": 38}  # square points; of one area to the eye


def error_vs_stability(
    networks: Sequence[Point],
    relation: Relation,
    *,
    show_init: bool = False,
    quantities: Sequence[str] = QUANTITIES,
) -> tuple[Figure, list[str]]:
    """The figure, and notes on names that found no place in it.

    Args:
        networks: Networks from `networks.gather`.
        relation: Result of `relation.relate` for the same networks.
        show_init: Show R at initialisation too, where it is known: an open marker at the height of the test error that
            training came to, joined to the trained network's.
        quantities: Panels; that of R is large and stands above the others.

    Write it with `files.write_files`.

    >>> from diffstab.figures.points.relation import relate
    >>> from diffstab.figures.points.spread import Spread
    >>> def network(name, error, R):
    ...     one = {"error": error, "D": R / 100, "G": 0.01 / R**0.1, "R": R}
    ...     spreads = {key: Spread(value, None, value / 1.2, value * 1.2) for key, value in one.items()}
    ...     return Point({"model": name}, 1, spreads, name)
    >>> networks = [network("resnet18", 0.01, 0.1), network("lenet", 0.02, 0.9), network("fc_l4", 0.05, 2.0)]
    >>> figure, notes = error_vs_stability(networks, relate(networks))
    >>> len(figure.axes), notes
    (3, [])
    """
    with house_style():
        figure, panels = _panels(quantities)
        fresh = [network for network in networks if show_init and "R_init" in network.spreads and "R" in panels]
        for quantity, panel in panels.items():
            _draw_networks(panel, networks, quantity)
            told = (signed(value) for value in relation.correlations[quantity])
            panel.set(title="correlation {} ({} to {})".format(*told), xlabel=AXES[quantity])
        if "R" in panels:
            _draw_init(panels["R"], fresh)
            _draw_laws(panels["R"], relation, span_of([network["R"] for network in networks]))
        for quantity, panel in panels.items():
            set_log(panel, "x", networks, quantity, more=[one["R_init"] for one in fresh] if quantity == "R" else [])
        set_log(figure.axes[0], "y", networks, "error")
        keys = family_keys(networks)
        if fresh:
            keys += look_keys({"$R_f$ at initialisation": OTHER}, joined=False)
            keys[-1].set_markerfacecolor("white")
        draw_legend(figure, [*keys, *(_law_keys(relation) if "R" in panels else [])])
        named = {"R": panels["R"]} if "R" in panels else panels
        return figure, [note for name, panel in named.items() for note in _write_names(figure, panel, name, networks)]


def _panels(quantities: Sequence[str]) -> tuple[Figure, dict[str, Axes]]:
    """The panel of R over the whole width, the others beside each other below it, with one axis of the error."""
    wide = [name for name in quantities if name == "R"]
    others = [name for name in quantities if name != "R"]
    rows = [own for own in (wide, others) if own]
    heights = [HEIGHT if own is wide else BELOW if wide else BESIDE for own in rows]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    panels: dict[str, Axes] = {}
    grid = figure.add_gridspec(len(rows), 1, height_ratios=heights)
    for row, own in enumerate(rows):
        line = grid[row].subgridspec(1, len(own))
        for column, name in enumerate(own):
            panels[name] = figure.add_subplot(line[column], sharey=next(iter(panels.values()), None))
            panels[name].set_ylabel(AXES["error"])
    return figure, panels


def _write_names(figure: Figure, panel: Axes, quantity: str, networks: Sequence[Point]) -> list[str]:
    """Writes the network's labels beside its points, and returns notes on those without a place."""
    if len(networks) > MOST_NAMES:
        return [f"{len(networks)} networks are too many to write their names in the figure; its CSV file has them"]
    labels = [Label(one.label, one[quantity].value, one["error"].value) for one in networks]
    return [
        f"the name {text} has no free place in the panel of {quantity}; it is left out"
        for text in write_labels(figure, panel, labels)
    ]


def error_figure(
    rows: Sequence[Row],
    filters: Sequence[str] = (),
    *,
    show_init: bool = True,
    quantities: Sequence[str] = QUANTITIES,
) -> Drawn:
    """The same from rows; its setting holds the correlations and fits too. Raises what `gather` and `relate` raise."""
    from ...models import traits_of  # takes torch

    points, setting, notes = gather(rows, filters, traits=traits_of)
    relation = relate(points)
    figure, more = error_vs_stability(points, relation, show_init=show_init, quantities=quantities)
    setting = {**setting, **plain(relation, str(setting.get("dataset")))}
    return Drawn(figure, networks_table(points), [*notes, *more], setting)


def _draw_networks(panel: Axes, networks: Sequence[Point], quantity: str) -> None:
    for network in networks:
        draw_bars(panel, [network[quantity]], [network["error"]], FAINT, 0.6)
        style: dict[str, Any] = {"edgecolors": "white", "linewidths": 0.5, "zorder": 3}
        _draw_mark(panel, network, quantity, 1.0, network.model, c=[family_look(network.model).colour], **style)


def _draw_mark(panel: Axes, network: Point, quantity: str, size: float, name: str, **style: Any) -> None:
    shape = family_look(network.model).marker
    at = [network[quantity].value], [network["error"].value]
    panel.scatter(*at, marker=shape, s=size * SIZES[shape], gid=name, **style)


def signed(value: float) -> str:
    """Two decimals as `rounded` gives them, with a true minus sign.

    >>> signed(-0.4)
    '\N{MINUS SIGN}0.40'
    """
    return rounded(value).replace("-", "\N{MINUS SIGN}")


def _draw_init(panel: Axes, networks: Sequence[Point]) -> None:
    for network in networks:
        at = [network["R"].value, network["R_init"].value], [network["error"].value] * 2
        panel.plot(*at, color=FAINT, linewidth=0.4, linestyle=":", zorder=1)
        style: dict[str, Any] = {"edgecolors": family_look(network.model).colour, "linewidths": 0.7, "zorder": 2}
        _draw_mark(panel, network, "R_init", 0.5, f"{network.model} init", c="white", **style)


def _draw_laws(panel: Axes, relation: Relation, span: tuple[float, float]) -> None:
    R = np.geomspace(*span, 50)
    for name, law in (("fit", relation.law), ("root", relation.root_law)):
        error = law.factor.value * R**law.exponent.value
        panel.plot(R, error, gid=name, zorder=1.5, scalex=False, scaley=False, **LAWS[name])


def family_keys(points: Sequence[Point]) -> list[Line2D]:
    """An entry of the key for each family of networks; none where no network is of a known family."""
    known = {family_of(point.model) for point in points}
    looks = {FAMILY_NAMES[family]: look for family, look in FAMILIES.items() if family in known}
    return look_keys(looks | ({"other": OTHER} if None in known else {}), joined=False) if looks else []


def _law_keys(relation: Relation) -> list[Line2D]:
    law, root = relation.law, relation.root_law
    b = law.exponent
    power = f"{law.factor.value:.2g}\\,R_f^{{\\,{b.value:.2f}}}"
    told = f"error = ${power}$ ({signed(b.low)} to {signed(b.high)})"
    root_told = f"error = ${root.factor.value:.2g}\\,\\sqrt{{R_f}}$"
    return [key(told, **LAWS["fit"]), key(root_told, **LAWS["root"])]
