"""The command line: parse, call, print. Heavy imports happen inside the commands."""

import os
import sys
from typing import Any

import click

from .compare import compare
from .deform import deform
from .field import field
from .measure import measure
from .results import results
from .sweep import sweep
from .train import train

__all__ = ["main"]


class OneLineErrors(click.Group):
    """Bad input, found by click or by the library, becomes one line on stderr and exit status 2."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:  # type: ignore[override]
        """Runs the command line; as click's, but for the errors."""
        extra["standalone_mode"] = False
        if not standalone_mode:
            return super().main(*args, **extra)
        try:
            status = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.ClickException as error:
            fail(error.format_message())
        except (ValueError, TypeError) as error:
            fail(str(error))
        except BrokenPipeError:  # as with | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:  # a name that is too long, a folder that may not be read
            fail(str(error))
        except click.Abort:
            click.echo("Interrupted", err=True)
            sys.exit(130)
        sys.exit(status if isinstance(status, int) else 0)


def fail(message: str) -> None:
    """One line on stderr, exit status 2."""
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(2)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="diffstab")
def main() -> None:
    """Measure how stable a vision network is to smooth deformations, relative to noise."""


for command in (measure, train, sweep, results, compare, field, deform):
    main.add_command(command)
