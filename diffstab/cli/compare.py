"""`diffstab compare`: ranks networks by stability, with intervals and p-values."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .echo import echo, echo_json, echo_lines, print_columns
from .help import Command
from .options import resampling_options, where_option
from .progress import saying
from .stores import opened

if TYPE_CHECKING:
    from ..results import Comparison

MANY_PAIRS = 50


@click.command(cls=Command)
@click.argument("store", metavar="STORE", type=click.Path(path_type=Path))
@click.argument("networks", metavar="[NETWORK]...", nargs=-1)
@where_option
@resampling_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare(
    store: Path, networks: tuple[str, ...], filters: tuple[str, ...], resamples: int, seed: int, as_json: bool
) -> None:
    """Rank networks by R_f (lower is more stable) and compare them in pairs.

    STORE is a folder of results. A NETWORK is a model's name, or filters that choose one, for example
    model=fc_l4,weights=init. Without a NETWORK, all networks in STORE are compared.

    The comparison uses only images, deformations and noise that all networks saw. The 95 % intervals cover the choice
    of these images; p tests whether two networks have the same R_f.

    \b
    Examples:
      diffstab compare results
      diffstab compare results lenet resnet18 --where weights=pretrained
    """
    from ..store import compare_rows

    kept = opened(store)
    with saying("comparing the networks"):
        found = compare_rows(kept, networks, filters, resamples=resamples, seed=seed)
    seen = {place.name for one in found for place in one.ranking}
    for name in networks:
        if name not in seen:
            echo(f"note: {name} shares no images, settings and seed with the others and is left out", err=True)
    for note in dict.fromkeys(note for one in found for note in one.notes):
        echo(f"note: {note}", err=True)
    if as_json:
        echo_json([plain(one) for one in found])
        return
    for number, one in enumerate(found):
        if number:
            echo()
        print_comparison(one)


def plain(one: "Comparison") -> dict[str, Any]:
    """The comparison for JSON; an infinite end of an interval becomes null."""
    ranking = [{**asdict(place), "R": finite(place.R)} for place in one.ranking]
    pairs = [
        {"first": first, "second": second, "ratio": finite(pair.ratio), "p_value": pair.p_value, "p_holm": pair.p_holm}
        for first, second, pair in one.pairs
    ]
    return {"setting": one.setting, "seeds": one.seeds, "ranking": ranking, "pairs": pairs}


def finite(interval: Any) -> dict[str, float | None]:
    """Value, low and high of an interval, with None for infinity."""
    return {name: None if math.isinf(value) else value for name, value in interval._asdict().items()}


def print_comparison(one: "Comparison") -> None:
    """Prints the setting, the ranking and the pairs."""
    if len(one.pairs) <= MANY_PAIRS:
        echo_lines(str(one).split("\n"))
        return
    echo_lines(one.headlines())
    print_columns(*one.ranking_table())
    echo(f"{len(one.pairs)} pairs are not shown: name some of the networks, or use --json for all pairs")
