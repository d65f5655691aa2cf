"""The settings of a measurement, whatever its network and images: each one's meaning, default and roles, once.

The module imports nothing heavy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..checks import LARGEST_SEED, a_number, above_zero, true_or_false
from .base import CommandOptions
from .choices import (
    AGAINST,
    AVERAGES,
    BATCH_NORMS,
    CONVENTIONS,
    CUTOFF_RULES,
    DEFAULT_CONVENTION,
    DEFAULT_CUTOFF,
    DEFAULT_DELTA,
    DEFAULT_NEIGHBOURS,
    DEFAULT_STARTS,
    DEFAULT_STEPS,
    DELTA_RULES,
    DIFFEO,
    INTERPOLATIONS,
    MOST_DRAWS,
    MOST_NEIGHBOURS,
    MOST_RESAMPLES,
    MOST_STARTS,
    MOST_STEPS,
    NOISE_RADIUS_RULES,
    OUTPUT_FORMS,
    TRANSFORMS,
    WORST,
    is_inside,
    layer_text,
)
from .setting import Role, Setting, Whole, setting, settings_of

BY_CONVENTION = "[default: as --convention says]"


@dataclass(frozen=True, kw_only=True)
class MeasureSettings(CommandOptions):
    """Settings of a measurement, whatever its network and images; None leaves a rule to the convention.

    A result holds them as they were used.

    >>> MeasureSettings(draws=2).average
    'median'
    """

    # fmt: off
    transform: str = setting(DIFFEO,
        "Transformation of the images: the paper's random smooth deformations (diffeo); translations, rotations or "
        "scalings with the same displacement --delta; or changed images that you give (pairs, with --changed-dir).",
        allowed=TRANSFORMS, after="test_error", roles=Role.COMPARED | Role.KEY_IF_SET)
    cutoff: float | None = setting(None,
        "Cutoff c, the highest frequency in the deformations: half-waves per side of the image.",
        a_number, usual=DEFAULT_CUTOFF, after="transform", roles=Role.COMPARED | Role.DEFORMS | Role.KEY | Role.FIRST)
    delta: float | None = setting(None,
        "Size of the deformations: root-mean-square displacement in pixels.  "
        f"[default: {DEFAULT_DELTA:g}, unless --temperature is given]",
        a_number, after="temperature", roles=Role.COMPARED | Role.FIRST)
    temperature: float | None = setting(None,
        "Temperature T of the deformations, proportional to their mean squared displacement; an alternative to "
        "--delta.",
        a_number, metavar="T", after="cutoff_rule",
        roles=Role.COMPARED | Role.DEFORMS | Role.ASKED | Role.KEY | Role.FIRST)
    convention: str | None = setting(None,
        "Definitions to follow: the paper's text (paper) or its published code (reference).",
        allowed=tuple(CONVENTIONS), usual=DEFAULT_CONVENTION, after="pairs",
        roles=Role.RULES | Role.COMPARED | Role.FIRST)
    cutoff_rule: str | None = setting(None,
        "Modes (i, j) that the cutoff keeps: i^2 + j^2 <= c^2 (disk), sqrt(i^2 + j^2) < c + 1/2 (half-integer), or "
        "only c <= sqrt(i^2 + j^2) < c + 1 (shell).  "
        f"{BY_CONVENTION}",
        allowed=CUTOFF_RULES, after="cutoff", roles=Role.COMPARED | Role.DEFORMS | Role.KEY | Role.FIRST)
    delta_rule: str | None = setting(None,
        "Formula between T and delta: exact, or the paper's approximation for large cutoffs (asymptotic).  "
        f"{BY_CONVENTION}",
        allowed=DELTA_RULES, after="delta", roles=Role.COMPARED | Role.DEFORMS | Role.KEY | Role.FIRST)
    worst: str | None = setting(None,
        "Search for the deformation of typical size that changes the output most (deformation), or for the worst noise "
        "of the same norm as well (both).  [default: random ones]",
        allowed=WORST, roles=Role.COLUMN | Role.COMPARED | Role.KEY_IF_SET)
    ascent_steps: int | None = setting(None,
        f"Number of gradient steps of a search for the worst.  [default: {DEFAULT_STEPS}]",
        Whole(1, MOST_STEPS), roles=Role.COLUMN | Role.COMPARED | Role.KEY_IF_SET)
    ascent_starts: int | None = setting(None,
        f"Number of random starts of a search; the worst that any finds counts.  [default: {DEFAULT_STARTS}]",
        Whole(1, MOST_STARTS), roles=Role.COLUMN | Role.COMPARED | Role.KEY_IF_SET)
    interpolation: str = setting("bilinear",
        "Interpolation between pixels: bilinear (Eq. 15), or with a Gaussian kernel (Eq. 16).",
        allowed=INTERPOLATIONS, after="delta_rule", roles=Role.COMPARED | Role.KEY | Role.FIRST)
    average: str = setting("median", "Average of the squared changes over images and draws.",
        allowed=AVERAGES, after="interpolation", roles=Role.COMPARED | Role.KEY | Role.FIRST)
    noise_radius: str | None = setting(None,
        "Norm of the noise: the norm of the images' change by deformation, averaged over all images (ensemble), or "
        f"that of each image by itself (per-image).  {BY_CONVENTION}",
        allowed=NOISE_RADIUS_RULES, after="noise_radius", column="noise_radius_rule",
        roles=Role.COMPARED | Role.KEY | Role.FIRST)
    noise_norm: float | None = setting(None,
        "Norm ||eta|| of the noise as a number, in units of the network's input; replaces --noise-radius.",
        above_zero, after="noise_radius_rule", roles=Role.COMPARED | Role.KEY_IF_SET)
    layers: str | None = setting(None,
        "Layers to measure besides the output: the main blocks (auto), all, or names in which * and ? stand for any "
        "text, for example 'layer*,fc'.",
        layer_text, metavar="auto|all|NAME,...", after="batch_order", column="layers_asked", roles=Role.KEY_IF_SET)
    batch_norm: str | None = setting(None,
        "Statistics that batch normalisation uses: those stored in training (running), or those of each batch "
        "(batch).  [default: running; batch with --weights init]",
        allowed=BATCH_NORMS, after="lipschitz", roles=Role.KEY | Role.FIRST)
    draws: int = setting(1, "Number of random deformations, and of noise vectors, per image.",
        Whole(1, MOST_DRAWS), after="images", roles=Role.COMPARED | Role.KEY | Role.FIRST)
    seed: int = setting(0, "Seed of all random numbers.",
        Whole(0, LARGEST_SEED), after="device", roles=Role.BESIDE | Role.KEY | Role.FIRST | Role.BUILDS)
    batch_size: int = setting(128, "Largest number of images per forward pass.",
        Whole(), after="batch_norm", roles=Role.FIRST)
    resamples: int = setting(1000, "Number of bootstrap resamples behind the 95 % intervals.",
        Whole(100, MOST_RESAMPLES), after="batch_size", roles=Role.KEY | Role.FIRST)
    of: str = setting(OUTPUT_FORMS[0],
        "Form of the output that is compared: as the network returns it, for a classifier its logits (logits); the "
        "softmax over its classes (probabilities); the input of its last linear layer (features), also divided by its "
        "norm (unit-features); or the output of a layer by name.",
        metavar="FORM|LAYER", section="Network", roles=Role.COLUMN | Role.COMPARED | Role.KEY_IF_SET)
    against: str | None = setting(None,
        "Output that f(tau x) is compared with: f(x) as it is (still: D_f alone), or f(x) moved along by tau as well "
        "(moved: E_f too, the equivariance error).  [default: moved for outputs and layers that are maps]",
        allowed=AGAINST, section="Network", roles=Role.COLUMN | Role.KEY_IF_SET)
    shuffle_channels: bool = setting(False,
        "Permute the input channels of each convolution at random, by the seed, while measuring: what is left is "
        "stability by pooling in space alone.",
        true_or_false, section="Network", roles=Role.COLUMN | Role.COMPARED | Role.KEY_IF_SET)
    neighbours: int | None = setting(None,
        "Number of nearest neighbours: an image's class is that of most of its nearest others, by the cosine of f(x), "
        f"for the test error of networks without a classifier.  [default: {DEFAULT_NEIGHBOURS} with --of features, "
        "unit-features or a layer; else the class of the largest output]",
        Whole(1, MOST_NEIGHBOURS), section="Network", roles=Role.COLUMN | Role.COMPARED | Role.KEY_IF_SET)
    amp: bool = setting(False, "Run the network in mixed precision (autocast), and print the error it adds.",
        true_or_false)
    # fmt: on

    def __post_init__(self) -> None:
        self._check_each()
        self._check_worst()
        self._check_neighbours()

    def _check_worst(self) -> None:
        """Refuses settings of a search without one, and a search among anything but smooth deformations."""
        if self.worst is None:
            for name in ("ascent_steps", "ascent_starts"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is {getattr(self, name)} and worst is not given; give both or none")
        elif self.transform != DIFFEO:
            raise ValueError(f"worst is {self.worst!r} and transform is {self.transform!r}; only diffeo has worst ones")
        else:
            steps, starts = self.ascent_steps or DEFAULT_STEPS, self.ascent_starts or DEFAULT_STARTS
            self._set(ascent_steps=steps, ascent_starts=starts)

    def _check_neighbours(self) -> None:
        """Fills in the usual neighbours for a tensor inside the network; refuses them for smoothed images."""
        smoothed = self.interpolation != INTERPOLATIONS[0]
        if self.neighbours is None and is_inside(self.of) and not smoothed:
            self._set(neighbours=DEFAULT_NEIGHBOURS)
        elif self.neighbours is not None and smoothed:
            raise ValueError(
                f"neighbours is {self.neighbours} and interpolation is {self.interpolation!r}, where f(x) is of "
                "smoothed images; take bilinear, or leave neighbours out"
            )

    def columns(self) -> dict[str, Any]:
        """Returns the value of each column of a row that these settings have."""
        return {one.column: getattr(self, name) for name, one in COLUMNS.items()}

    def used(self, **values: Any) -> "MeasureSettings":
        """Returns these settings alone, with values as they were used, such as `given`, which nobody can ask for."""
        made = object.__new__(MeasureSettings)
        made._set(**{name: getattr(self, name) for name in settings_of(MeasureSettings)} | values)
        return made

    @classmethod
    def of_columns(cls, row: Mapping[str, Any]) -> "MeasureSettings":
        """Makes settings from a row's columns, as they were used.

        Settings that older rows lack get their default, others None.
        """
        columns = {
            name: row.get(one.column, None if one.has(Role.FIRST) else one.default) for name, one in COLUMNS.items()
        }
        return DEFAULTS.used(**columns)


DEFAULTS = MeasureSettings()
COLUMNS: dict[str, Setting] = {name: one for name, one in settings_of(MeasureSettings).items() if one.column}
