"""The files of a figure: FIGURE.png, FIGURE.pdf and FIGURE.csv, the table behind it."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ...writing import check_writable, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf", ".csv")


def stem_of(output: Path) -> Path:
    """The path of a figure's files without their suffixes, once each can be written.

    Raises:
        ValueError: If the output names no file, or can't be written.

    >>> stem_of(Path("figure.png"))
    PosixPath('figure')
    """
    stem = output.with_suffix("") if output.suffix.lower() in SUFFIXES else output
    if not stem.name or str(output).endswith("/"):
        raise ValueError(f"output is {str(output)!r}; the name of a file is needed")
    for suffix in SUFFIXES:
        check_writable(stem.with_name(stem.name + suffix))
    return stem


def table_csv(lines: Sequence[Mapping[str, Any]]) -> bytes:
    """Lines with the same columns as a CSV file; what is None stands empty.

    >>> table_csv([{"model": "lenet", "R": 0.5, "R_low": None}])
    b'model,R,R_low\\nlenet,0.5,\\n'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode(errors="backslashreplace")  # names that are no text


def write_files(
    stem: Path, figure: "Figure", table: bytes | None = None, *, title: str, origin: Mapping[str, Any]
) -> list[Path]:
    """Writes STEM.png, STEM.pdf and STEM.csv, each whole or not at all; the pictures' metadata say what made them.

    Args:
        stem: Path from `stem_of`.
        figure: Drawn under `style.house_style`.
        table: Content from `table_csv`; without it there is no STEM.csv.
        title: Title of the figure.
        origin: Version, commit, setting and the like; becomes JSON.

    Raises:
        ValueError: If the folder is missing or can't be written.
    """
    from .style import DPI, house_style  # takes matplotlib

    told = json.dumps(origin, sort_keys=True)
    creator = f"diffstab {origin.get('diffstab', '')}".strip()
    about = {"Title": title, "Creator": creator, "Subject": told, "CreationDate": None}  # equal data, equal file
    files = {".csv": table} if table is not None else {}
    with house_style():
        for suffix in SUFFIXES[:2]:
            content = io.BytesIO()
            figure.savefig(content, format=suffix[1:], dpi=DPI, metadata=about if suffix == ".pdf" else None)
            texts = {"Title": title, "Description": told, "Software": creator}
            files[suffix] = content.getvalue() if suffix == ".pdf" else _in_few_colours(content, texts, DPI)
    for suffix, content_ in files.items():
        write_atomically(stem.with_name(stem.name + suffix), content_)
    return [stem.with_name(stem.name + suffix) for suffix in SUFFIXES if suffix in files]


def _in_few_colours(png: io.BytesIO, texts: Mapping[str, str], dpi: float) -> bytes:
    """A PNG file with 256 colours, as many as the eye tells apart in a figure and a third of the bytes; with texts."""
    chunks = PngInfo()
    for name, text in texts.items():
        chunks.add_text(name, text)
    content = io.BytesIO()
    with Image.open(png) as picture:
        few = picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(content, format="png", pnginfo=chunks, dpi=(dpi, dpi), optimize=True)
    return content.getvalue()
