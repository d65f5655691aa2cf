"""The sphere of perturbations around an image: deformations against noise of the same norm, with samples (Fig. 2).

A plane through the image, spanned by the two directions in which deformations, scaled to the sphere, vary most. Noise
is random among all directions, so next to nothing of it lies in any plane: its points stay at the centre.
"""

import math
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from torch import Tensor

from ...fields import MaxEntropyEnsemble, deform
from ...streams import StreamKeys, sphere_noise
from ..drawing.axes import figure_of
from ..drawing.codes import QUANTITIES as LOOKS
from ..drawing.lines import Drawn, draw_legend, key
from ..drawing.parts import photograph, show_picture
from ..drawing.style import FAINT, INK

SAMPLES = 200
CUTOFF, DELTA = 3, 3.0  # the latter in pixels of a side of 128
HEIGHT = 2.75  # inches
KINDS = {"deformation": LOOKS["D"], "noise": LOOKS["G"]}  # as what networks do under them


def sphere_of_perturbations(side: int) -> Drawn:
    """Both kinds projected on that plane, in units of the radius, and an image of each.

    Args:
        side: Side of the photograph, pixels.

    >>> drawn = sphere_of_perturbations(16)
    >>> len(drawn.table), sorted(drawn.table[0])
    (400, ['kind', 'share_in_plane', 'x', 'y'])
    """
    image = photograph(side)
    keys = StreamKeys(0, torch.arange(SAMPLES))
    ensemble = MaxEntropyEnsemble(side, CUTOFF, delta=DELTA * side / 128)
    changes = deform(image, ensemble.sample(keys, dtype=torch.float64)) - image
    norms = changes.flatten(1).norm(dim=1)
    radius = float(norms.median())
    units = {"deformation": changes.flatten(1) / norms[:, None]}
    units["noise"] = sphere_noise(keys, tuple(image.shape)).flatten(1).double()
    plane = torch.linalg.svd(units["deformation"] - units["deformation"].mean(0), full_matrices=False).Vh[:2]
    points = {kind: unit @ plane.T for kind, unit in units.items()}
    typical = int((norms - radius).abs().argmin())
    shown = {kind: image + unit[typical].view(image.shape) * radius for kind, unit in units.items()}
    with figure_of(HEIGHT, 1, 4, width_ratios=[1.25, 1, 1, 1]) as (figure, panels):
        _draw_sphere(panels[0], points)
        show_picture(panels[1], image, "image $x$")
        show_picture(panels[2], shown["deformation"], "deformed $\\tau x$")
        show_picture(panels[3], shown["noise"], "with noise $x + \\eta$")
        style: dict[str, Any] = {"linestyle": "none", "markersize": 4}
        told = {"deformation": "deformations $\\tau x$", "noise": "noise $x + \\eta$"}
        draw_legend(
            figure, [key(told[kind], color=look.colour, marker=look.marker, **style) for kind, look in KINDS.items()]
        )
    setting = {"side": side, "cutoff": CUTOFF, "delta": ensemble.delta, "samples": SAMPLES, "radius": radius}
    table = [
        {"kind": kind, "x": float(x), "y": float(y), "share_in_plane": float(x**2 + y**2)}
        for kind, own in points.items()
        for x, y in own
    ]
    return Drawn(figure, table, [], {**setting, "relative_radius": radius / float(image.norm())})


def _draw_sphere(panel: Axes, points: dict[str, Tensor]) -> None:
    panel.add_patch(Circle((0, 0), 1, fill=False, edgecolor=FAINT, linewidth=0.8))
    for kind, own in points.items():
        colour, marker = KINDS[kind]
        panel.plot(
            *own.T.numpy(), marker, color=colour, markersize=2, alpha=0.7, gid=kind, zorder=6 if kind == "noise" else 2
        )
    panel.plot([0], [0], "o", color=INK, markersize=7, markerfacecolor="none", zorder=5)
    panel.annotate("$x$", (0, 0), (0.12, -0.72), arrowprops={"arrowstyle": "-", "linewidth": 0.6, "color": INK})
    end = math.sqrt(0.5)
    panel.annotate("", (-end, end), (0, 0), arrowprops={"arrowstyle": "->", "linewidth": 0.8, "color": INK})
    panel.annotate("$r$", (-0.85 * end, 0.85 * end), (4, 2), textcoords="offset points")
    panel.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    panel.set(xlabel="first direction / $r$", ylabel="second direction / $r$")
