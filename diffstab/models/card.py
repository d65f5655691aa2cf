"""Facts about a network before it is built, and the user's request for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..data import Preprocessing


@dataclass(frozen=True, kw_only=True)
class Card:
    """Facts about a network from its source.

    Attributes:
        preprocessing: Preprocessing of its weights; if it has none, of those published for its architecture.
        missing: Options the user must give because the weights' config lacks them, for example `--mean`.
        tag: Name of the published weights in their library (a1_in1k, IMAGENET1K_V1).
        published: True if published weights exist.
        fixed_size: True if its layers depend on the size of the images.
        label_names: Names of its outputs, if the weights have them.
    """

    preprocessing: Preprocessing | None = None
    missing: tuple[str, ...] = ()
    tag: str | None = None
    published: bool = False
    fixed_size: bool = False
    label_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Arguments that a network is built with.

    Attributes:
        size: Height and width of its input, pixels.
        in_chans: Number of channels of its input; None keeps the network's default.
        num_classes: Number of outputs; None keeps the network's default.
        arguments: Further arguments of its constructor.
    """

    size: tuple[int, int]
    in_chans: int | None = None
    num_classes: int | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def named(self) -> dict[str, int]:
        """Channels and classes that are given, by name."""
        named = {"num_classes": self.num_classes, "in_chans": self.in_chans}
        return {name: value for name, value in named.items() if value is not None}

    def given(self) -> dict[str, Any]:
        """Channels, classes and further arguments that are given, by name."""
        return {**self.named(), **self.arguments}


class Override(NamedTuple):
    """Preprocessing that the user asks for, instead of that of the weights or the data set."""

    img_size: int | None = None
    crop_pct: float | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    exif_orientation: bool | None = None


class Asked(NamedTuple):
    """The user's request for a network: the arguments of `resolve_model`."""

    dataset: str
    weights: str
    checkpoint: str | Path | None
    weights_key: str | None
    num_classes: int | None
    in_chans: int | None
    arguments: Mapping[str, Any]
    override: Override
    seed: int

    @property
    def published(self) -> bool:
        """True if the published weights of the network's name are wanted."""
        return self.weights == "pretrained" and self.checkpoint is None

    def options(self) -> dict[str, Any]:
        """Channels, classes and further arguments that are given, by name."""
        named = {"num_classes": self.num_classes, "in_chans": self.in_chans, **self.arguments}
        return {name: value for name, value in named.items() if value is not None}
