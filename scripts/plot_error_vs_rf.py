"""Test error against R_f, D_f and 1/G_f of the networks in a store: the paper's Figs. 5, 15, 16, 19 and 20, Table 2.

    pip install 'diffstab[plot]'
    python scripts/plot_error_vs_rf.py RESULTS -o FIGURE.png

Writes FIGURE.png, FIGURE.pdf and FIGURE.csv (the plotted points) and prints the correlations. The figure is the same as
that of `diffstab figure fig05-error --preset own`.
"""

import json
from pathlib import Path
from typing import Any

import click

import diffstab
from diffstab.cli import OneLineErrors, print_columns
from diffstab.figures import figure_named, require_matplotlib
from diffstab.figures.drawing import stem_of, table_csv, write_files
from diffstab.figures.points import paper_values, read_rows
from diffstab.options import AVERAGES
from diffstab.provenance import git_commit
from diffstab.results import shown
from diffstab.statistics import rounded

RELATION = ("correlation", "fit", "fit_of_exponent_half", "interval")  # entries apart from the setting
SYMBOLS = {"R": "R_f", "D": "D_f", "1/G": "1/G_f"}


@click.command(cls=OneLineErrors, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", metavar="FIGURE", type=click.Path(path_type=Path), required=True, help="Path of PNG, PDF and CSV."
)
@click.option("--where", "filters", metavar="FILTER", multiple=True, help="Use only rows with cutoff=3, 'seed<4', ...")
@click.option("--average", type=click.Choice(AVERAGES), help="Use only rows with this average.")
@click.option("--show-init", is_flag=True, help="Show R_f at initialisation too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(
    results: Path, output: Path, filters: tuple[str, ...], average: str | None, show_init: bool, as_json: bool
) -> None:
    """Draw test error against R_f, D_f and 1/G_f, one point per network in RESULTS.

    RESULTS is a store's folder, or a file of `diffstab results export --format csv`. A point is the log-average over a
    network's trainings. Rows at initialisation don't count; rows with several settings are refused.
    """
    require_matplotlib()
    stem = stem_of(output)
    filters = (*filters, f"average={average}") if average else filters
    rows, notes = read_rows(results)
    drawn = figure_named("fig05-error").draw(rows, filters, show_init=show_init)
    if show_init and not any(line["R_init"] for line in drawn.table):
        notes.append("no value at initialisation is among the rows; measure some with weights: init")
    for note in notes + drawn.notes:
        click.echo(f"note: {note}", err=True)
    relation = {name: drawn.setting[name] for name in RELATION}
    setting = {name: value for name, value in drawn.setting.items() if name not in RELATION}
    found = {"setting": setting, **counts(drawn.table)}
    title = f"Test error against stability, {found['networks']} networks, {setting.get('dataset')}"
    origin = {"diffstab": diffstab.__version__, "git_commit": git_commit(), "filters": filters, **found}
    files = write_files(stem, drawn.figure, table_csv(drawn.table), title=title, origin=origin)
    for path in files:
        click.echo(path, err=True)
    if as_json:
        click.echo(json.dumps({**found, **relation, "files": [str(path) for path in files]}))
    else:
        print_relation(found, relation)


def counts(table: list[dict[str, Any]]) -> dict[str, Any]:
    seeds = [line["seeds"] for line in table]
    return {"networks": len(seeds), "seeds": {"fewest": min(seeds), "most": max(seeds)}}


def print_relation(found: dict[str, Any], relation: dict[str, Any]) -> None:
    """Prints the correlations beside the paper's, then the power laws."""
    setting = found["setting"]
    fewest, most = found["seeds"].values()
    seeds = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    click.echo(
        f"{found['networks']} networks, seeds: {seeds}; {setting.get('dataset')}/{setting.get('split')}, "
        f"c = {shown(setting.get('cutoff'))}, delta = {shown(setting.get('delta'))} px, {setting.get('average')}"
    )
    paper = paper_values(str(setting.get("dataset")))
    lines = [
        [SYMBOLS[name], rounded(one["value"]), f"{rounded(one['low'])} to {rounded(one['high'])}"]
        + ([f"{one['paper']:.2f}"] if paper else [])
        for name, one in relation["correlation"].items()
    ]
    print_columns(
        ["with", "correlation of log test error", "95 % interval", *([f"paper, {paper[0]}"] if paper else [])], lines
    )
    a, b = relation["fit"]["factor"], relation["fit"]["exponent"]
    click.echo(
        f"test error = {a['value']:.3g} R_f^{b['value']:.3g}  "
        f"(factor {a['low']:.3g} to {a['high']:.3g}, exponent {b['low']:.3g} to {b['high']:.3g})"
    )
    a = relation["fit_of_exponent_half"]["factor"]
    click.echo(f"test error = {a['value']:.3g} sqrt(R_f)  (factor {a['low']:.3g} to {a['high']:.3g})")


if __name__ == "__main__":
    main()
