"""A fold and what it does: an idealised image, a diffeomorphism of it, one with folds, and tangents (Fig. 9)."""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from ...fields import DisplacementField, MaxEntropyEnsemble, deform
from ...streams import StreamKeys
from ..drawing.axes import figure_of
from ..drawing.lines import Drawn, draw_legend, key
from ..drawing.parts import show_picture
from ..drawing.style import ACCENT, FAINT, INK

CUTOFF = 5
TEMPERATURES = (2e-3, 3e-2)  # below and above T_max
SEED = 1
PALETTE = ("#f4f1ea", "#0072b2", "#e69f00", "#009e73", "#cc79a7")
HEIGHT = 2.85  # inches
DOTS = dict(zip(TEMPERATURES, ("#56b4e9", ACCENT), strict=True))  # colours of the last panel
ALLOWED, SMALL = "#d9efe2", "#bdbdbd"  # behind the tangents that do not turn round, and of small gradients
EVERY = 4  # pixels between the points of the last panel
REACH = 2.2  # of its axes


def folding(side: int) -> Drawn:
    """Four panels: T = 0, two temperatures, and u' = u - (u . grad) tau of the direction u = (1, 0) at many pixels.

    Args:
        side: Pixels.

    >>> drawn = folding(32)
    >>> [line["folds"] for line in drawn.table[:1]], sorted(drawn.table[0])
    ([False], ['across', 'along', 'folds', 'temperature', 'xi'])
    """
    image = idealised_image(side)
    keys = StreamKeys(SEED, torch.tensor([0]))
    fields = [
        MaxEntropyEnsemble(side, CUTOFF, temperature=t).sample(keys, dtype=torch.float64)[0] for t in TEMPERATURES
    ]
    with figure_of(HEIGHT, 1, 4, width_ratios=[1, 1, 1, 1.15]) as (figure, panels):
        show_picture(panels[0], image, "$T$ = 0")
        for panel, field, t in zip(panels[1:], fields, TEMPERATURES, strict=False):
            show_picture(panel, deform(image, field), f"$T$ = {t:g}:\n{'folds' if bool(field.folds()) else 'no fold'}")
        _draw_tangents(panels[3], fields)
        style: dict[str, Any] = {"linestyle": "none", "markersize": 5}
        dots = {**style, "marker": "o", "markersize": 3}
        entries = [key(f"$u$\N{PRIME} at $T$ = {t:g}", color=colour, **dots) for t, colour in DOTS.items()]
        entries += [key("$u$\N{PRIME}$ \\cdot u > 0$ (Eq. 12)", marker="s", color=ALLOWED, **style)]
        entries += [key("$\\Vert\\nabla\\tau\\Vert_\\infty < 1$", marker="o", color=SMALL, **style)]
        draw_legend(figure, entries)
    table = [line for field, t in zip(fields, TEMPERATURES, strict=True) for line in _tangent_lines(field, t)]
    return Drawn(figure, table, [], {"side": side, "cutoff": CUTOFF, "seed": SEED})


def idealised_image(side: int) -> Tensor:
    """A few discs of one colour each: float64 `[3, side, side]` from 0 to 1.

    >>> idealised_image(32).shape
    torch.Size([3, 32, 32])
    """
    line = torch.linspace(0, 1, side, dtype=torch.float64)
    y, x = torch.meshgrid(line, line, indexing="ij")
    which = torch.zeros(side, side, dtype=torch.int64)
    for k, (u, v, radius) in enumerate([(0.5, 0.5, 0.36), (0.36, 0.4, 0.12), (0.66, 0.4, 0.12), (0.5, 0.68, 0.13)]):
        which[(x - u) ** 2 + (y - v) ** 2 < radius**2] = k + 1
    colours = [[int(name[k : k + 2], 16) / 255 for k in (1, 3, 5)] for name in PALETTE]
    return torch.tensor(colours, dtype=torch.float64)[which].permute(2, 0, 1)


def tangents(field: DisplacementField) -> Tensor:
    """u' = u - (u . grad) tau for u along x (Eq. 9), dimensionless: `[2, H, W]`, along u and across it.

    >>> tangents(DisplacementField(torch.zeros(2, 1, 1), (4, 4)))[0, 0]
    tensor([1., 1., 1., 1.])
    """
    gradient = field.gradient()  # d tau_a / d s_b
    return torch.stack([1 - gradient[0, 0], -gradient[1, 0]])


def _tangent_lines(field: DisplacementField, temperature: float) -> list[dict[str, Any]]:
    along, across = tangents(field)[:, ::EVERY, ::EVERY].flatten(1).tolist()
    # on -tau, which the deformed image reads: u . u' > 0 for all u where it is below 1
    xi = DisplacementField(-field.coefficients, field.size).xi()[::EVERY, ::EVERY].flatten().tolist()
    folds = bool(field.folds())
    return [
        {"temperature": temperature, "folds": folds, "along": a, "across": b, "xi": x}
        for a, b, x in zip(along, across, xi, strict=True)
    ]


def _draw_tangents(panel: Axes, fields: list[DisplacementField]) -> None:
    panel.add_patch(Rectangle((0, -REACH), REACH + 1, 2 * REACH, color=ALLOWED, zorder=0))
    panel.add_patch(Circle((1, 0), 1, color=SMALL, zorder=0.5))
    for temperature, field in reversed(list(zip(TEMPERATURES, fields, strict=True))):
        along, across = tangents(field)[:, ::EVERY, ::EVERY].flatten(1).numpy()
        panel.plot(along, across, ".", color=DOTS[temperature], markersize=1.8, gid=f"T {temperature:g}")
    panel.annotate("", (1, 0), (0, 0), zorder=6, arrowprops={"arrowstyle": "->", "linewidth": 1.2, "color": INK})
    name = panel.annotate("$u$", (0, 0), (-4, 0), textcoords="offset points", ha="right", va="center", zorder=6)
    name.set_path_effects([withStroke(linewidth=2.0, foreground="white")])
    panel.axvline(0, color=FAINT, linewidth=0.5)
    panel.set(xlim=(-1.4, REACH + 1), ylim=(-REACH, REACH), aspect="equal")
    panel.set(xlabel="$u$\N{PRIME} along $u$", ylabel="$u$\N{PRIME} across $u$")
