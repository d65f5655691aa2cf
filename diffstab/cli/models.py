"""`diffstab models`: what can be named, and which weights there are."""

import click

from .echo import echo, echo_json
from .help import Command
from .progress import saying
from .tables import print_columns

FIRST = "paper:"
WEIGHTS = ("kept", "cached", "published", "none")


@click.command(cls=Command)
@click.argument("pattern", required=False)
@click.option(
    "--weights",
    type=click.Choice(WEIGHTS),
    multiple=True,
    help="Show only networks whose weights are kept with the package, cached on this machine, published (they are "
    "fetched when first used), or none; repeat it for several.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead of a table.")
def models(pattern: str | None, weights: tuple[str, ...], as_json: bool) -> None:
    """List the networks of the paper, timm and torchvision that match PATTERN.

    PATTERN has * for any text; without one, the paper's networks are shown and the others counted. Each line is a
    name for `diffstab measure`. Networks of a hub, a folder or your own code can't be listed.

    \b
    Examples:
      diffstab models
      diffstab models '*resnet*'
      diffstab models 'timm:vit_*' --weights cached
    """
    with saying("listing the networks"):
        from ..models import named_models

        known = named_models(pattern or "*")
    if pattern is None and not weights and not as_json:
        shown = [model for model in known if model.spec.startswith(FIRST)]
        print_columns(("model", "weights", "dataset"), shown)
        others = f"{len(known) - len(shown):,} others of timm and torchvision"
        echo(f"{len(shown)} networks of the paper; {others}: diffstab models '*', or a part as '*resnet*'", err=True)
        return
    found = [model for model in known if not weights or model.weights in weights]
    if not found:
        raise ValueError(f"no network that matches {pattern or '*'!r} has weights that are {' or '.join(weights)}")
    if as_json:
        echo_json([model._asdict() for model in found])
    else:
        print_columns(("model", "weights", "dataset"), found)
    echo(f"{len(found)} network{'s' * (len(found) != 1)}, each set of weights by itself", err=True)
