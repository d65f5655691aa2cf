"""Measure R_f of the kept networks by the paper's convention and by that of its published code, choice by choice.

    python scripts/maintain/measure_conventions.py --output docs/conventions.csv

Prints R_f by the paper's convention, and the factors by which the other convention, and each single choice, change it.
"""

from pathlib import Path

import click

from diffstab.cli import OneLineErrors, print_columns
from diffstab.figures.drawing import table_csv
from diffstab.measuring import measure_both, measure_cell
from diffstab.models import read_manifest
from diffstab.options import EMBEDDED, MeasureOptions
from diffstab.writing import write_atomically


@click.command(cls=OneLineErrors)
@click.option("--images", default=500, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Also write the numbers to this CSV file.")
def main(images: int, output: Path | None) -> None:
    """Measure every network of digits in pretrained/ by both conventions, and with one choice changed at a time."""
    table = []
    for name, dataset in ((entry["model"], entry["dataset"]) for entry in read_manifest()):
        if dataset not in EMBEDDED:
            continue
        both = measure_both(
            MeasureOptions.from_mapping({"model": name, "dataset": dataset, "images": images}), measure_cell
        )
        changed = {one.choice: one.numbers for one in both.changed}
        whole = {"paper": both.paper.R, "reference": both.reference.R}
        found = {**whole, **{choice: numbers["R"] for choice, numbers in changed.items() if numbers}}
        line = {"network": name}
        for choice, R in found.items():
            line |= {choice: R.value, f"{choice}_low": R.low, f"{choice}_high": R.high}
        table.append(line)
        click.echo(f"{name} done", err=True)
    table.sort(key=lambda line: line["paper"])
    choices = [name for name in table[0] if name != "network" and not name.endswith(("_low", "_high"))]
    rows = [[line["network"], line["paper"], *(line[name] / line["paper"] for name in choices[1:])] for line in table]
    print_columns(["network", "R_f, paper", *choices[1:]], rows)
    if output is not None:
        write_atomically(output, table_csv(table))


if __name__ == "__main__":
    main()
