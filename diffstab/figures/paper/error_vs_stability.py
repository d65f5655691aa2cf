"""The paper's central figure: test error against R_f, D_f and 1/G_f, one point per network (Figs. 5, 15, 16, 19, 20).

Colour and marker tell the family of a network. Bars are the standard deviation of the logarithm over seeds,
or with one seed its own 95 % interval.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...results import set_log_axis
from ...store import Row
from ..drawing.axes import span_of
from ..drawing.codes import AXES, FAMILIES, FAMILY_NAMES, OTHER, Look, families_in, family_of
from ..drawing.lines import Drawn, look_keys
from ..drawing.names import Label, write_labels
from ..drawing.parts import draw_legend
from ..drawing.style import ACCENT, FAINT, INK, WIDTH, house_style
from ..points.networks import Network, gather
from ..points.relation import QUANTITIES, Relation, networks_table, plain, quantity_of, relate

HEIGHT, BELOW, BESIDE = 4.4, 2.6, 3.4  # inches: of the panel of R, of those below it, of two without it
MOST_NAMES = 40  # in a panel; more can't be read
SIZES = {"o": 30, "D": 25, "^": 34, "s": 27, "v": 34, "P": 38, "X": 38}  # square points; of one area to the eye


def error_vs_stability(
    networks: Sequence[Network],
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
        figure, panels = _panels(quantities)
        fresh = [network for network in networks if show_init and network.R_init is not None and "R" in panels]
        for quantity, panel in panels.items():
            _draw_points(panel, networks, quantity)
            told = (signed(value) for value in relation.correlations[quantity])
            panel.set_title("correlation {} ({} to {})".format(*told))
            panel.set_xlabel(AXES[quantity])
            if quantity == "R":
                _draw_init(panel, fresh)
                _draw_laws(panel, relation, span_of([network.R for network in networks]))
        for quantity, panel in panels.items():
            spreads = [quantity_of(network, quantity) for network in networks]
            more = [network.R_init for network in fresh if network.R_init] if quantity == "R" else []
            set_log_axis(panel, "x", span_of([*spreads, *more]))
        set_log_axis(figure.axes[0], "y", span_of([network.error for network in networks]))
        draw_legend(figure, _keys(networks, relation if "R" in panels else None, fresh=bool(fresh)))
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


def _write_names(figure: Figure, panel: Axes, quantity: str, networks: Sequence[Network]) -> list[str]:
    """Writes the network's labels beside its points, and returns notes on those without a place."""
    if len(networks) > MOST_NAMES:
        return [f"{len(networks)} networks are too many to write their names in the figure; its CSV file has them"]
    labels = [Label(n.label, quantity_of(n, quantity).value, n.error.value) for n in networks]
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
    """The same from rows; its setting holds the correlations and fits too. Raises what `gather` and `relate` raise.

    Args:
        rows: Rows of a store or of its CSV export.
        filters: Conditions that every row must pass, as in `store.select`.
        show_init: Show R at initialisation too, where it was measured.
        quantities: Panels; that of R is large and stands above the others.
    """
    from ...models import traits_of  # takes torch

    gathered = gather(rows, filters, traits=traits_of)
    relation = relate(gathered.networks)
    figure, notes = error_vs_stability(gathered.networks, relation, show_init=show_init, quantities=quantities)
    setting = {**gathered.setting, **plain(relation, str(gathered.setting.get("dataset")))}
    return Drawn(figure, networks_table(gathered.networks), [*gathered.notes, *notes], setting)


def _look(network: Network) -> Look:
    family = family_of(network.name)
    return FAMILIES[family] if family else OTHER


def _draw_points(panel: Axes, networks: Sequence[Network], quantity: str) -> None:
    for network in networks:
        at = quantity_of(network, quantity)
        x, y = at.value, network.error.value
        panel.errorbar(x, y, yerr=network.error.arms(), xerr=at.arms(), fmt="none", ecolor=FAINT, elinewidth=0.6)
        colour, shape = _look(network)
        style: dict[str, Any] = {"s": SIZES[shape], "linewidths": 0.5, "edgecolors": "white", "zorder": 3}
        panel.scatter([x], [y], marker=shape, c=[colour], gid=network.name, **style)


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
        colour, shape = _look(network)
        style: dict[str, Any] = {"s": SIZES[shape] / 2, "linewidths": 0.7, "edgecolors": colour, "zorder": 2}
        panel.scatter([network.R_init.value], [y], marker=shape, c="white", gid=f"{network.name} init", **style)


def _draw_laws(panel: Axes, relation: Relation, span: tuple[float, float]) -> None:
    R = np.geomspace(*span, 50)
    law, root = relation.law, relation.root_law
    style: dict[str, Any] = {"zorder": 1.5, "scalex": False, "scaley": False}
    panel.plot(R, law.factor.value * R**law.exponent.value, "-", color=INK, linewidth=0.9, gid="fit", **style)
    panel.plot(R, root.factor.value * R**0.5, "-.", color=ACCENT, linewidth=0.9, gid="root", **style)


def _keys(networks: Sequence[Network], relation: Relation | None, *, fresh: bool) -> list[Line2D]:
    """The entries of the key: families, initialisation, and both power laws."""
    keys = family_keys([network.name for network in networks])
    if fresh:
        keys += look_keys({"$R_f$ at initialisation": OTHER}, joined=False)
        keys[-1].set_markerfacecolor("white")
    return keys if relation is None else keys + _law_keys(relation)


def family_keys(names: Sequence[str]) -> list[Line2D]:
    """An entry of the key for each family of networks; none where no network is of a known family."""
    families = families_in(names)
    looks = {FAMILY_NAMES[name] if name else "other": FAMILIES[name] if name else OTHER for name in families}
    return look_keys(looks, joined=False) if any(families) else []


def _law_keys(relation: Relation) -> list[Line2D]:
    law, root = relation.law, relation.root_law
    b = law.exponent
    power = f"{law.factor.value:.2g}\\,R_f^{{\\,{b.value:.2f}}}"
    told = f"error = ${power}$ ({signed(b.low)} to {signed(b.high)})"
    root_told = f"error = ${root.factor.value:.2g}\\,\\sqrt{{R_f}}$"
    return [
        Line2D([], [], color=INK, linewidth=0.9, label=told),
        Line2D([], [], linestyle="-.", color=ACCENT, linewidth=0.9, label=root_told),
    ]
