"""The (T, c) plane: where deformations are diffeomorphisms, and where they move pixels (Fig. 1)."""

import string
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor

from ...fields import MaxEntropyEnsemble, deform, largest_xi, temperature_range
from ...results import tick_text
from ...streams import StreamKeys
from ..drawing.lines import Drawn, draw_legend, key
from ..drawing.parts import photograph, show_picture
from ..drawing.style import ACCENT, INK, SMALL, WIDTH, house_style

CUTOFFS = (2, 2.5, 3, 4, 5, 6, 7, 8.5, 10, 12, 15, 20)
TICKS = (2, 3, 5, 7, 10, 15, 20)
SAMPLED = (3, 7, 15)  # cutoffs of the samples
DELTAS = {0.5: ":", 1.0: "--"}  # styles of the lines, by pixels
SAMPLE_DELTAS = (1.0, 3.0, 9.0)  # pixels, at 128; in proportion to the side
TEMPERATURES = 60  # along the axis
RULE = "disk"
SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#7cc796"])
HEIGHT = 3.6  # inches
BOUNDARY = "#00734f"  # the line at which P is 1/2
EVERY, THICK = 16, 2  # pixels between the lines of the samples' grid, and of each line, at 128
XI = "probability $P$ that $\\Xi$, the largest local\ndeformation, is below 1: then nothing folds"
MARGIN = 3.0  # of the axis beyond the lines, a factor


def phase_diagram(side: int) -> Drawn:
    """The probability of a diffeomorphism as shading, T_max where it is 1/2, delta = 1/2 and 1, and deformed samples.

    Args:
        side: Side of the photograph, pixels.

    >>> drawn = phase_diagram(16)
    >>> sorted(drawn.table[0])
    ['T', 'cutoff', 'delta', 'probability']
    """
    ensembles = {c: MaxEntropyEnsemble(side, c, delta=1.0) for c in CUTOFFS}
    at_one = {c: ensemble.temperature for c, ensemble in ensembles.items()}
    limits = {c: temperature_range(side, c) for c in CUTOFFS}
    everything = [t for pair in limits.values() for t in pair] + [float(t) for t in at_one.values()]
    temperatures = np.geomspace(min(everything) / MARGIN, max(everything) * MARGIN, TEMPERATURES)
    share = np.array([[ensembles[c].probability_of_diffeomorphism(t) for t in temperatures] for c in CUTOFFS])
    with house_style():
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        left, right = list(figure.subfigures(1, 2, width_ratios=[1.25, 1], squeeze=False)[0])
        panel = left.subplots()
        shading = panel.pcolormesh(temperatures, CUTOFFS, share, cmap=SHADES, vmin=0, vmax=1, shading="gouraud")
        shading.set_rasterized(True)
        bar = left.colorbar(shading, ax=panel, label=XI, pad=0.02, aspect=25, ticks=[0, 0.5, 1])
        bar.outline.set_linewidth(0.5)
        _draw_lines(panel, at_one, limits)
        _draw_samples(panel, right, side)
        panel.set(xscale="log", yscale="log", xlabel="temperature $T$ (strength)", ylabel="cutoff $c$ (finest wave)")
        panel.set_xlim(temperatures[0], temperatures[-1])
        panel.set_yticks(TICKS, labels=map(str, TICKS))
        panel.minorticks_off()
        keys = [key("$P$ = 1/2", color=BOUNDARY, linewidth=1.4)]
        keys += [key(f"$\\delta$ = {tick_text(d)} px", color=INK, linestyle=style) for d, style in DELTAS.items()]
        draw_legend(left, keys)
    table = [
        {"cutoff": c, "T": float(t), "delta": float((t / float(at_one[c])) ** 0.5), "probability": float(share[i, k])}
        for i, c in enumerate(CUTOFFS)
        for k, t in enumerate(temperatures)
    ]
    return Drawn(
        figure, table, [], {"side": side, "cutoff_rule": RULE, "fields": len(largest_xi((side, side), 3, RULE))}
    )


def _draw_lines(panel: Axes, at_one: dict[float, Any], limits: dict[float, tuple[float, float]]) -> None:
    panel.plot([limits[c][1] for c in CUTOFFS], CUTOFFS, color=BOUNDARY, linewidth=1.4, gid="boundary")
    for delta, style in DELTAS.items():
        line = [float(at_one[c]) * delta**2 for c in CUTOFFS]
        panel.plot(line, CUTOFFS, color=INK, linestyle=style, linewidth=0.9, gid=f"delta {delta:g}")


def _draw_samples(panel: Axes, beside: Any, side: int) -> None:
    """A letter for each in the plane, and the deformed photograph beside it: one stream, so one field continued."""
    image = with_grid(photograph(side))
    panels = beside.subplots(len(SAMPLED), len(SAMPLE_DELTAS), squeeze=False)
    keys, letters = StreamKeys(0, torch.tensor([0])), iter(string.ascii_lowercase)
    for row, cutoff in zip(panels, reversed(SAMPLED), strict=True):
        for one, delta in zip(row, SAMPLE_DELTAS, strict=True):
            ensemble = MaxEntropyEnsemble(side, cutoff, delta=delta * side / 128)
            letter, temperature = next(letters), float(ensemble.temperature)
            field = ensemble.sample(keys, dtype=torch.float64)
            show_picture(one, deform(image[None], field)[0])
            folded = ": folds" if bool(field.folds()[0]) else ""
            one.set_title(f"{letter}{folded}", fontsize=SMALL, pad=2)
            panel.plot([temperature], [cutoff], "o", color="white", markersize=10, markeredgecolor=ACCENT)
            panel.annotate(letter, (temperature, cutoff), ha="center", va="center", fontsize=SMALL, color=INK)


def with_grid(image: Tensor) -> Tensor:
    """An image `[3, n, n]` with white lines across, which show how a deformation moves its pixels.

    >>> with_grid(torch.zeros(3, 16, 16))[0].unique()
    tensor([0.0000, 0.5000])
    """
    side = image.shape[-1]
    step, thick = max(2, side * EVERY // 128), max(1, side * THICK // 128)
    on = (torch.arange(side) + step // 2) % step < thick
    return torch.where(on[:, None] | on[None], image + 0.5 * (1 - image), image)
