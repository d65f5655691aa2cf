"""The house style of figures: sizes and colours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib

WIDTH = 7.0  # inches, across two columns
SMALL, NORMAL = 8.0, 9.0  # points; capitals are 8 pixels high where a picture is 700 wide
INK, FAINT = "#222222", "#8a8a8a"
ACCENT = "#c4451c"  # a line over the points
DPI = 300

STYLE: Any = {  # by matplotlib's keys
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,  # letters stay text
    "figure.dpi": DPI,  # texts are measured as they are written
}
TICKS = {"labelsize": SMALL, "color": INK, "major.width": 0.6, "minor.width": 0.4, "major.size": 3, "minor.size": 1.6}
STYLE |= {f"{axis}tick.{name}": value for axis in "xy" for name, value in TICKS.items()}


@contextmanager
def house_style() -> Iterator[None]:
    """Gives figures that are drawn and written inside the project's style, whatever the user's settings."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield
