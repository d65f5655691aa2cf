"""docs/figures.md from gallery.md: every number is read from the CSV file of its figure.

    make figures
    python scripts/figures/gallery.py --figures figures

Copies the pictures and their points into docs/images, and fills the template. In it,

    {{fig03-delta R model=resnet18 weights=trained cutoff=3 delta=1}}

is R with its bar, from the one line of fig03-delta.csv that has these values; {{fig03-delta R! ...}} is R alone,
{{... error% ...}} a percentage, and {{A / B}} the ratio of two such values.
"""

import csv
import re
import shutil
from functools import cache
from pathlib import Path

import click

from diffstab.cli.errors import OneLineErrors
from diffstab.figures.catalogue import NAMES
from diffstab.results import write_atomically

ROOT = Path(__file__).parents[2]
TEMPLATE, PAGE, IMAGES = Path(__file__).with_name("gallery.md"), ROOT / "docs" / "figures.md", ROOT / "docs" / "images"
FIELD = re.compile(r"\{\{([^{}]+)\}\}")


@click.command(cls=OneLineErrors)
@click.option("--figures", type=click.Path(path_type=Path, exists=True), help="Take pictures and points from here.")
def main(figures: Path | None) -> None:
    """Write docs/figures.md."""
    for name in NAMES if figures else ():
        for suffix in (".png", ".csv"):
            if (figures / f"{name}{suffix}").exists():
                shutil.copy(figures / f"{name}{suffix}", IMAGES)
    write_atomically(PAGE, page(TEMPLATE.read_text(), IMAGES).encode())


def page(template: str, folder: Path) -> str:
    """The template with its fields filled from the CSV files of a folder."""
    return FIELD.sub(lambda match: filled(match[1], folder), template)


def filled(text: str, folder: Path) -> str:
    """One field."""
    parts = [part.split() for part in text.split(" / ")]
    if len(parts) == 2:
        values = [float(line_of(words, folder)[words[1]]) for words in parts]
        return f"{values[0] / values[1]:.2g}"
    words = parts[0]
    quantity = words[1].rstrip("!%")
    line = line_of([words[0], quantity, *words[2:]], folder)
    scale, unit = (100, " %") if words[1].endswith("%") else (1, "")
    value = f"{scale * float(line[quantity]):.3g}{unit}"
    if words[1].endswith("!") or not line.get(f"{quantity}_low"):
        return value
    low, high = (scale * float(line[f"{quantity}_{end}"]) for end in ("low", "high"))
    return f"{value} ({low:.3g} to {high:.3g})"


def line_of(words: list[str], folder: Path) -> dict[str, str]:
    """The one line of a figure's points that has the values that are named."""
    name, quantity, *filters = words
    lines = points(folder / f"{name}.csv")
    wanted = dict(text.split("=", 1) for text in filters)
    found = [line for line in lines if all(same(line[column], value) for column, value in wanted.items())]
    if len(found) != 1 or quantity not in found[0]:
        raise ValueError(f"{' '.join(words)}: {len(found)} lines of {name}.csv; one with {quantity} is needed")
    return found[0]


@cache
def points(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def same(text: str, wanted: str) -> bool:
    try:
        return float(text) == float(wanted)
    except ValueError:
        return text == wanted


if __name__ == "__main__":
    main()
