"""Options of the commands, made from the settings, and options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..options import CommandOptions, MeasureOptions, Setting, settings_of

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def together(*options: Decorator) -> Decorator:
    """Combines several options into one decorator, in the order given."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def option_of(one: Setting, **changed: Any) -> Decorator:
    """Makes the option of a setting; `changed` replaces arguments of `click.option`."""
    kind = click.Choice(one.allowed) if one.allowed else click.Path(path_type=Path) if one.path else one.kind
    given: dict[str, Any] = {"help": one.help, "default": one.shown, "show_default": one.shown is not None}
    given |= {"is_flag": True} if one.kind is bool else {"type": kind, "metavar": one.metavar}
    if one.several:
        given |= {"multiple": True, "callback": lambda context, parameter, values: list(values) or None}
    return click.option(one.flags or f"--{one.name.replace('_', '-')}", one.name, **{**given, **changed})


def options_of(options: type[CommandOptions], **changed: Decorator) -> Decorator:
    """Makes the options of a command from its settings; `changed` replaces some."""
    return together(*(changed.get(name) or option_of(one) for name, one in settings_of(options).items()))


def measure_options(*names: str) -> Decorator:
    """Makes some of the options of `diffstab measure`."""
    return together(*(option_of(settings_of(MeasureOptions)[name]) for name in names))


ensemble_options = measure_options("cutoff", "delta", "temperature", "convention", "cutoff_rule", "delta_rule")
interpolation_option, device_option, seed_option = map(measure_options, ("interpolation", "device", "seed"))
trust_option = measure_options("trust")
model_argument = click.argument("network", metavar="[MODEL]", required=False)  # for `--model`; see `Command`
resampling_options = together(
    measure_options("resamples"),
    option_of(settings_of(MeasureOptions)["seed"], help="Seed of the bootstrap resamples."),
)
where_option = click.option(
    "--where",
    "filters",
    metavar="FILTER",
    multiple=True,
    help="Use only rows that match, for example cutoff=3 or 'seed<4'. Repeat the option for several filters.",
)


def store_option(*, required: bool = True, help: str = "Folder of the stored results.") -> Decorator:
    """`--store DIR`."""
    return click.option("--store", type=click.Path(path_type=Path), metavar="DIR", required=required, help=help)


def output_option(*names: str, help: str = "File to write instead of stdout.") -> Decorator:
    """`--output FILE`: checks before any work that the file can be written."""

    def checked(context: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
        if value is None:
            return None
        if not value or value.endswith(("/", "\\")):
            raise ValueError(f"output is {value!r}; the name of a file is needed")
        from ..writing import check_writable

        check_writable(Path(value))
        return Path(value)

    return click.option(*names, metavar="FILE", callback=checked, help=help)
