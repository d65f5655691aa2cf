"""The repository's own atlas: every network with weights at hand, on the page that docs/atlas.md links.

    python scripts/maintain/kept_atlas.py                    # the page, from the rows in pretrained/
    python scripts/maintain/kept_atlas.py --measure          # measures the kept networks first, 5 minutes on two cores

The rows are those behind docs/predicting-error.md, with trainings of several seeds, and those of pretrained/atlas.csv:
the kept networks on all 1,000 test digits, and EfficientNet-Lite0 on photographs, which have no labels, so that its row
has no test error. With --measure these rows are measured anew; a row that is there already is not made up or changed
by anything else.
"""

import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import click
from kept_rows import KEPT, PRETRAINED

from diffstab import Store
from diffstab.figures.points import read_rows
from diffstab.measuring import measure_cell
from diffstab.models import read_manifest
from diffstab.options import EMBEDDED, MeasureOptions
from diffstab.pages import atlas_page
from diffstab.store import exported, is_measured
from diffstab.sweep import measure_job, measured_row
from diffstab.writing import make_folder, write_atomically

ROWS = PRETRAINED / "atlas.csv"
PAGE = Path(__file__).parents[2] / "build" / "atlas" / "kept-atlas.html"
LITE0 = "efficientnet-lite0.safetensors"
TITLE = "Atlas of networks that come with diffstab"
SETTINGS = [name for name in KEPT if name.endswith("-measure")]  # the same networks once more, with other settings


def page_of_kept() -> str:
    """Returns the page of the rows in pretrained/."""
    paths = [ROWS, *(PRETRAINED / f"{name}.csv" for name in KEPT if name not in SETTINGS)]
    rows = [row for path in paths if path.exists() for row in read_rows(path)[0]]
    distinct = {row["key"]: row for row in rows if is_measured(row)}
    return atlas_page(distinct.values(), title=TITLE)


def write() -> Path:
    """Writes the page for the documentation, and returns its path."""
    make_folder(PAGE.parent)
    write_atomically(PAGE, page_of_kept().encode())
    return PAGE


def measured() -> bytes:
    """Measures the kept networks and EfficientNet-Lite0, in the current folder; returns their rows as CSV."""
    from convert_efficientnet_lite0 import main as convert

    convert([LITE0], standalone_mode=False)
    kept = [one for one in read_manifest() if one["dataset"] in EMBEDDED]  # others have their rows from the zoo
    asked = [MeasureOptions(model=one["model"], dataset=one["dataset"], images=1000) for one in kept]
    asked.append(MeasureOptions(model="timm:tf_efficientnet_lite0", dataset="photos", checkpoint=LITE0))
    store = Store("store", create=True)
    for options in asked:
        click.echo(f"measuring {options.model}", err=True)
        store.add(measured_row(measure_job(options), measure_cell(options)))
    return exported(store.rows(), "csv")


@click.command()
@click.option("--measure", "measures", is_flag=True, help="Measure the kept networks first, into pretrained/atlas.csv.")
def main(measures: bool) -> None:
    """Write the page of the kept rows."""
    if measures:
        sys.path.append(str(Path(__file__).parents[1] / "once"))
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            content = measured()
        write_atomically(ROWS, content)
    click.echo(write())


if __name__ == "__main__":
    main()
