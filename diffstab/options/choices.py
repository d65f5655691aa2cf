"""The choices of a measurement: their names, allowed values and defaults, in one place.

The Python functions and the command line both read this module, so they cannot disagree. It imports nothing heavy, so
that `diffstab --help` answers without torch.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

from ..checks import one_of

SHELL = "shell"
CUTOFF_RULES = ("disk", "half-integer", SHELL)
LEAST_CUTOFF = {"disk": "sqrt(2)", "half-integer": "0.915", SHELL: "0.415"}  # that keeps a mode, for messages
DELTA_RULES = ("exact", "asymptotic")
TEMPERATURE_RULES = ("monte-carlo", "asymptotic")
PER_IMAGE = "per-image"
NOISE_RADIUS_RULES = ("ensemble", PER_IMAGE)
MEDIAN_RULES = ("norm", "coordinate")
PAIR_RULES = ("distinct", "all")
AVERAGES = ("median", "mean")
INTERPOLATIONS = ("bilinear", "gaussian")
BATCH_NORMS = ("running", "batch")
WEIGHTS = ("pretrained", "init")
PROBABILITIES = "probabilities"
OUTPUT_FORMS = ("logits", PROBABILITIES)
FEATURES, UNIT_FEATURES = "features", "unit-features"
STILL, MOVED = "still", "moved"
WORST_DEFORMATION, BOTH = "deformation", "both"
WORST = (WORST_DEFORMATION, BOTH)  # what is the worst that is found, instead of random
AGAINST = (STILL, MOVED)  # what f(tau x) is compared with: f(x) as it is, or moved along by tau
PRECISIONS = ("float32", "float64")
DIFFEO = "diffeo"
PAIRS = "pairs"
TRANSFORMS = (DIFFEO, "translation", "whole-translation", "rotation", "scale", PAIRS)
AUTO, ALL = "auto", "all"  # layers
GIVEN = "given"  # noise radius: a norm was given instead of a rule
EXPORTS = ("csv", "parquet", "timm", "layers", "hub")

KEEP_OUTPUTS_UP_TO = 100  # outputs: up to so many, the squared change of each is kept, so that any median can follow

MOST_DRAWS = 100_000  # per image; more would take days, and is a typing error
MOST_OUTPUTS = 1_000_000  # of a network; label sets have up to some 20,000
MOST_RESAMPLES = 1_000_000
MOST_STEPS, MOST_STARTS = 10_000, 1000  # of a search for the worst case
MOST_NEIGHBOURS = 10_000

DEFAULT_MODEL = "resnet18"
DEFAULT_DATASET = "mnist5k"
DEFAULT_SPLIT = "test"
DEFAULT_IMAGES = 500
DEFAULT_CUTOFF = 3.0
DEFAULT_DELTA = 1.0  # pixels
DEFAULT_STEPS, DEFAULT_STARTS = 20, 4  # of a search for the worst case
DEFAULT_NEIGHBOURS = 20

GAUSSIAN_SIGMA = 0.4715  # pixels; App. C: participation ratio 4, as bilinear, between four pixels


@dataclass(frozen=True)
class Convention:
    """A convention: a named set of choices that the paper leaves open, or that its published code made differently.

    Attributes:
        name: Name in results, `paper` or `reference`.
        cutoff_rule: Rule for the modes (i, j) that a cutoff c keeps: `disk` (i^2 + j^2 <= c^2) or `half-integer`
            (sqrt(i^2 + j^2) < c + 1/2). A shell (c <= sqrt(i^2 + j^2) < c + 1) is of no convention.
        delta_rule: Formula between the temperature T and the displacement delta: `exact` (App. B, third line) or
            `asymptotic` (Eq. 3).
        noise_radius: Norm of the noise: `ensemble` (one norm for all images, Eq. 4) or `per-image` (each image's own
            ||tau x - x||, where tau x is the deformed image).
        median_rule: `norm` (median of the squared norm) or `coordinate` (lower median of each output
            coordinate's squared change, summed).
        pairs: Pairs of images in the denominator of D_f and G_f: `distinct` images, or `all` pairs, an image with
            itself included.
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


def refuse_no_mode(option: str, cutoff: float, cutoff_rule: str) -> None:
    """Raises ValueError if a cutoff keeps no mode, not even i = j = 1; the message names a rule that keeps one.

    >>> refuse_no_mode("cutoff", 1, "half-integer")
    >>> refuse_no_mode("cutoff", 1, "disk")
    Traceback (most recent call last):
    ValueError: cutoff is 1; the rule disk keeps no mode below sqrt(2), half-integer keeps one from 0.915 on
    """
    keeping = {rule: cutoff + more > sqrt(2) for rule, more in (("half-integer", 0.5), (SHELL, 1))}
    keeping["disk"] = cutoff**2 * (1 + 1e-12) >= 2
    if keeping[cutoff_rule]:
        return
    others = [f", {rule} keeps one from {LEAST_CUTOFF[rule]} on" for rule in CUTOFF_RULES[:2] if keeping[rule]]
    least = LEAST_CUTOFF[cutoff_rule]
    raise ValueError(f"{option} is {cutoff:g}; the rule {cutoff_rule} keeps no mode below {least}{''.join(others)}")


def chosen(value: str | None, by_convention: str) -> str:
    """Returns an explicit choice, or the convention's if it is None."""
    return by_convention if value is None else value


def convention_named(name: str) -> Convention:
    """Returns the convention with this name. Raises ValueError for an unknown one."""
    return CONVENTIONS[one_of("convention", name, CONVENTIONS)]


def layer_text(option: str, layers: Any) -> str:
    """Joins a choice of layers into one text: `auto`, `all`, or patterns with commas between them.

    Raises:
        TypeError, ValueError: If the choice is not text, or empty.

    >>> layer_text("layers", ["layer*", " fc "])
    'layer*,fc'
    """
    parts = layers.split(",") if isinstance(layers, str) else layers
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise TypeError(f"{option} is {layers!r}; auto, all, or names with wildcards are needed")
    names = [part.strip() for part in parts]
    if not names or not all(names):
        raise ValueError(f"{option} is {layers!r}; auto, all, or names such as layer*,fc are needed")
    if len(names) > 1 and {AUTO, ALL} & set(names):
        raise ValueError(f"{option} is {layers!r}; give auto or all alone, or only names")
    return ",".join(names)


def is_inside(of: str) -> bool:
    """Returns True if a form of the output is a tensor inside the network: its features, or a layer's output."""
    return of not in OUTPUT_FORMS
