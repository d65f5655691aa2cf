"""The paper's central figure: test error against R_f, D_f and 1/G_f, one point per network (Figs. 5, 15, 16, 19, 20).

Colour tells depth, shape batch norm and skip connections. Bars are the standard deviation of the logarithm over seeds,
or with one seed its own 95 % interval.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...results import set_log_axis
from ...store import Row
from ..drawing.axes import span_of
from ..drawing.lines import Drawn
from ..drawing.names import write_names
from ..drawing.parts import draw_legend
from ..drawing.style import ACCENT, FAINT, INK, STABILITY, UNKNOWN, WIDTH, depth_colours, house_style
from ..points.networks import Network, gather
from ..points.relation import QUANTITIES, Relation, networks_table, plain, quantity_of, relate

HEIGHT = 2.8  # inches
LARGE = 0.85, 4.2  # of one panel alone: share of the width, height in inches
AXIS = {
    "R": STABILITY,
    "D": "stability to diffeomorphisms $D_f$",
    "1/G": "inverse stability to noise $1/G_f$",
}
SHAPES = {  # by (batch norm, skip connections)
    (False, False): ("o", "plain"),
    (True, False): ("D", "batch norm"),
    (False, True): ("^", "skip connections"),
    (True, True): ("s", "batch norm + skip"),
    (None, None): ("o", "not known"),
}
SIZES = {"o": 26, "D": 21, "^": 30, "s": 23}  # square points; of one area to the eye
GREY = "#dddddd"


def error_vs_stability(
    networks: Sequence[Network],
    relation: Relation,
    *,
    show_init: bool = False,
    quantities: Sequence[str] = QUANTITIES,
) -> tuple[Figure, list[str]]:
    """The figure, and notes on names that found no place in it.

    Args:
        networks: Of `networks.gather`.
        relation: Of `relation.relate`, over the same networks.
        show_init: Show R at initialisation too, where it is known: an open marker at the height of the test error that
            training came to, joined to the trained network's.
        quantities: Panels from left to right; one alone is large.

    Write it with `style.write_figure`.

    >>> from diffstab.figures.points.relation import relate
    >>> from diffstab.figures.points.spread import Spread
    >>> def network(name, error, R):
    ...     one = [Spread(value, None, value / 1.2, value * 1.2) for value in (error, R / 100, 0.01 / R**0.1, R)]
    ...     return Network(name, name, None, None, None, 1, *one)
    >>> networks = [network("resnet18", 0.01, 0.1), network("lenet", 0.02, 0.9), network("fc_l4", 0.05, 2.0)]
    >>> figure, notes = error_vs_stability(networks, relate(networks))
    >>> len(figure.axes), notes
    (3, [])
    """
    with house_style():
        share, height = LARGE if len(quantities) == 1 else (1.0, HEIGHT)
        figure = Figure(figsize=(share * WIDTH, height), layout="constrained")
        found = figure.subplots(1, len(quantities), sharey=True, squeeze=False)[0]
        panels = dict(zip(quantities, found, strict=True))
        colours = _colours(networks)
        fresh = [network for network in networks if show_init and network.R_init is not None and "R" in panels]
        for quantity, panel in panels.items():
            _draw_points(panel, networks, quantity, colours)
            told = (signed(value) for value in relation.correlations[quantity])
            panel.set_title("correlation {} ({} to {})".format(*told))
            panel.set_xlabel(AXIS[quantity])
            if quantity == "R":
                _draw_init(panel, fresh)
                _draw_laws(panel, relation, span_of([network.R for network in networks]))
        for quantity, panel in panels.items():
            spreads = [quantity_of(network, quantity) for network in networks]
            more = [network.R_init for network in fresh if network.R_init] if quantity == "R" else []
            set_log_axis(panel, "x", span_of([*spreads, *more]))
        set_log_axis(found[0], "y", span_of([network.error for network in networks]))
        found[0].set_ylabel("test error $\\epsilon_t$")
        law = relation if "R" in panels else None
        _draw_keys(figure, networks, law, fresh=bool(fresh), panels=list(panels.values()), colours=colours)
        return figure, write_names(figure, panels, networks, fresh)


def error_figure(
    rows: Sequence[Row],
    filters: Sequence[str] = (),
    *,
    show_init: bool = True,
    quantities: Sequence[str] = QUANTITIES,
) -> Drawn:
    """The same from rows; its setting holds the correlations and fits too. Raises what `gather` and `relate` raise.

    Args:
        rows: Of a store, or of its CSV export.
        filters: That every row has to pass, as in `store.select`.
        show_init: Show R at initialisation too, where it was measured.
        quantities: Panels from left to right; one alone is large.
    """
    from ...models import traits_of  # takes torch

    gathered = gather(rows, filters, traits=traits_of)
    relation = relate(gathered.networks)
    figure, notes = error_vs_stability(gathered.networks, relation, show_init=show_init, quantities=quantities)
    setting = {**gathered.setting, **plain(relation, str(gathered.setting.get("dataset")))}
    return Drawn(figure, networks_table(gathered.networks), [*gathered.notes, *notes], setting)


def _colours(networks: Sequence[Network]) -> ScalarMappable | None:
    """From depth to colour, evenly in its logarithm; None where no depth is known."""
    depths = [network.depth for network in networks if network.depth is not None]
    if not depths:
        return None
    low, high = min(depths), max(depths)
    return ScalarMappable(LogNorm(low, high if high > low else low + 1), depth_colours())


def colour_of(network: Network, colours: ScalarMappable | None) -> Any:
    """Of its depth; grey where that is not known."""
    return UNKNOWN if network.depth is None or colours is None else colours.to_rgba(np.array(network.depth))


def _draw_points(panel: Axes, networks: Sequence[Network], quantity: str, colours: ScalarMappable | None) -> None:
    for network in networks:
        at = quantity_of(network, quantity)
        x, y = at.value, network.error.value
        panel.errorbar(x, y, yerr=network.error.arms(), xerr=at.arms(), fmt="none", ecolor=FAINT, elinewidth=0.6)
        shape, _ = SHAPES[network.batch_norm, network.skip]
        style: dict[str, Any] = {"s": SIZES[shape], "linewidths": 0.5, "edgecolors": INK, "zorder": 3}
        panel.scatter([x], [y], marker=shape, c=[colour_of(network, colours)], gid=network.name, **style)


def signed(value: float) -> str:
    """Two digits, with a true minus sign.

    >>> signed(-0.4)
    '\N{MINUS SIGN}0.40'
    """
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _draw_init(panel: Axes, networks: Sequence[Network]) -> None:
    for network in networks:
        assert network.R_init is not None
        y = network.error.value
        panel.plot([network.R.value, network.R_init.value], [y, y], color=FAINT, linewidth=0.4, linestyle=":", zorder=1)
        shape, _ = SHAPES[network.batch_norm, network.skip]
        style: dict[str, Any] = {"s": SIZES[shape] / 2, "linewidths": 0.6, "edgecolors": FAINT, "zorder": 2}
        panel.scatter([network.R_init.value], [y], marker=shape, c="white", gid=f"{network.name} init", **style)


def _draw_laws(panel: Axes, relation: Relation, span: tuple[float, float]) -> None:
    R = np.geomspace(*span, 50)
    law, root = relation.law, relation.root_law
    style: dict[str, Any] = {"zorder": 1.5, "scalex": False, "scaley": False}
    panel.plot(R, law.factor.value * R**law.exponent.value, "--", color=INK, linewidth=0.9, gid="fit", **style)
    panel.plot(R, root.factor.value * R**0.5, "-", color=ACCENT, linewidth=0.8, gid="root", **style)


def _draw_keys(
    figure: Figure,
    networks: Sequence[Network],
    relation: Relation | None,
    *,
    fresh: bool,
    panels: Sequence[Axes],
    colours: ScalarMappable | None,
) -> None:
    """The colour bar, and below the panels what shapes and lines mean."""
    if colours is not None:
        bar = figure.colorbar(colours, ax=list(panels), label="depth (layers)", pad=0.015, aspect=28)
        low, high = bar.mappable.get_clim()
        ticks: list[float] = [depth for depth in (2, 5, 10, 20, 50, 100, 200) if low <= depth <= high] or [low, high]
        bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        bar.minorticks_off()
        bar.outline.set_linewidth(0.5)
    shapes = [SHAPES[key] for key in SHAPES if any((n.batch_norm, n.skip) == key for n in networks)]
    flat: dict[str, Any] = {"linestyle": "none", "markeredgecolor": INK, "markeredgewidth": 0.5}
    keys = [
        Line2D([], [], marker=shape, markersize=SIZES[shape] ** 0.5, markerfacecolor=GREY, label=label, **flat)
        for shape, label in (shapes if len(shapes) > 1 else [])
    ]
    if fresh:
        flat |= {"markeredgecolor": FAINT, "markerfacecolor": "white"}
        keys.append(Line2D([], [], marker="o", markersize=3.6, label="$R_f$ at initialisation", **flat))
    if relation is not None:
        keys += _law_keys(relation)
    draw_legend(figure, keys)


def _law_keys(relation: Relation) -> list[Line2D]:
    law, root = relation.law, relation.root_law
    b = law.exponent
    told = f"$\\epsilon_t = {law.factor.value:.2g}\\,R_f^{{\\,{b.value:.2f}}}$ ({signed(b.low)} to {signed(b.high)})"
    root_told = f"$\\epsilon_t = {root.factor.value:.2g}\\,\\sqrt{{R_f}}$"
    return [
        Line2D([], [], linestyle="--", color=INK, linewidth=0.9, label=told),
        Line2D([], [], color=ACCENT, linewidth=0.8, label=root_told),
    ]
