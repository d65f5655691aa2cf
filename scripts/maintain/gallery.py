"""docs/figures.md from gallery.md: every number is read from the CSV file of its figure.

    make figures
    python scripts/maintain/gallery.py --figures figures
    python scripts/maintain/gallery.py --redraw

Copies the pictures and their points into docs/images, and fills the template. A picture of FashionMNIST is what
`diffstab figure NAME --preset fashion` writes, renamed to NAME-fashion. In the template,

    {{fig03-delta R model=resnet18 weights=trained cutoff=3 delta=1}}

is R with its bar, from the one line of fig03-delta.csv that has these values; {{fig03-delta R! ...}} is R alone,
{{... error% ...}} a percentage, and {{A / B}} the ratio of two such values.
"""

import csv
import re
import shutil
import tempfile
import textwrap
from functools import cache
from pathlib import Path

import click
from kept_points import described, rows_of

from diffstab.cli import OneLineErrors
from diffstab.figures import FIGURES, figure_named
from diffstab.figures.drawing import write_files
from diffstab.figures.drawing.lines import Drawn
from diffstab.writing import write_atomically

ROOT = Path(__file__).parents[2]
TEMPLATE, PAGE, IMAGES = Path(__file__).with_name("gallery.md"), ROOT / "docs" / "figures.md", ROOT / "docs" / "images"
WIDTH = 120  # letters in a line
ALSO = {"fig14-depth-fashion": figure_named("fig14-depth")}  # by the name of the picture
PICTURES = {kind.name: kind for kind in FIGURES} | ALSO
FIELD = re.compile(r"\{\{([^{}]+)\}\}")


@click.command(cls=OneLineErrors)
@click.option("--figures", type=click.Path(path_type=Path, exists=True), help="Take pictures and points from here.")
@click.option("--redraw", is_flag=True, help="Draw every picture again from its kept points, without measuring.")
def main(figures: Path | None, redraw: bool) -> None:
    """Write docs/figures.md."""
    for name in PICTURES if figures else ():
        for suffix in (".png", ".csv"):
            if (figures / f"{name}{suffix}").exists():
                shutil.copy(figures / f"{name}{suffix}", IMAGES)
    for name in PICTURES if redraw else ():
        if (IMAGES / f"{name}.png").exists():
            draw(name)
    write_atomically(PAGE, page(TEMPLATE.read_text(), IMAGES).encode())


def drawn_again(name: str) -> Drawn:
    """Returns the figure of a picture, drawn from its kept points."""
    kind = PICTURES[name]
    return kind.draw(rows_of(name, IMAGES)) if kind.sweeps else kind.draw_without_rows("laptop")


def draw(name: str) -> None:
    """Writes a picture anew; its points and its description stay."""
    picture = IMAGES / f"{name}.png"
    figure, origin = drawn_again(name).figure, described(picture)
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder) / name, figure, title=PICTURES[name].title, origin=origin)
        shutil.copy(Path(folder) / picture.name, IMAGES)


def page(template: str, folder: Path) -> str:
    """The template with its fields filled from the CSV files of a folder, and its paragraphs wrapped again."""
    text = FIELD.sub(lambda match: filled(match[1], folder), template)
    return "\n\n".join(wrapped(paragraph) for paragraph in text.strip().split("\n\n")) + "\n"


def wrapped(paragraph: str) -> str:
    """Wraps prose; titles, pictures, commands, lists and tables stay as they are."""
    if paragraph.startswith(("#", "!", "```", "- ", "|")):
        return paragraph
    return textwrap.fill(" ".join(re.split("[ \n]+", paragraph)), WIDTH, break_long_words=False, break_on_hyphens=False)


def filled(text: str, folder: Path) -> str:
    """Returns the text of one field."""
    parts = [part.split() for part in text.split(" / ")]
    if len(parts) == 2:
        values = [float(line_of(words, folder)[words[1]]) for words in parts]
        return told(values[0] / values[1], 2)
    words = parts[0]
    quantity = words[1].rstrip("!%")
    line = line_of([words[0], quantity, *words[2:]], folder)
    scale, unit = (100, "\N{NO-BREAK SPACE}%") if words[1].endswith("%") else (1, "")
    value = told(scale * float(line[quantity])) + unit
    if words[1].endswith("!") or not line.get(f"{quantity}_low"):
        return value
    low, high = (told(scale * float(line[f"{quantity}_{end}"])) for end in ("low", "high"))
    return f"{value} ({low} to {high})"


def told(value: float, digits: int = 3) -> str:
    """A number in few digits; large numbers in full."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text else text


def line_of(words: list[str], folder: Path) -> dict[str, str]:
    """The one line of a figure's points that has the values that are named."""
    name, quantity, *filters = words
    lines = points(folder / f"{name}.csv")
    wanted = dict(text.split("=", 1) for text in filters)
    unknown = [column for column in wanted if column not in lines[0]]
    if unknown:
        raise ValueError(f"{' '.join(words)}: {name}.csv has no column {unknown[0]!r}; it has {', '.join(lines[0])}")
    found = [line for line in lines if all(same(line[column], value) for column, value in wanted.items())]
    if len(found) != 1 or quantity not in found[0]:
        raise ValueError(f"{' '.join(words)}: {len(found)} lines of {name}.csv; one with {quantity} is needed")
    return found[0]


@cache
def points(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def same(text: str, wanted: str) -> bool:
    """Equal as numbers, or as texts; a space of a text is written as _."""
    try:
        return float(text) == float(wanted)
    except ValueError:
        return text.replace(" ", "_") == wanted


if __name__ == "__main__":
    main()
