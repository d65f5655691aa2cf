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
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,  # letters stay text
    "figure.dpi": DPI,  # texts are measured as they are written
}


@contextmanager
def house_style() -> Iterator[None]:
    """Gives figures that are drawn and written inside the project's style, whatever the user's settings."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield
