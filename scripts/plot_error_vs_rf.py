"""Test error against R_f, D_f and 1/G_f of the networks in a store: the paper's Figs. 5, 15, 16, 19 and 20, Table 2.

    pip install 'diffstab[plot]'
    python scripts/plot_error_vs_rf.py RESULTS -o FIGURE.png

Writes FIGURE.png, FIGURE.pdf and FIGURE.csv with the points behind them; prints the correlations.
"""

import json
from pathlib import Path
from typing import Any

import click

import diffstab
from diffstab.cli import OneLineErrors, print_columns, shown
from diffstab.figures import require_matplotlib
from diffstab.figures.drawing import stem_of, write_files
from diffstab.figures.points import Gathered, Relation, gather, networks_csv, paper_values, plain, read_rows, relate
from diffstab.options import AVERAGES
from diffstab.provenance import git_commit

SYMBOLS = {"R": "R_f", "D": "D_f", "1/G": "1/G_f"}


@click.command(cls=OneLineErrors, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.argument("results", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="FIGURE", type=click.Path(path_type=Path), required=True, help="PNG, PDF, CSV.")
@click.option("--where", "filters", metavar="FILTER", multiple=True, help="Only these rows, as cutoff=3 or 'seed<4'.")
@click.option("--average", type=click.Choice(AVERAGES), help="Only rows with this one.")
@click.option("--show-init", is_flag=True, help="Show R_f at initialisation too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(
    results: Path,
    output: Path,
    filters: tuple[str, ...],
    average: str | None,
    show_init: bool,
    as_json: bool,
) -> None:
    """Draw test error against R_f, D_f and 1/G_f, one point per network in RESULTS.

    RESULTS is a store's folder, or what `diffstab results export --format csv` wrote of it. A point is the log-average
    over a network's trainings. Rows at initialisation do not count; rows under several settings are refused.
    """
    require_matplotlib()
    stem = stem_of(output)
    filters = (*filters, f"average={average}") if average else filters
    rows, notes = read_rows(results)
    gathered = gather(rows, filters, traits=known_traits)
    relation = relate(gathered.networks)
    tell(notes + gathered.notes)
    if show_init and not any(network.R_init for network in gathered.networks):
        tell(["no value at initialisation is among the rows; measure some with weights: init"])
    files = write(stem, gathered, relation, filters, show_init)
    if as_json:
        found = {"setting": gathered.setting, **counts(gathered), **plain(relation, dataset_of(gathered))}
        click.echo(json.dumps({**found, "files": [str(path) for path in files]}))
    else:
        print_relation(gathered, relation)


def known_traits(name: str) -> Any:
    from diffstab.models import traits_of  # takes torch

    return traits_of(name)


def write(stem: Path, gathered: Gathered, relation: Relation, filters: tuple[str, ...], show_init: bool) -> list[Path]:
    """The points, and the figure with where it comes from."""
    from diffstab.figures.paper.error_vs_stability import error_vs_stability

    figure, notes = error_vs_stability(gathered.networks, relation, show_init=show_init)
    origin = {"diffstab": diffstab.__version__, "git_commit": git_commit(), "filters": filters, **counts(gathered)}
    origin |= {"setting": gathered.setting}
    title = f"Test error against stability, {len(gathered.networks)} networks, {dataset_of(gathered)}"
    files = write_files(stem, figure, networks_csv(gathered.networks), title=title, origin=origin)
    tell(notes, prefix="")
    for path in files:
        click.echo(path, err=True)
    return files


def dataset_of(gathered: Gathered) -> str:
    return str(gathered.setting.get("dataset"))


def counts(gathered: Gathered) -> dict[str, Any]:
    seeds = [network.seeds for network in gathered.networks]
    return {"networks": len(seeds), "seeds": {"fewest": min(seeds), "most": max(seeds)}}


def tell(notes: list[str], prefix: str = "note: ") -> None:
    for note in notes:
        click.echo(f"{prefix}{note}", err=True)


def print_relation(gathered: Gathered, relation: Relation) -> None:
    """Correlations beside the paper's, then the power laws."""
    told = gathered.setting
    fewest, most = counts(gathered)["seeds"].values()
    seeds = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    click.echo(
        f"{len(gathered.networks)} networks, seeds: {seeds}; {told.get('dataset')}/{told.get('split')}, "
        f"c = {shown(told.get('cutoff'))}, delta = {shown(told.get('delta'))} px, {told.get('average')}"
    )
    paper = paper_values(dataset_of(gathered))
    lines = [
        [SYMBOLS[name], f"{found.value:.2f}", f"{found.low:.2f} to {found.high:.2f}"]
        + ([f"{paper[1][name]:.2f}"] if paper else [])
        for name, found in relation.correlations.items()
    ]
    print_columns(
        ["with", "correlation of log test error", "95 % interval", *([f"paper, {paper[0]}"] if paper else [])], lines
    )
    a, b = relation.law
    click.echo(
        f"test error = {a.value:.3g} R_f^{b.value:.3g}  "
        f"(factor {a.low:.3g} to {a.high:.3g}, exponent {b.low:.3g} to {b.high:.3g})"
    )
    a, _ = relation.root_law
    click.echo(f"test error = {a.value:.3g} sqrt(R_f)  (factor {a.low:.3g} to {a.high:.3g})")


if __name__ == "__main__":
    main()
