"""`diffstab models`: lists the networks that can be named, and their weights."""

import click

from .echo import echo, echo_json, print_columns
from .help import Command
from .progress import saying

FIRST = "paper:"
WEIGHTS = ("kept", "cached", "published", "none")


@click.command(cls=Command)
@click.argument("pattern", required=False)
@click.option(
    "--weights",
    type=click.Choice(WEIGHTS),
    multiple=True,
    help="Show only networks whose weights come with the package (kept), are on this machine (cached), are downloaded "
    "at first use (published), or do not exist (none). Repeat the option for several.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead of a table.")
def models(pattern: str | None, weights: tuple[str, ...], as_json: bool) -> None:
    """List the networks that can be measured by name: those of the paper, timm and torchvision.

    In PATTERN, * stands for any text. Without PATTERN, the paper's networks are listed and the others counted. Each
    line begins with a name for `diffstab measure`. Networks on a hub, in a folder or in your own code are not listed.

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
