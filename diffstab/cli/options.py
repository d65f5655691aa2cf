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
    EMBEDDED,
    INTERPOLATIONS,
    SPLITS,
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
ELSEWHERE = [name for name in DATASETS if name not in (*EMBEDDED, "folder")]  # not in the package
FROM_WEIGHTS = "[default: from the weights or the data set]"


def together(*options: Decorator) -> Decorator:
    """Combines several options into one decorator, in the order given."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def none_if_empty(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> list[str] | None:
    """Returns the values of a repeatable option as a list, or None if it was not given."""
    return list(value) or None


size_options = together(
    click.option(
        "--cutoff",
        type=float,
        default=DEFAULT_CUTOFF,
        show_default=True,
        help="Cutoff c, the highest frequency in the deformations: half-waves per side of the image.",
    ),
    click.option(
        "--delta",
        type=float,
        help="Size of the deformations: root-mean-square displacement in pixels.  "
        f"[default: {DEFAULT_DELTA:g}, unless --temperature is given]",
    ),
    click.option(
        "--temperature",
        type=float,
        metavar="T",
        help="Temperature T of the deformations, proportional to their mean squared displacement; an alternative to "
        "--delta.",
    ),
)


def ensemble_options(*more: str) -> Decorator:
    """Options of the random deformations; `more` names further values of --convention."""
    comparing = "; `both` measures with each and compares" if more else ""
    return together(
        size_options,
        click.option(
            "--convention",
            type=click.Choice([*CONVENTIONS, *more]),
            default=DEFAULT_CONVENTION,
            show_default=True,
            help=f"Definitions to follow: the paper's text (paper) or its published code (reference){comparing}.",
        ),
        click.option(
            "--cutoff-rule",
            type=click.Choice(CUTOFF_RULES),
            help="Modes (i, j) that the cutoff keeps: i^2 + j^2 <= c^2 (disk), or sqrt(i^2 + j^2) < c + 1/2 "
            "(half-integer).  [default: as --convention says]",
        ),
        click.option(
            "--delta-rule",
            type=click.Choice(DELTA_RULES),
            help="Formula between T and delta: exact, or the paper's approximation for large cutoffs (asymptotic).  "
            "[default: as --convention says]",
        ),
    )


model_argument = click.argument("network", metavar="[MODEL]", required=False)  # for `--model`; see `Command`
network_options = together(
    click.option(
        "--model",
        default=DEFAULT_MODEL,
        show_default=True,
        help="Network to measure: NAME, paper:NAME, timm:NAME[.TAG], torchvision:NAME[@WEIGHTS], hf-hub:USER/NAME, "
        "local-dir:PATH, or your own code as MODULE:CALLABLE or FILE.py:CALLABLE. `diffstab models` lists names.",
    ),
    click.option("--num-classes", type=int, help=f"Number of outputs of the network.  {FROM_WEIGHTS}"),
    click.option("--in-chans", type=int, help=f"Number of channels of the network's input.  {FROM_WEIGHTS}"),
    click.option(
        "--model-kwargs",
        multiple=True,
        metavar="NAME=VALUE",
        callback=none_if_empty,
        help="Argument for the network's constructor, for example depth=12. Repeat the option for several.",
    ),
)
data_options = together(
    click.option(
        "--dataset",
        default=DEFAULT_DATASET,
        show_default=True,
        help=f"Images: {' or '.join(EMBEDDED)}, in the package; {', '.join(ELSEWHERE)}, in the folder --data-dir; or "
        "`folder`, your own images in --data-dir.",
    ),
    click.option(
        "--data-dir", type=click.Path(path_type=Path), help="Folder of the data set, unless it comes with the package."
    ),
    click.option("--download", is_flag=True, help="Download the data set into --data-dir if it is missing there."),
    click.option(
        "--split",
        default=DEFAULT_SPLIT,
        show_default=True,
        help=f"Part of the data set: {', '.join(SPLITS)}, or another usual name such as validation.",
    ),
)
preprocessing_options = together(
    click.option("--img-size", type=int, help=f"Side of the network's square input, in pixels.  {FROM_WEIGHTS}"),
    click.option(
        "--crop-pct",
        type=float,
        help=f"Share of the resized image's side that the central crop keeps, for example 0.875.  {FROM_WEIGHTS}",
    ),
    click.option(
        "--mean",
        metavar="M[,M,M]",
        help=f"Mean per channel that is subtracted from pixel values in [0, 1].  {FROM_WEIGHTS}",
    ),
    click.option(
        "--std",
        metavar="S[,S,S]",
        help="Standard deviation per channel that pixel values in [0, 1] are divided by, after the mean is "
        f"subtracted.  {FROM_WEIGHTS}",
    ),
    click.option("--exif-orientation", is_flag=True, help="Rotate image files upright, as their EXIF tag says."),
)
trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="NAME",
    callback=none_if_empty,
    help="Name of code, a file, a folder or a hub network that may be loaded although only a stored row, a sweep or "
    "a config.json asks for it. Repeat the option for several.",
)
interpolation_option = click.option(
    "--interpolation",
    type=click.Choice(INTERPOLATIONS),
    default=DEFAULTS.interpolation,
    show_default=True,
    help="Interpolation between pixels: bilinear (Eq. 15), or with a Gaussian kernel (Eq. 16).",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="Device to run on: auto, cpu, cuda, cuda:1 or mps."
)
seed_option = click.option(
    "--seed", type=int, default=DEFAULTS.seed, show_default=True, help="Seed of all random numbers."
)
resamples_option = click.option(
    "--resamples",
    type=int,
    default=DEFAULTS.resamples,
    show_default=True,
    help="Number of bootstrap resamples behind the 95 % intervals.",
)
resampling_options = together(
    resamples_option,
    click.option("--seed", type=int, default=DEFAULTS.seed, show_default=True, help="Seed of the bootstrap resamples."),
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


def make_ensemble(size: tuple[int, int], **options: Any) -> Any:
    """Makes the ensemble that the options describe; delta is 1 pixel if neither delta nor T is given."""
    from ..perturbations import perturbation

    return perturbation(DIFFEO, size, **options)
