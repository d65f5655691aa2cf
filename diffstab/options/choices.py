"""The choices of a measurement: their names, allowed values and defaults, in one place.

The Python functions and the command line both read this module, so they cannot disagree. It imports nothing heavy:
`diffstab --help` answers without torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from math import sqrt
from numbers import Integral, Real
from typing import Any

CUTOFF_RULES = ("disk", "half-integer")
LEAST_CUTOFF = {"disk": "sqrt(2)", "half-integer": "0.915"}  # that keeps a mode, for messages
DELTA_RULES = ("exact", "asymptotic")
TEMPERATURE_RULES = ("monte-carlo", "asymptotic")
NOISE_RADIUS_RULES = ("ensemble", "per-image")
MEDIAN_RULES = ("norm", "coordinate")
PAIR_RULES = ("distinct", "all")
AVERAGES = ("median", "mean")
INTERPOLATIONS = ("bilinear", "gaussian")
BATCH_NORMS = ("running", "batch")
WEIGHTS = ("pretrained", "init")
PRECISIONS = ("float32", "float64")
DIFFEO = "diffeo"
TRANSFORMS = (DIFFEO, "translation", "whole-translation", "rotation", "scale")
AUTO, ALL = "auto", "all"  # layers
GIVEN = "given"  # noise radius: a norm in place of a rule
EXPORTS = ("csv", "parquet", "timm", "layers")

KEEP_OUTPUTS_UP_TO = 100  # outputs whose squared changes are kept one by one, so that any median can be taken later

LARGEST = 1e100  # of cutoff, temperature and delta: their squares stay finite
LARGEST_SEED = 2**64 - 1
MOST_DRAWS = 100_000  # per image; more would take days, and is a slip of the keys
MOST_RESAMPLES = 1_000_000
LEAST_CROP = 0.01  # of a side; a smaller share makes images too large for any memory

DEFAULT_MODEL = "resnet18"
DEFAULT_DATASET = "mnist5k"
DEFAULT_SPLIT = "test"
DEFAULT_IMAGES = 500
DEFAULT_CUTOFF = 3.0
DEFAULT_DELTA = 1.0  # pixels

GAUSSIAN_SIGMA = 0.4715  # pixels; App. C: participation ratio 4, as bilinear, between four pixels


@dataclass(frozen=True)
class Convention:
    """A named set of the choices that the paper leaves open or that its published code made otherwise.

    Attributes:
        name: How results call it.
        cutoff_rule: Which modes are kept: `disk` (i^2 + j^2 <= c^2) or `half-integer` (sqrt(i^2 + j^2) < c + 1/2).
        delta_rule: `exact` (App. B, third line) or `asymptotic` (Eq. 3).
        noise_radius: `ensemble` (one radius, Eq. 4) or `per-image` (each image's own ||tau x - x||).
        median_rule: `norm` (median of the squared norm) or `coordinate` (lower median of each output
            coordinate's squared change, summed).
        pairs: `distinct` images or `all` pairs, an image with itself included.
    """

    name: str
    cutoff_rule: str
    delta_rule: str
    noise_radius: str
    median_rule: str
    pairs: str


CONVENTIONS = {
    "paper": Convention("paper", "disk", "exact", "ensemble", "norm", "distinct"),
    "reference": Convention("reference", "half-integer", "asymptotic", "per-image", "coordinate", "all"),
}
DEFAULT_CONVENTION = "paper"


def one_of(option: str, value: str, allowed: Iterable[str]) -> str:
    """`value` if it is among `allowed`; otherwise a ValueError that names the option, the value and what is allowed.

    >>> one_of("average", "median", AVERAGES)
    'median'
    """
    allowed = tuple(allowed)
    if value in allowed:
        return value
    near = get_close_matches(str(value), allowed, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"{option} is {value!r}; allowed: {', '.join(allowed)}{hint}")


def refuse_no_mode(option: str, cutoff: float, cutoff_rule: str) -> None:
    """Raises ValueError if a cutoff keeps no mode, not even i = j = 1; it names the rule that would.

    >>> refuse_no_mode("cutoff", 1, "half-integer")
    >>> refuse_no_mode("cutoff", 1, "disk")
    Traceback (most recent call last):
    ValueError: cutoff is 1; the rule disk keeps no mode below sqrt(2), half-integer keeps one from 0.915 on
    """
    keeping = {"disk": cutoff**2 * (1 + 1e-12) >= 2, "half-integer": cutoff + 0.5 > sqrt(2)}
    if keeping[cutoff_rule]:
        return
    others = [f", {rule} keeps one from {LEAST_CUTOFF[rule]} on" for rule, keeps in keeping.items() if keeps]
    least = LEAST_CUTOFF[cutoff_rule]
    raise ValueError(f"{option} is {cutoff:g}; the rule {cutoff_rule} keeps no mode below {least}{''.join(others)}")


def crop_share(option: str, value: Any) -> float:
    """`value` if it is a share of a side that a crop can keep. Raises TypeError or ValueError."""
    number = finite_at_least_zero(option, value)
    if not LEAST_CROP <= number <= 1:
        raise ValueError(f"{option} is {number:g}; it must be {LEAST_CROP} to 1, the whole image")
    return number


def chosen(value: str | None, by_convention: str) -> str:
    """An explicit choice, or the convention's where it is None."""
    return by_convention if value is None else value


def convention_named(name: str) -> Convention:
    """The convention of that name. Raises ValueError for an unknown one."""
    return CONVENTIONS[one_of("convention", name, CONVENTIONS)]


def positive_integer(option: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """`value` if it is a whole number from `least` to `most`. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{option} is {value!r}; a whole number of at least {least} is needed")
    number = int(value)
    if number < least:
        raise ValueError(f"{option} is {number}; it must be at least {least}")
    if most is not None and number > most:
        raise ValueError(f"{option} is {number}; it must be at most {most}")
    return number


def finite_at_least_zero(option: str, value: Any) -> float:
    """`value` if it is a finite number >= 0. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{option} is {value!r}; a number is needed")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{option} is {number:g}; it must be a finite number, 0 or more (at most {LARGEST:g})")
    return number


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    """How a network is measured; the defaults of `measure` and of `diffstab measure`.

    Attributes:
        draws: Deformations and noise vectors per image.
        average: `median` (the paper's main text) or `mean`, over images and draws.
        noise_radius: `ensemble` or `per-image`; None takes the convention's.
        noise_norm: ||eta|| itself, in the units of the network's input, in place of a rule.
        interpolation: `bilinear` (Eq. 15) or `gaussian` (Eq. 16).
        seed: Of every random stream, 0 to 2^64 - 1.
        batch_size: Images per forward pass, at most; batches are made as equal as they can be.
        batch_norm: `running` statistics, or those of the `batch` (App. E.1: at initialisation).
        resamples: Bootstrap resamples behind the 95 % intervals.
        layers: Which are measured beside the output: `auto`, `all`, or names with wildcards; None for none.
        amp: The network under torch.autocast, which the differences that are measured hardly bear.
    """

    draws: int = 1
    average: str = "median"
    noise_radius: str | None = None
    noise_norm: float | None = None
    interpolation: str = "bilinear"
    seed: int = 0
    batch_size: int = 128
    batch_norm: str = "running"
    resamples: int = 1000
    amp: bool = False
    layers: str | None = None

    def __post_init__(self) -> None:
        for name, least, most in (
            ("draws", 1, MOST_DRAWS),
            ("seed", 0, LARGEST_SEED),
            ("batch_size", 1, None),
            ("resamples", 100, MOST_RESAMPLES),
        ):
            number = positive_integer(name, getattr(self, name), least=least, most=most)
            object.__setattr__(self, name, number)  # a whole number of numpy's becomes Python's
        one_of("average", self.average, AVERAGES)
        one_of("interpolation", self.interpolation, INTERPOLATIONS)
        one_of("batch_norm", self.batch_norm, BATCH_NORMS)
        if self.noise_radius is not None:
            one_of("noise_radius", self.noise_radius, NOISE_RADIUS_RULES)
        if self.noise_norm is not None:
            if finite_at_least_zero("noise_norm", self.noise_norm) == 0:
                raise ValueError("noise_norm is 0, so nothing changes and R_f is not defined; give one above 0")
            object.__setattr__(self, "noise_norm", float(self.noise_norm))


DEFAULTS = MeasureSettings()
