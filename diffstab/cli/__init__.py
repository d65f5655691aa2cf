"""The command line: parse, call, print.

Open `measure` first. `options` has the options that commands share; `errors` turns an error into one line and exit
status 2. Commands import every room but `options` inside their functions, so that `diffstab --help` answers at once.
"""

from importlib.metadata import version

import click

from .compare import compare
from .echo import echo_lines, print_columns
from .errors import OneLineErrors, OneLineGroup
from .fields import deform, field
from .figure import figure, figure_command
from .measure import measure
from .models import models
from .pages import explore, report
from .results import results
from .sweep import sweep
from .train import train


def print_version(context: click.Context, option: click.Parameter, asked: bool) -> None:
    """Prints the version, and what deforms images on the CPU."""
    from ..native.library import status

    if asked and not context.resilient_parsing:
        echo_lines([f"diffstab, version {version('diffstab')}", status()])
        context.exit()


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=print_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Measure how stable a vision network is to smooth deformations, relative to noise.

    The result is the relative stability R_f: the squared change of the network's output when its input images are
    smoothly deformed, divided by the change when they get noise of the same size. Lower is more stable.

    \b
    Examples:
      diffstab measure resnet18
      diffstab deform chelsea deformed.png
      diffstab sweep --example
    """


for command in (measure, train, sweep, figure, results, compare, report, models, field, deform, explore):
    main.add_command(command)
