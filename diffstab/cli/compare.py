"""`diffstab compare`: which of several networks is the more stable, and how sure that is."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import DEFAULTS
from .echo import echo, echo_json, echo_lines
from .help import Command
from .options import where_option
from .progress import saying
from .stores import opened
from .tables import print_columns

if TYPE_CHECKING:
    from ..results import Comparison

MANY_PAIRS = 50


@click.command(cls=Command)
@click.argument("store", metavar="STORE", type=click.Path(path_type=Path))
@click.argument("networks", metavar="[NETWORK]...", nargs=-1)
@where_option
@click.option(
    "--resamples", type=int, default=DEFAULTS.resamples, show_default=True, help="Bootstrap resamples of the images."
)
@click.option("--seed", type=int, default=DEFAULTS.seed, show_default=True, help="Seed of the resamples.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare(
    store: Path, networks: tuple[str, ...], filters: tuple[str, ...], resamples: int, seed: int, as_json: bool
) -> None:
    """Rank networks by R_f (lower is more stable) and compare them in pairs.

    Over the images, fields and noise that all of them saw.

    A NETWORK is a model's name, or filters that choose one: model=fc_l4,weights=init. Without any, all in the STORE.
    The intervals are of 95 %, over the choice of images, which all networks share; p is of a ratio of 1.

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
    """Its JSON form; an end of an interval that is infinite is null."""
    ranking = [{**asdict(place), "R": finite(place.R)} for place in one.ranking]
    pairs = [
        {"first": first, "second": second, "ratio": finite(pair.ratio), "p_value": pair.p_value, "p_holm": pair.p_holm}
        for first, second, pair in one.pairs
    ]
    return {"setting": one.setting, "seeds": one.seeds, "ranking": ranking, "pairs": pairs}


def finite(interval: Any) -> dict[str, float | None]:
    """Value, low and high; None for infinity."""
    return {
        name: None if value in (float("inf"), float("-inf")) else value for name, value in interval._asdict().items()
    }


def print_comparison(one: "Comparison") -> None:
    """The setting, the ranking, the pairs."""
    if len(one.pairs) <= MANY_PAIRS:
        echo_lines(str(one).split("\n"))
        return
    echo_lines(one.headlines())
    print_columns(*one.ranking_table())
    echo(f"{len(one.pairs)} pairs: name some networks, or --json for all")
