"""The house style of figures, and how they are written: sizes, colours, and files that say where they come from."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ...writing import write_atomically

WIDTH = 7.0  # inches, across two columns
SMALL, NORMAL = 8.0, 9.0  # points; capitals are 8 pixels high where a picture is 700 wide
INK, FAINT = "#222222", "#8a8a8a"
ACCENT = "#c4451c"  # a line over the points
DPI = 300
FORMATS = ("png", "pdf")

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


def write_figure(figure: Figure, stem: Path, *, title: str, origin: Mapping[str, Any]) -> list[Path]:
    """Writes STEM.png and STEM.pdf, each whole or not at all, with what made them in their metadata.

    Args:
        figure: Drawn under `house_style`.
        stem: Path without a suffix.
        title: Title of the figure.
        origin: Settings, commit and the like; becomes JSON.

    Raises:
        ValueError: If the folder is missing or can't be written.
    """
    told = json.dumps(origin, sort_keys=True)
    creator = f"diffstab {origin.get('diffstab', '')}".strip()
    about = {"Title": title, "Creator": creator, "Subject": told, "CreationDate": None}  # equal data, equal file
    paths = []
    with house_style():
        for form in FORMATS:
            content = io.BytesIO()
            figure.savefig(content, format=form, dpi=DPI, metadata=about if form == "pdf" else None)
            paths.append(stem.with_name(f"{stem.name}.{form}"))
            texts = {"Title": title, "Description": told, "Software": creator}
            write_atomically(paths[-1], content.getvalue() if form == "pdf" else _in_few_colours(content, texts))
    return paths


def _in_few_colours(png: io.BytesIO, texts: Mapping[str, str]) -> bytes:
    """A PNG file with 256 colours, as many as the eye tells apart in a figure and a third of the bytes; with texts."""
    chunks = PngInfo()
    for name, text in texts.items():
        chunks.add_text(name, text)
    content = io.BytesIO()
    with Image.open(png) as picture:
        few = picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(content, format="png", pnginfo=chunks, dpi=(DPI, DPI), optimize=True)
    return content.getvalue()
