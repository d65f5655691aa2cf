"""The options of one measurement, as `diffstab measure` takes them: names, defaults and checks, in one place.

Two mappings that mean the same measurement become equal objects: numbers get one form, and rules left to the convention
are filled in. The module imports nothing heavy.
"""

import json
from dataclasses import dataclass, fields, replace
from typing import Any

from ..checks import (
    LARGEST_SEED,
    a_number,
    a_text,
    above_zero,
    channel_values,
    crop_share,
    finite_at_least_zero,
    key_values,
    names_in,
    one_of,
    positive_integer,
    true_or_false,
)
from .base import CommandOptions
from .choices import (
    AVERAGES,
    BATCH_NORMS,
    CUTOFF_RULES,
    DEFAULT_CONVENTION,
    DEFAULT_CUTOFF,
    DEFAULT_DATASET,
    DEFAULT_DELTA,
    DEFAULT_IMAGES,
    DEFAULT_MODEL,
    DEFAULT_SPLIT,
    DELTA_RULES,
    DIFFEO,
    INTERPOLATIONS,
    MOST_DRAWS,
    MOST_OUTPUTS,
    MOST_RESAMPLES,
    NOISE_RADIUS_RULES,
    PRECISIONS,
    TRANSFORMS,
    WEIGHTS,
    chosen,
    convention_named,
    layer_text,
)
from .data_names import dataset_named, split_named


@dataclass(frozen=True, kw_only=True)
class MeasureSettings:
    """Settings of a measurement; the defaults of `measure` and of `diffstab measure`.

    Attributes:
        draws: Number of deformations, and of noise vectors, per image.
        average: Average over images and draws: `median` (the paper's main text) or `mean`.
        noise_radius: Rule for the norm of the noise: `ensemble` (one norm for all images) or `per-image`; None takes
            the convention's.
        noise_norm: Norm ||eta|| of the noise in units of the network's input; replaces the rule.
        interpolation: Interpolation between pixels: `bilinear` (Eq. 15) or `gaussian` (Eq. 16).
        seed: Seed of every random stream, 0 to 2^64 - 1.
        batch_size: Largest number of images per forward pass; batches are made as equal as possible.
        batch_norm: Statistics of batch normalisation: `running`, or those of the `batch` (App. E.1: at
            initialisation).
        resamples: Number of bootstrap resamples behind the 95 % intervals.
        layers: Layers measured besides the output: `auto`, `all`, or names with wildcards; None measures none.
        amp: True runs the network under torch.autocast; its rounding is often as large as the measured changes.
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
                raise ValueError("noise_norm is 0, so nothing changes and R_f is not defined; give a norm above 0")
            object.__setattr__(self, "noise_norm", float(self.noise_norm))


DEFAULTS = MeasureSettings()


@dataclass(frozen=True, kw_only=True)
class MeasureOptions(CommandOptions):
    """One measurement, as `diffstab measure` takes it; None leaves a rule to the convention.

    Attributes:
        model: Name of the network: `NAME`, `timm:NAME[.TAG]`, `torchvision:NAME[@WEIGHTS]`, `paper:NAME`,
            `hf-hub:USER/NAME`, `local-dir:PATH`, `package.module:callable` or `file.py:callable`.
        num_classes, in_chans: Numbers of outputs and of input channels; None takes those of the weights or data set.
        model_kwargs: Further arguments of the network's constructor: a mapping, or texts such as `depth=12`; kept as
            JSON.
        dataset: Name of the data set, as for `load_dataset`; one that is not in the package needs `data_dir`.
        download: True downloads the data set into `data_dir` if it is missing there.
        checkpoint: File of weights; replaces `weights`.
        weights_key: Key of the state dict in a checkpoint that holds several: names joined by points.
        img_size, crop_pct, mean, std: Preprocessing that replaces that of the weights or the data set.
        exif_orientation: True rotates image files as their EXIF tag says.
        transform: Transformation of the images; for all but `diffeo`, `delta` alone sets the size.
        delta: Root-mean-square displacement in pixels; replaces `temperature`. 1 if neither is given.
        noise_norm: Norm ||eta|| of the noise; replaces the rule `noise_radius`.
        layers: Layers measured besides the output: `auto`, `all`, or names with wildcards, one text or a list.
        images: Number of images, chosen by the seed; with `until_precision`, the number to begin with.
        until_precision: Largest log(R_high / R_low) at which measuring ends; None measures once.
        precision: Floating-point type of network and images, `float32` or `float64`.
        amp: True runs the network under autocast.
        channels_last, compile: Memory layout of the network, and torch.compile; both change rounding.
        trust: Names of the user's code, folders and hub networks that a folder's config.json may load: one, or
            several, kept as a JSON list. It does not identify the measurement.
        workers, device: Processes that load images, and device. They do not identify the measurement.

    The other attributes are those of `MeasureSettings`, `options.Convention` and `MaxEntropyEnsemble`.

    >>> MeasureOptions.of({"cutoff": 5, "noise-radius": "per-image"}).cutoff
    5.0
    """

    model: str = DEFAULT_MODEL
    num_classes: int | None = None
    in_chans: int | None = None
    model_kwargs: str | None = None
    dataset: str = DEFAULT_DATASET
    data_dir: str | None = None
    download: bool = False
    split: str = DEFAULT_SPLIT
    weights: str = "pretrained"
    checkpoint: str | None = None
    weights_key: str | None = None
    img_size: int | None = None
    crop_pct: float | None = None
    mean: str | None = None
    std: str | None = None
    exif_orientation: bool = False
    transform: str = DIFFEO
    cutoff: float = DEFAULT_CUTOFF
    delta: float | None = None
    temperature: float | None = None
    convention: str = DEFAULT_CONVENTION
    cutoff_rule: str | None = None
    delta_rule: str | None = None
    interpolation: str = DEFAULTS.interpolation
    average: str = DEFAULTS.average
    noise_radius: str | None = None
    noise_norm: float | None = None
    layers: str | None = None
    batch_norm: str | None = None
    images: int = DEFAULT_IMAGES
    draws: int = DEFAULTS.draws
    until_precision: float | None = None
    seed: int = DEFAULTS.seed
    batch_size: int = DEFAULTS.batch_size
    resamples: int = DEFAULTS.resamples
    precision: str = PRECISIONS[0]
    amp: bool = DEFAULTS.amp
    channels_last: bool = False
    compile: bool = False
    workers: int = 0
    trust: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        self._refuse_none()
        self._check_what()
        self._check("cutoff delta temperature", a_number)
        self._check("until_precision noise_norm", above_zero)
        self._check("layers", layer_text)
        self._check("images", positive_integer, least=2)
        self._check("batch_size", positive_integer)
        self._check("draws", positive_integer, most=MOST_DRAWS)
        self._check("resamples", positive_integer, least=100, most=MOST_RESAMPLES)
        self._check("seed", positive_integer, least=0, most=LARGEST_SEED)
        self._check("workers", positive_integer, least=0)
        self._check("device", a_text)
        self._check("amp channels_last compile", true_or_false)
        choices: dict[str, Any] = {
            "transform": TRANSFORMS,
            "weights": WEIGHTS,
            "interpolation": INTERPOLATIONS,
            "average": AVERAGES,
            "precision": PRECISIONS,
        }
        choices |= {"cutoff_rule": CUTOFF_RULES, "delta_rule": DELTA_RULES, "noise_radius": NOISE_RADIUS_RULES}
        for name, allowed in {**choices, "batch_norm": BATCH_NORMS}.items():
            self._check(name, one_of, allowed)
        if self.delta is not None and self.temperature is not None:
            raise ValueError(f"delta is {self.delta:g} and temperature is {self.temperature:g}; give one of the two")
        self._check_transform()
        if self.amp and self.precision != PRECISIONS[0]:
            raise ValueError(f"amp is on and precision is {self.precision!r}; give one of the two")
        self._fill_in()

    def _check_what(self) -> None:
        """Checks the options of network, data set and preprocessing."""
        self._check("model dataset data_dir checkpoint weights_key split", a_text)
        self._check("dataset", lambda _, value: dataset_named(value))
        self._check("split", lambda _, value: split_named(value))
        self._check("download exif_orientation", true_or_false)
        self._check("num_classes in_chans", positive_integer, most=MOST_OUTPUTS)
        self._check("img_size", positive_integer, least=2)
        self._check("model_kwargs", key_values)
        self._check("trust", names_in)
        self._check("crop_pct", lambda name, value: crop_share(name, a_number(name, value)))
        self._check("mean std", channel_values)
        for name in ("num_classes", "in_chans"):
            if name in self.arguments:
                raise ValueError(f"model_kwargs has {name}; give it as --{name.replace('_', '-')}")

    def _check_transform(self) -> None:
        """Refuses options of transformation and noise that exclude each other."""
        usual = convention_named(self.convention).noise_radius  # filled in where options are made from others
        if self.noise_norm is not None and self.noise_radius not in (None, usual):
            raise ValueError(
                f"noise_norm is {self.noise_norm:g} and noise_radius is {self.noise_radius!r}; give one of the two"
            )
        if self.transform != DIFFEO:
            if self.temperature is not None:
                raise ValueError(f"temperature is {self.temperature:g} and transform {self.transform!r}; give delta")
            if self.cutoff != DEFAULT_CUTOFF:
                raise ValueError(
                    f"cutoff is {self.cutoff:g} and transform {self.transform!r}, which has no cutoff; leave cutoff out"
                )

    def at_initialisation(self) -> "MeasureOptions":
        """Returns the same measurement at initialisation. Raises ValueError if this one is at initialisation."""
        if self.weights == "init" and self.checkpoint is None:
            raise ValueError("weights is 'init', so with_init would measure the same twice; leave with_init out")
        return replace(self, weights="init", checkpoint=None, weights_key=None, batch_norm=None)

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

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments in `model_kwargs` by name."""
        found: dict[str, Any] = json.loads(self.model_kwargs) if self.model_kwargs else {}
        return found

    @property
    def override(self) -> dict[str, Any]:
        """The preprocessing that was asked for: size, crop, mean, std and orientation."""
        statistics = {name: getattr(self, name) for name in ("mean", "std")}
        numbers = {name: text and tuple(map(float, text.split(","))) for name, text in statistics.items()}
        turned = {"exif_orientation": True} if self.exif_orientation else {}
        return {"img_size": self.img_size, "crop_pct": self.crop_pct, **numbers, **turned}


# Options that make the ensemble; MaxEntropyEnsemble has the same names.
ENSEMBLE = ("cutoff", "delta", "temperature", "convention", "cutoff_rule", "delta_rule")

# Options newer than the first stores: a job's name leaves them out at their default, so that old rows are still found.
ADDED = tuple(
    "num_classes in_chans model_kwargs img_size crop_pct mean std precision amp channels_last compile transform "
    "noise_norm layers exif_orientation weights_key".split()
)
USUAL = {f.name: f.default for f in fields(MeasureOptions)}
