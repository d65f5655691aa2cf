"""The command line: parse, call, print. Heavy imports happen inside the commands."""

import click

from .compare import compare
from .deform import deform
from .errors import OneLineGroup
from .explore import explore
from .field import field
from .figure import figure
from .measure import measure
from .models import models
from .report import report
from .results import results
from .sweep import sweep
from .train import train

__all__ = ["main"]


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="diffstab")
def main() -> None:
    """Measure how stable a vision network is to smooth deformations, relative to noise."""


for command in (measure, train, sweep, figure, results, compare, report, models, field, deform, explore):
    main.add_command(command)
