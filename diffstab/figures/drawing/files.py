"""The files of a figure: FIGURE.png, FIGURE.pdf and FIGURE.csv, the table behind it."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def write_files(stem: Path, figure: "Figure", table: bytes, *, title: str, origin: Mapping[str, Any]) -> list[Path]:
    """Writes STEM.png, STEM.pdf and STEM.csv, each whole or not at all.

    Args:
        stem: Path from `stem_of`.
        figure: Drawn under `style.house_style`.
        table: Content from `table_csv`.
        title: Title of the figure.
        origin: Version, commit, setting and the like; kept in the pictures.

    Raises:
        ValueError: If the folder is missing or can't be written.
    """
    from .style import write_figure  # takes matplotlib

    path = stem.with_name(f"{stem.name}.csv")
    write_atomically(path, table)
    return [*write_figure(figure, stem, title=title, origin=origin), path]
