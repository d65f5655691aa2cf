"""What one measurement is told: the options of the command, as they stand in a sweep's file too.

Names, defaults and checks are here, once. It imports nothing heavy. Two mappings that mean the same measurement become
equal objects: numbers are canonical, and rules that are left to the convention are filled in.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from os import PathLike, fspath
from typing import Any, TypeVar

from .settings import (
    AVERAGES,
    BATCH_NORMS,
    CUTOFF_RULES,
    DEFAULT_CONVENTION,
    DEFAULT_CUTOFF,
    DEFAULT_DATASET,
    DEFAULT_DELTA,
    DEFAULT_IMAGES,
    DEFAULT_MODEL,
    DEFAULTS,
    DELTA_RULES,
    INTERPOLATIONS,
    LARGEST_SEED,
    NOISE_RADIUS_RULES,
    SPLITS,
    WEIGHTS,
    chosen,
    convention_named,
    finite_at_least_zero,
    one_of,
    positive_integer,
)

Options = TypeVar("Options", bound="CommandOptions")


class CommandOptions:
    """What both kinds share: reading a mapping, and checks by field."""

    @classmethod
    def of(cls: type[Options], mapping: Mapping[str, Any]) -> Options:
        """From a mapping with the commands' option names, `noise-radius` or `noise_radius`.

        Raises:
            ValueError: If a name is unknown (the message has the nearest) or comes twice, or a value is not allowed.
            TypeError: If a value is of another type.
        """
        known = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        options: dict[str, Any] = {}
        for key, value in mapping.items():
            name = str(key).replace("-", "_")
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
                raise ValueError(f"{key!r} is not an option; {hint}")
            if name in options:
                raise ValueError(f"{key!r} is given twice")
            options[name] = value
        return cls(**options)

    def to_dict(self) -> dict[str, Any]:
        """Every option by name: plain numbers, strings and None."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def _refuse_none(self) -> None:
        """None stands only where the default is None."""
        for f in fields(self):  # type: ignore[arg-type]
            if getattr(self, f.name) is None and f.default is not None:
                raise TypeError(f"{f.name} is None; leave it out to have its default, {f.default!r}")

    def _check(self, names: str, check: Any, *arguments: Any, **keywords: Any) -> None:
        """Puts what `check(name, value, ...)` returns in the place of each named value that is not None."""
        for name in names.split():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(name, value, *arguments, **keywords))


def a_text(option: str, value: Any) -> str:
    """`value` if it is a text or a path, not empty. Raises TypeError or ValueError."""
    if isinstance(value, PathLike):
        value = fspath(value)
    if not isinstance(value, str) or not value:
        raise TypeError(f"{option} is {value!r}; a name is needed")
    if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in value):
        raise ValueError(f"{option} is {value!a}, which is no text (it holds surrogates or a null)")
    return value


def a_number(option: str, value: Any) -> float:
    """`value`, or the number that a text means, if it is finite and 0 or more. Raises TypeError or ValueError."""
    if isinstance(value, str):  # YAML reads 1e-3, without a point, as a string
        try:
            value = float(value)
        except ValueError:
            raise TypeError(f"{option} is {value!r}; a number is needed") from None
    return finite_at_least_zero(option, value)


def above_zero(option: str, value: Any) -> float:
    """As `a_number`, and not 0."""
    number = a_number(option, value)
    if number == 0:
        raise ValueError(f"{option} is 0; it must be above 0")
    return number


def true_or_false(option: str, value: Any) -> bool:
    """`value` if it is a bool. Raises TypeError."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} is {value!r}; true or false is needed")
    return value


@dataclass(frozen=True, kw_only=True)
class MeasureOptions(CommandOptions):
    """One measurement, as `diffstab measure` takes it; None leaves a rule to the convention.

    Attributes:
        model: `NAME`, `timm:NAME`, `torchvision:NAME` or `paper:NAME`.
        dataset: `mnist5k`, `photos` or `folder`, the latter with `data_dir`.
        checkpoint: A file of weights, in place of `weights`.
        delta: Pixels, in place of `temperature`; 1 where neither is given.
        images: How many, chosen by the seed. With `until_precision`, how many to begin with.
        until_precision: Go on until log(R_high / R_low) is at most this; None measures once.
        workers, device: Where it runs; no part of what it is.

    The others are those of `settings.MeasureSettings`, `settings.Convention` and `MaxEntropyEnsemble`.

    >>> MeasureOptions.of({"cutoff": 5, "noise-radius": "per-image"}).cutoff
    5.0
    """

    model: str = DEFAULT_MODEL
    dataset: str = DEFAULT_DATASET
    data_dir: str | None = None
    split: str = "test"
    weights: str = "pretrained"
    checkpoint: str | None = None
    cutoff: float = DEFAULT_CUTOFF
    delta: float | None = None
    temperature: float | None = None
    convention: str = DEFAULT_CONVENTION
    cutoff_rule: str | None = None
    delta_rule: str | None = None
    interpolation: str = DEFAULTS.interpolation
    average: str = DEFAULTS.average
    noise_radius: str | None = None
    batch_norm: str | None = None
    images: int = DEFAULT_IMAGES
    draws: int = DEFAULTS.draws
    until_precision: float | None = None
    seed: int = DEFAULTS.seed
    batch_size: int = DEFAULTS.batch_size
    resamples: int = DEFAULTS.resamples
    workers: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        self._refuse_none()
        self._check("model dataset data_dir checkpoint device", a_text)
        self._check("cutoff delta temperature", a_number)
        self._check("until_precision", above_zero)
        self._check("images", positive_integer, least=2)
        self._check("draws batch_size", positive_integer)
        self._check("resamples", positive_integer, least=100)
        self._check("seed", positive_integer, least=0, most=LARGEST_SEED)
        self._check("workers", positive_integer, least=0)
        choices = {"split": SPLITS, "weights": WEIGHTS, "interpolation": INTERPOLATIONS, "average": AVERAGES}
        choices |= {"cutoff_rule": CUTOFF_RULES, "delta_rule": DELTA_RULES, "noise_radius": NOISE_RADIUS_RULES}
        for name, allowed in {**choices, "batch_norm": BATCH_NORMS}.items():
            self._check(name, one_of, allowed)
        if self.delta is not None and self.temperature is not None:
            raise ValueError(f"delta is {self.delta:g} and temperature is {self.temperature:g}; give one of the two")
        self._fill_in()

    def _fill_in(self) -> None:
        convention = convention_named(self.convention)
        fresh = self.weights == "init" and self.checkpoint is None
        rules = {
            "delta": DEFAULT_DELTA if self.delta is None and self.temperature is None else self.delta,
            "cutoff_rule": chosen(self.cutoff_rule, convention.cutoff_rule),
            "delta_rule": chosen(self.delta_rule, convention.delta_rule),
            "noise_radius": chosen(self.noise_radius, convention.noise_radius),
            "batch_norm": chosen(self.batch_norm, "batch" if fresh else "running"),  # App. E.1, at initialisation
        }
        for name, value in rules.items():
            object.__setattr__(self, name, value)


# That make the ensemble, by the names that MaxEntropyEnsemble has for them.
ENSEMBLE = ("cutoff", "delta", "temperature", "convention", "cutoff_rule", "delta_rule")

# No part of what is measured or trained: the same numbers come wherever it runs.
EXECUTION = ("workers", "device")
