"""delta and the largest Xi against their asymptotic laws (Fig. 8)."""

import math
from typing import Any

import numpy as np
import torch

from ...fields import MaxEntropyEnsemble, largest_xi
from ...streams import StreamKeys
from ..drawing.axes import figure_of, set_log
from ..drawing.codes import Look
from ..drawing.lines import Drawn, draw_legend, key, look_keys, marks
from ..drawing.style import ACCENT, FAINT, INK
from ..points.spread import exactly

CUTOFFS = (2, 3, 4, 5, 7, 10, 14, 20)
FIELDS = 500  # behind the measured delta
HEIGHT = 3.2  # inches
LOOKS = {"disk": Look(INK, "o"), "half-integer": Look(ACCENT, "s")}


def asymptotics(side: int) -> Drawn:
    """delta^2 / (n^2 T) and the median of max Xi / sqrt(T), for both cutoff rules, with Eqs. 3 and 13 as lines.

    Args:
        side: n of the fields, pixels.

    >>> drawn = asymptotics(16)
    >>> len(drawn.table), drawn.table[0]["cutoff_rule"]
    (16, 'disk')
    """
    table = [_line(side, c, rule) for rule in LOOKS for c in CUTOFFS]
    with figure_of(HEIGHT, 1, 2) as (figure, (left, right)):
        for rule, look in LOOKS.items():
            own = [line for line in table if line["cutoff_rule"] == rule]
            style: dict[str, Any] = {"linestyle": "none", **marks(look)}
            left.errorbar(CUTOFFS, [o["delta2"] for o in own], [2 * o["delta2_error"] for o in own], **style)
            right.plot(CUTOFFS, [o["max_xi"] for o in own], gid=rule, **style)
        fine = np.geomspace(CUTOFFS[0], CUTOFFS[-1], 100)
        law: dict[str, Any] = {"color": FAINT, "linewidth": 0.9}
        left.plot(fine, math.pi / 4 * np.log(fine), gid="Eq. 3", **law)
        right.plot(fine, fine / 2 * np.sqrt(math.pi**3 * np.log(fine)), gid="Eq. 13", **law)
        left.set_ylabel("squared displacement $\\delta^2 / (n^2 T)$")
        right.set_ylabel("largest local deformation $\\Xi / \\sqrt{T}$, median")
        for panel in (left, right):
            panel.set(xscale="log", xlabel="cutoff $c$")
            panel.set_xticks(CUTOFFS, labels=map(str, CUTOFFS))
            panel.minorticks_off()
        set_log(
            right, "y", [], more=[exactly(line[name]) for line in table for name in ("max_xi", "max_xi_asymptotic")]
        )
        points = look_keys({f"measured, cutoff rule {rule}": look for rule, look in LOOKS.items()}, joined=False)
        draw_legend(figure, [*points, key("asymptotic laws, Eqs. 3 and 13", **law)])
    return Drawn(figure, table, [], {"side": side, "fields": FIELDS})


def _line(side: int, cutoff: float, rule: str) -> dict[str, Any]:
    ensemble = MaxEntropyEnsemble(side, cutoff, temperature=1.0, cutoff_rule=rule)
    fields = ensemble.sample(StreamKeys(0, torch.arange(FIELDS)), dtype=torch.float64)
    # the average over the square, of which the pixels of the frame stand for half the area
    squared = (fields.displacement() / side).square().sum(1)[:, :-1, :-1].mean((-2, -1))
    assert isinstance(ensemble.delta, float)
    return {
        "cutoff_rule": rule,
        "cutoff": cutoff,
        "delta2": float(squared.mean()),
        "delta2_error": float(squared.std() / FIELDS**0.5),
        "delta2_exact": (ensemble.delta / side) ** 2,
        "delta2_asymptotic": math.pi / 4 * math.log(cutoff),
        "max_xi": float(largest_xi((side, side), cutoff, rule).quantile(0.5)),
        "max_xi_asymptotic": cutoff / 2 * math.sqrt(math.pi**3 * math.log(cutoff)),
    }
