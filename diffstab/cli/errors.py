"""Turns bad input into one line on stderr and exit status 2."""

import os
import sys
from typing import Any

import click

from .echo import echo, show_all


class OneLineErrors(click.Command):
    """A command that prints errors of click and of the library as one line on stderr, and exits with status 2."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:  # type: ignore[override]
        """Runs the command line as click does, but for the errors."""
        extra["standalone_mode"] = False
        if not standalone_mode:
            return super().main(*args, **extra)
        show_all()
        try:
            status = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.ClickException as error:
            fail(error.format_message())
        except BrokenPipeError:  # for example with | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except (ValueError, TypeError, OSError) as error:  # the last as of a name that is too long, or a closed folder
            fail(str(error))
        except click.Abort:
            echo("Interrupted", err=True)
            sys.exit(130)
        except (MemoryError, RuntimeError) as error:
            from ..measuring import is_out_of_memory

            if not is_out_of_memory(error):
                raise
            fail(
                f"the work does not fit into memory ({error}); use smaller images, a smaller batch or a smaller network"
            )
        sys.exit(status if isinstance(status, int) else 0)


class OneLineGroup(OneLineErrors, click.Group):
    """A group of commands with one-line errors, listed in the order of adding, each with its first sentence."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Names in the order of adding: the most used command comes first."""
        return list(self.commands)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes each name with the whole first sentence of the command's help."""
        named = {name: self.get_command(context, name) for name in self.list_commands(context)}
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(limit=200)) for name, one in named.items() if one])


def fail(message: str) -> None:
    """Prints one line on stderr, and exits with status 2."""
    echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(2)
