"""`diffstab models`: what can be named, and which weights there are."""

import click

from .echo import echo, echo_json
from .tables import print_columns

WEIGHTS = ("kept", "cached", "published", "none")


@click.command()
@click.argument("pattern", default="*")
@click.option(
    "--weights",
    type=click.Choice(WEIGHTS),
    multiple=True,
    help="Only networks whose weights are kept with the package, cached on this machine, published (they are fetched "
    "when first used), or none; repeat it for several.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead of a table.")
def models(pattern: str, weights: tuple[str, ...], as_json: bool) -> None:
    """List the networks of the paper, timm and torchvision that match PATTERN.

    PATTERN has * for any text, as in '*resnet*', 'timm:vit_*' or paper:lenet; the default is all. Each line is a
    name for --model. Networks of a hub, a folder or your own code can't be listed.
    """
    from ..models import named_models

    found = [model for model in named_models(pattern) if not weights or model.weights in weights]
    if not found:
        raise ValueError(f"no network that matches {pattern!r} has weights that are {' or '.join(weights)}")
    if as_json:
        echo_json([model._asdict() for model in found])
    else:
        print_columns(("model", "weights", "dataset"), found)
    echo(f"{len(found)} network{'s' * (len(found) != 1)}, each set of weights by itself", err=True)
