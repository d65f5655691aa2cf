"""Write docs/predicting-error.md and its pictures from kept rows, and the kept rows from stores.

    pip install 'diffstab[plot]'
    python scripts/maintain/predict_error.py --store zoo --store zoo-half --store zoo-twice --store zoo-more

First writes the tables of `kept_rows` in pretrained/ whose cells are all in the stores, then the pictures in
docs/images and the page. Without --store the tables stay as they are. With --check nothing is written; the script says
if page and tables agree.
"""

import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import error_page
import error_trials
from error_changes import curves_of_figure, curves_over_size
from error_numbers import table_of, trained_networks
from error_page import Study, table
from gallery import WIDTH, wrapped
from kept_rows import KEPT, PRETRAINED, keep_rows, specs_of

import diffstab
from diffstab.cli import OneLineErrors
from diffstab.figures import figure_named
from diffstab.figures.points.relation import relate
from diffstab.provenance import git_commit
from diffstab.store import FAILED, Store
from diffstab.sweep import Job
from diffstab.writing import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
PAGE, IMAGES = ROOT / "docs" / "predicting-error.md", ROOT / "docs" / "images"
FASHION = "fashionmnist"
TITLES = {"mnist5k": "Digits", FASHION: "FashionMNIST"}
PICTURES = {"": ("R",), "-parts": ("D", "1/G")}  # panels, by the ending of the picture's name
FIGURES = {  # of FashionMNIST, with filters, by the ending of their rows' table
    "-measure": ("fig21-deformations", ("convention=paper", "average=median", "split=test", "images=1000")),
    "-size": ("fig13-fashionmnist", ()),
}
SHOWN = {  # by section: ending of its picture's name and of its rows' table, what it shows, its like in docs/figures.md
    "Measured in other ways": (
        *("-measure", "Test error against R_f over delta and cutoff"),
        "fig-21-error-against-r_f-over-delta-and-cutoff",
    ),
    "More networks": ("-more", "Test error against R_f of all networks", None),
    "More training images": ("-size", "R_f against the number of training images", "fig-3-right-r_f-against-p"),
}
TRAININGS = {  # by the ending of their table
    "": "each seed of the 15 networks",
    "-half": "half the epochs",
    "-twice": "twice the epochs",
    "-more": "the further networks",
    "-size": "the training sets",
}
SECTIONS = {
    "Within families and across": error_page.family_section,
    "Which of the three predicts better": error_page.rival_section,
    "Beyond depth and size": error_page.architecture_section,
    "A network that was left out": error_page.prediction_section,
    "Measured in other ways": error_trials.way_section,
    "Seeds of the same network": error_trials.seed_section,
    "Epochs": error_trials.epoch_section,
    "More networks": error_trials.more_section,
    "More training images": error_trials.size_section,
}


@click.command(cls=OneLineErrors)
@click.option(
    "--store", "stores", multiple=True, type=click.Path(path_type=Path, exists=True), help="Take rows from this store."
)
@click.option("--some", is_flag=True, help="Write tables of unfinished sweeps too.")
@click.option("--check", is_flag=True, help="Write nothing; the status is 1 if page and rows don't agree.")
def main(stores: tuple[Path, ...], some: bool, check: bool) -> None:
    """Write docs/predicting-error.md."""
    if check and stores:
        raise ValueError("--check is given with --store; give one of the two")
    if check:
        agree = PAGE.exists() and PAGE.read_text() == page(PRETRAINED)
        click.echo(f"{PAGE.name} {'agrees' if agree else 'does not agree'} with the rows kept in pretrained/")
        sys.exit(not agree)
    for line in keep_rows([Store(path) for path in stores], some=some) if stores else ():
        click.echo(line, err=True)
    table_of.cache_clear()
    draw(PRETRAINED)
    write_atomically(PAGE, page(PRETRAINED).encode())


def studies_of(folder: Path) -> list[Study]:
    """Returns the data sets whose rows are kept in a folder."""
    found = []
    for name, title in TITLES.items():
        kinds = {"rows": "", "half": "-half", "twice": "-twice", "measured": "-measure", "more": "-more"}
        rows = {kind: table_of(folder / f"zoo-{name}{ending}.csv") for kind, ending in kinds.items()}
        sizes = table_of(folder / f"zoo-{name}-size.csv")
        curves = curves_over_size(sizes) if sizes else {}
        if name == "mnist5k":
            curves = curves_of_figure(IMAGES / "fig18-sizes.csv")
        if rows["rows"]:
            found.append(Study(name, title, **rows, curves=curves))
    return found


def draw(folder: Path) -> None:
    """Draws the pictures: R_f, D_f beside 1/G_f, and those of the sections."""
    from diffstab.figures.paper.error_vs_stability import error_vs_stability  # takes matplotlib

    for study in studies_of(folder):
        networks = trained_networks(study.rows)
        panels = {ending: (networks, quantities) for ending, quantities in PICTURES.items()}
        if study.more:
            panels["-more"] = study.many.groups, ("R",)
        for ending, (own, quantities) in panels.items():
            figure, notes = error_vs_stability(own, relate(own), quantities=quantities)
            picture(f"error-{study.name}{ending}", "Test error against stability", figure, notes)
    for ending, (name, filters) in FIGURES.items():
        rows = table_of(folder / f"zoo-{FASHION}{ending}.csv")
        if rows:
            kind = figure_named(name)
            drawn = kind.draw(rows, filters)
            picture(f"error-{FASHION}{ending}", kind.title, drawn.figure, drawn.notes)


def picture(name: str, title: str, figure: "Figure", notes: Sequence[str]) -> None:
    """Writes one picture, NAME.png."""
    from diffstab.figures.drawing import write_files

    for note in notes:
        click.echo(f"note: {name}: {note}", err=True)
    with tempfile.TemporaryDirectory() as folder:
        origin = {"diffstab": diffstab.__version__, "git_commit": git_commit()}
        write_files(Path(folder) / name, figure, title=title, origin=origin)
        shutil.copy(Path(folder) / f"{name}.png", IMAGES)


def page(folder: Path) -> str:
    """Returns the whole page."""
    studies = studies_of(folder)
    text = "\n\n".join([*head(studies), *body(studies, folder), *end(folder)])
    return "\n\n".join(map(filled, text.split("\n\n"))) + "\n"


def filled(part: str) -> str:
    """Wraps a paragraph, or each entry of a list, to the usual width."""
    if not part.startswith("- "):
        return wrapped(part)
    fill = partial(textwrap.fill, width=WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(map(fill, part.split("\n")))


def head(studies: Sequence[Study]) -> Iterator[str]:
    """Yields the question, the answers and the correlations."""
    yield "# Does R_f predict test error?"
    yield (
        "The reason to measure R_f is that it follows the test error over architectures, more closely than D_f or "
        "1/G_f do: so says the paper (Fig. 5, Table 2). This page asks whether it does here, for digits and for "
        "FashionMNIST. Networks with a lower R_f are more stable. Correlations are of logarithms, as in the paper; "
        "brackets are 95 % intervals over networks ([intervals](intervals.md)). Every number is read from the rows "
        "kept in `pretrained/` by `scripts/maintain/predict_error.py`, every verdict follows from the numbers, and a "
        "test holds page and rows together."
    )
    for study in studies:
        yield f"## The answer: {study.title}"
        yield "\n".join(f"- {text}" for text in (*error_page.in_short(study), *error_trials.tried_in_short(study)))
        yield f"![Test error against R_f: {study.title}](images/error-{study.name}.png)"
    for name in TITLES.keys() - {study.name for study in studies}:
        yield f"{TITLES[name]}: {error_page.NOT_YET}; the sweeps are under way."
    yield "## Correlations"
    yield error_page.correlation_table(studies)
    for study in studies:
        yield f"![Test error against D_f and 1/G_f: {study.title}](images/error-{study.name}-parts.png)"


def body(studies: Sequence[Study], folder: Path) -> Iterator[str]:
    """Yields the sections; where FashionMNIST has the rows of a picture, it stands at the section's end."""
    for title, section in SECTIONS.items():
        yield f"## {title}"
        yield from section(studies)
        ending, shown, like = SHOWN.get(title, ("", "", None))
        if ending and table_of(folder / f"zoo-{FASHION}{ending}.csv"):
            yield f"![{shown}: {TITLES[FASHION]}](images/error-{FASHION}{ending}.png)"
            if like:
                yield f"How to read it stands at [the figure of the digits](figures.md#{like})."


def end(folder: Path) -> Iterator[str]:
    """Yields the list of sweeps, with the cells that failed."""
    yield "## What was trained and measured, and what was dropped"
    yield (
        "No network, seed or setting was left out after its result was seen. All cells of the sweeps below count; "
        "those that failed are listed. The sweeps of FashionMNIST, in `diffstab/figures/paper/presets`, were written "
        "before R_f of any of their trainings was known."
    )
    lines = []
    for name, specs in KEPT.items():
        rows = table_of(folder / f"{name}.csv")
        jobs = {job.id: job for spec in specs_of(name) for job in spec.jobs}
        failed = [f"{row.get('model')}: {row['error']['message']}" for row in rows if row.get("status") == FAILED]
        cells = f"{len(rows)} of {planned(name, list(jobs.values()))}" if rows else error_page.NOT_YET
        lines.append([f"`{name}.csv`", " and ".join(f"`{spec}.yaml`" for spec in specs), cells, "; ".join(failed)])
    yield table(["rows", "sweeps", "cells", "failed"], lines)
    yield from hours(folder)


def hours(folder: Path) -> Iterator[str]:
    """Yields how long the trainings of FashionMNIST took; a seed counts if all its networks are trained."""
    parts = []
    for ending, what in TRAININGS.items():
        rows = [row for row in table_of(folder / f"zoo-{FASHION}{ending}.csv") if row["kind"] == "train"]
        seconds: dict[int, list[float]] = {}
        for row in rows:
            seconds.setdefault(0 if ending else row["seed"], []).append(row.get("seconds", 0.0))
        whole = [sum(own) / 3600 for own in seconds.values() if len(own) == max(map(len, seconds.values()))]
        if whole:
            ends = dict.fromkeys(f"{end:.1f}" for end in (min(whole), max(whole)))
            parts.append(f"{what} {' to '.join(ends)}")
    if parts:
        yield (
            f"Hours of one core that the trainings of {TITLES[FASHION]} took, longer where other work ran beside them: "
            f"{'; '.join(parts)}."
        )


def planned(name: str, jobs: Sequence[Job]) -> int:
    """Returns the number of cells of a table's sweeps; the digits' table was kept without its trainings."""
    return sum(job.kind == "measure" for job in jobs) if name == "zoo-mnist5k" else len(jobs)


if __name__ == "__main__":
    main()
