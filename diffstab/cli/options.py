"""Options that several commands share; choices and defaults come from `diffstab.options.choices`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..options import (
    CONVENTIONS,
    CUTOFF_RULES,
    DATASETS,
    DEFAULT_CONVENTION,
    DEFAULT_CUTOFF,
    DEFAULT_DATASET,
    DEFAULT_DELTA,
    DEFAULT_MODEL,
    DEFAULT_SPLIT,
    DEFAULTS,
    DELTA_RULES,
    DIFFEO,
    INTERPOLATIONS,
    SPLITS,
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator, in the order given."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def none_if_empty(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> list[str] | None:
    """An option that can be repeated and was not given."""
    return list(value) or None


def ensemble_options(*more: str) -> Decorator:
    """Options of the random deformations; `more`: conventions that a command knows beside the two."""
    return together(
        click.option(
            "--cutoff", type=float, default=DEFAULT_CUTOFF, show_default=True, help="Largest spatial frequency c."
        ),
        click.option(
            "--delta",
            type=float,
            help=f"Root-mean-square displacement in pixels.  [default: {DEFAULT_DELTA:g}, without --temperature]",
        ),
        click.option(
            "--temperature", type=float, metavar="T", help="Temperature T of the fields, in place of --delta."
        ),
        click.option(
            "--convention",
            type=click.Choice([*CONVENTIONS, *more]),
            default=DEFAULT_CONVENTION,
            show_default=True,
            help="Follow the paper's text or its published code; sets the rules that are not given.",
        ),
        click.option(
            "--cutoff-rule",
            type=click.Choice(CUTOFF_RULES),
            help="Rule for the modes that are kept.  [default: the convention's]",
        ),
        click.option(
            "--delta-rule",
            type=click.Choice(DELTA_RULES),
            help="Formula between T and delta.  [default: the convention's]",
        ),
    )


model_argument = click.argument("network", metavar="[MODEL]", required=False)  # for `--model`; see `Command`
network_options = together(
    click.option(
        "--model",
        default=DEFAULT_MODEL,
        show_default=True,
        help="Network: NAME, paper:NAME, timm:NAME[.TAG], torchvision:NAME[@WEIGHTS], hf-hub:USER/NAME, "
        "local-dir:PATH, MODULE:CALLABLE or FILE.py:CALLABLE. `diffstab models` lists names.",
    ),
    click.option("--num-classes", type=int, help="Outputs of the network.  [default: its weights' or the data's]"),
    click.option(
        "--in-chans", type=int, help="Channels of the network's input.  [default: its weights' or the data's]"
    ),
    click.option(
        "--model-kwargs",
        multiple=True,
        metavar="NAME=VALUE",
        callback=none_if_empty,
        help="Argument of the network's constructor, as in depth=12; repeat it for several.",
    ),
)
data_options = together(
    click.option("--dataset", default=DEFAULT_DATASET, show_default=True, help=f"Images: {', '.join(DATASETS)}."),
    click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data set."),
    click.option("--download", is_flag=True, help="Fetch the data set into --data-dir if it is not there."),
    click.option(
        "--split",
        default=DEFAULT_SPLIT,
        show_default=True,
        help=f"Part of the data set: {', '.join(SPLITS)}, or timm's names.",
    ),
)
preprocessing_options = together(
    click.option("--img-size", type=int, help="Side of the network's input.  [default: its weights' or the data's]"),
    click.option("--crop-pct", type=float, help="Share of the side that the central crop keeps."),
    click.option("--mean", metavar="M[,M,M]", help="Mean per channel, for pixel values in [0, 1]."),
    click.option("--std", metavar="S[,S,S]", help="Standard deviation per channel, for pixel values in [0, 1]."),
    click.option("--exif-orientation", is_flag=True, help="Turn image files as their EXIF tag says."),
)
trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="NAME",
    callback=none_if_empty,
    help="Allow this code, file, folder or hub network, which a row, a config.json or a dry run names.",
)
interpolation_option = click.option(
    "--interpolation",
    type=click.Choice(INTERPOLATIONS),
    default=DEFAULTS.interpolation,
    show_default=True,
    help="Interpolation between pixels.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="Device to run on: auto, cpu, cuda, cuda:1, mps."
)
seed_option = click.option(
    "--seed", type=int, default=DEFAULTS.seed, show_default=True, help="Seed of all random numbers."
)
where_option = click.option(
    "--where", "filters", metavar="FILTER", multiple=True, help="Use only these rows, as cutoff=3 or 'seed<4'."
)


def store_option(*, required: bool = True, help: str = "Folder of results.") -> Decorator:
    """`--store DIR`."""
    return click.option("--store", type=click.Path(path_type=Path), metavar="DIR", required=required, help=help)


def output_option(*names: str, help: str = "File to write, in place of stdout.") -> Decorator:
    """`--output FILE`: a path that can be written, checked before any work."""

    def checked(context: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
        if value is None:
            return None
        if not value or value.endswith(("/", "\\")):
            raise ValueError(f"output is {value!r}; the name of a file is needed")
        from ..writing import check_writable

        check_writable(Path(value))
        return Path(value)

    return click.option(*names, metavar="FILE", callback=checked, help=help)


def make_ensemble(size: tuple[int, int], **options: Any) -> Any:
    """The ensemble that the options describe; delta is 1 pixel where neither delta nor T is given."""
    from ..perturbations import perturbation

    return perturbation(DIFFEO, size, **options)
