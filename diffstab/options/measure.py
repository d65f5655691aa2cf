"""What one measurement is told: the options of `diffstab measure`.

Names, defaults and checks are here, once. It imports nothing heavy. Two mappings that mean the same measurement become
equal objects: numbers are canonical, and rules that are left to the convention are filled in.
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


@dataclass(frozen=True, kw_only=True)
class MeasureOptions(CommandOptions):
    """One measurement, as `diffstab measure` takes it; None leaves a rule to the convention.

    Attributes:
        model: `NAME`, `timm:NAME[.TAG]`, `torchvision:NAME[@WEIGHTS]`, `paper:NAME`, `hf-hub:USER/NAME`,
            `local-dir:PATH`, `package.module:callable` or `file.py:callable`.
        num_classes, in_chans: Of the network; None: those of its weights, or the data set's.
        model_kwargs: Further arguments of its constructor: a mapping, or texts such as `depth=12`; kept as JSON.
        dataset: As in `load_dataset`; those that don't come with the package with `data_dir`.
        download: Fetch the data set into `data_dir` where it is not there.
        checkpoint: A file of weights, in place of `weights`.
        weights_key: Which state dict of the checkpoint, where it holds several: keys joined by points.
        img_size, crop_pct, mean, std: Of the preprocessing, in place of the weights' or the data set's.
        exif_orientation: Whether image files are turned as their EXIF tag says.
        transform: What images undergo; all but `diffeo` are told by `delta` alone.
        delta: Pixels, in place of `temperature`; 1 where neither is given.
        noise_norm: ||eta||, in place of the rule `noise_radius`.
        layers: Which are measured beside the output: `auto`, `all`, or names with wildcards, one text or a list.
        images: How many, chosen by the seed. With `until_precision`, how many to begin with.
        until_precision: Go on until log(R_high / R_low) is at most this; None measures once.
        precision: `float32` or `float64`, of network and images.
        amp: The network under autocast.
        channels_last, compile: The network's memory layout, and torch.compile; they change rounding.
        trust: Names of own code, folders and hubs that a folder's config.json may lead to: one, or several, kept as
            a JSON list; no part of what it is.
        workers, device: Where it runs; no part of what it is.

    The others are those of `MeasureSettings`, `options.Convention` and `MaxEntropyEnsemble`.

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
        """Network, data set, and how images become the network's input."""
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
        """What goes together, of transformation and noise."""
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
                    f"cutoff is {self.cutoff:g} and transform {self.transform!r}, which has none; leave it"
                )

    def at_initialisation(self) -> "MeasureOptions":
        """The same measurement of the network as it begins. Raises ValueError if this one is of that already."""
        if self.weights == "init" and self.checkpoint is None:
            raise ValueError("weights is 'init', so there is nothing to set beside it; leave with_init out")
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
        """`model_kwargs` by name."""
        found: dict[str, Any] = json.loads(self.model_kwargs) if self.model_kwargs else {}
        return found

    @property
    def override(self) -> dict[str, Any]:
        """Size, crop, mean, std and orientation that were asked for."""
        statistics = {name: getattr(self, name) for name in ("mean", "std")}
        numbers = {name: text and tuple(map(float, text.split(","))) for name, text in statistics.items()}
        turned = {"exif_orientation": True} if self.exif_orientation else {}
        return {"img_size": self.img_size, "crop_pct": self.crop_pct, **numbers, **turned}


# That make the ensemble, by the names that MaxEntropyEnsemble has for them.
ENSEMBLE = ("cutoff", "delta", "temperature", "convention", "cutoff_rule", "delta_rule")

# Added after stores were kept: left out of a job's name while they have their default, so that those still answer.
ADDED = tuple(
    "num_classes in_chans model_kwargs img_size crop_pct mean std precision amp channels_last compile transform "
    "noise_norm layers exif_orientation weights_key".split()
)
USUAL = {f.name: f.default for f in fields(MeasureOptions)}
