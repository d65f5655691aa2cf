"""Bad input becomes one line on stderr and exit status 2."""

import os
import sys
from typing import Any

import click

from .echo import echo, show_all


class OneLineErrors(click.Command):
    """Bad input, found by click or by the library, becomes one line on stderr and exit status 2."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:  # type: ignore[override]
        """Runs the command line; as click's, but for the errors."""
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
        except (ValueError, TypeError) as error:
            fail(str(error))
        except BrokenPipeError:  # as with | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:  # a name that is too long, a folder that may not be read
            fail(str(error))
        except click.Abort:
            echo("Interrupted", err=True)
            sys.exit(130)
        except (MemoryError, RuntimeError) as error:
            from ..measuring import is_out_of_memory

            if not is_out_of_memory(error):
                raise
            fail(f"this does not fit into memory ({error}); ask for less of it")
        sys.exit(status if isinstance(status, int) else 0)


class OneLineGroup(OneLineErrors, click.Group):
    """Commands with such errors, listed as they were added, each with its whole first sentence."""

    def list_commands(self, context: click.Context) -> list[str]:
        """As they were added: what is used most comes first."""
        return list(self.commands)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Names, and the first sentence of each command's help, on as many lines as it takes."""
        named = {name: self.get_command(context, name) for name in self.list_commands(context)}
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(limit=200)) for name, one in named.items() if one])


def fail(message: str) -> None:
    """One line on stderr, exit status 2."""
    echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(2)
