"""One measurement, as it is asked for: network and images by name, settings, and how it runs.

Two mappings that mean the same measurement become equal objects: numbers get one form, and rules left to the convention
are filled in. The module imports nothing heavy.
"""

import math
from dataclasses import dataclass, replace

from ..checks import above_zero, names_in, true_or_false
from .choices import (
    DEFAULT_CONVENTION,
    DEFAULT_CUTOFF,
    DEFAULT_DELTA,
    DEFAULT_IMAGES,
    DIFFEO,
    INTERPOLATIONS,
    PAIRS,
    PER_IMAGE,
    PRECISIONS,
    chosen,
    convention_named,
)
from .measure_settings import MeasureSettings
from .named import TRUST, NamedOptions
from .setting import Role, Whole, names_with, setting


@dataclass(frozen=True, kw_only=True)
class MeasureOptions(MeasureSettings, NamedOptions):
    """One measurement, as `diffstab measure` takes it: network and images by name, and the settings.

    >>> MeasureOptions.from_mapping({"cutoff": 5, "noise-radius": "per-image"}).cutoff
    5.0
    """

    # fmt: off
    images: int = setting(DEFAULT_IMAGES, "Number of images, chosen by the seed.",
        Whole(2), before="draws", roles=Role.COLUMN | Role.COMPARED | Role.FIRST | Role.ASIDE)
    until_precision: float | None = setting(None,
        "Width of the interval to reach, log(R_high / R_low), for example 0.1: takes more images, then more draws, "
        "until the 95 % interval of R_f is that narrow or the data run out.",
        above_zero, metavar="P", before="seed", roles=Role.FIRST | Role.ASIDE)
    delta_share: float | None = setting(None,
        "Size of the deformations as a share of the input's side, for example 0.01 for 2.24 of 224 pixels; an "
        "alternative to --delta for networks with different input sizes.",
        above_zero, metavar="SHARE", roles=Role.COMPARED | Role.ASKED | Role.ASIDE)
    changed_dir: str | None = setting(None,
        "Folder of changed images for --transform pairs, with the names of the data set's files.",
        path=True, metavar="DIR", roles=Role.ASKED | Role.ASIDE)
    precision: str = setting(PRECISIONS[0], "Floating-point precision of network and images.",
        allowed=PRECISIONS, before="amp")
    channels_last: bool = setting(False, "Use PyTorch's memory layout channels_last for the network.",
        true_or_false, roles=Role.ASKED | Role.ASIDE)
    compile: bool = setting(False, "Compile the network with torch.compile.",
        true_or_false, roles=Role.ASKED | Role.ASIDE)
    workers: int = setting(0, "Number of processes that load images.", Whole(0), roles=Role.EXECUTION | Role.ASIDE)
    trust: str | None = setting(None, TRUST, names_in, metavar="NAME", several=True, roles=Role.EXECUTION)
    device: str = setting("auto", "Device to run on: auto, cpu, cuda, cuda:1 or mps.",
        roles=Role.EXECUTION | Role.ASIDE)
    # fmt: on

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_size()
        self._check_arguments()
        self._check_transform()
        if self.amp and self.precision != PRECISIONS[0]:
            raise ValueError(f"amp is on and precision is {self.precision!r}; give one of the two")
        self._fill_in()

    def _check_size(self) -> None:
        """Refuses more than one size of the deformations."""
        sizes = {name: getattr(self, name) for name in ("delta", "temperature", "delta_share")}
        given = [f"{name} is {value:g}" for name, value in sizes.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)}; give one of the {'two' if len(given) == 2 else 'three'}")

    def in_pixels(self, height: int, width: int) -> "MeasureOptions":
        """Returns the same measurement with delta in pixels in place of its share of the input's side.

        The side of an image that is no square is sqrt((H^2 + W^2) / 2), so that T follows from the share alone.

        >>> MeasureOptions(delta_share=0.01).in_pixels(224, 224).delta
        2.24
        """
        if self.delta_share is None:
            return self
        delta = self.delta_share * math.sqrt((height**2 + width**2) / 2)
        return replace(self, delta=float(f"{delta:.12g}"), delta_share=None)  # as one would write it

    def _check_transform(self) -> None:
        """Refuses options of transformation and noise that exclude each other."""
        usual = convention_named(chosen(self.convention, DEFAULT_CONVENTION)).noise_radius
        usual = PER_IMAGE if self.transform == PAIRS else usual
        if self.noise_norm is not None and self.noise_radius not in (None, usual):  # filled in where made from others
            raise ValueError(
                f"noise_norm is {self.noise_norm:g} and noise_radius is {self.noise_radius!r}; give one of the two"
            )
        if (self.transform == PAIRS) != (self.changed_dir is not None):
            raise ValueError(
                f"transform is {self.transform!r} and changed_dir is {self.changed_dir!r}; give {PAIRS!r} and a folder "
                "of changed images, or neither"
            )
        if self.transform == PAIRS and (self.delta or self.delta_share or self.interpolation != INTERPOLATIONS[0]):
            raise ValueError(f"transform is {PAIRS!r}, which has no delta and no interpolation; leave both out")
        if self.transform != DIFFEO:
            if self.temperature is not None:
                raise ValueError(f"temperature is {self.temperature:g} and transform {self.transform!r}; give delta")
            if self.cutoff not in (None, DEFAULT_CUTOFF):
                raise ValueError(
                    f"cutoff is {self.cutoff:g} and transform {self.transform!r}, which has no cutoff; leave cutoff out"
                )

    def at_initialisation(self) -> "MeasureOptions":
        """Returns the same measurement at initialisation. Raises ValueError if this one is at initialisation."""
        if self.weights == "init" and self.checkpoint is None:
            raise ValueError("weights is 'init', so with_init would measure the same twice; leave with_init out")
        return replace(self, weights="init", checkpoint=None, weights_key=None, batch_norm=None)

    def _usual_delta(self) -> bool:
        sizes = (self.delta, self.temperature, self.delta_share)
        return sizes == (None, None, None) and self.transform != PAIRS

    def _fill_in(self) -> None:
        convention = convention_named(chosen(self.convention, DEFAULT_CONVENTION))
        fresh = self.weights == "init" and self.checkpoint is None
        self._set(
            convention=convention.name,
            cutoff=DEFAULT_CUTOFF if self.cutoff is None else self.cutoff,
            delta=DEFAULT_DELTA if self._usual_delta() else self.delta,
            cutoff_rule=chosen(self.cutoff_rule, convention.cutoff_rule),
            delta_rule=chosen(self.delta_rule, convention.delta_rule),
            noise_radius=chosen(self.noise_radius, PER_IMAGE if self.transform == PAIRS else convention.noise_radius),
            batch_norm=chosen(self.batch_norm, "batch" if fresh else "running"),  # App. E.1, at initialisation
        )


# Options that change no number, so that they are no part of a job's name.
EXECUTION = names_with(MeasureOptions, Role.EXECUTION)
