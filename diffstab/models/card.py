"""What is known of a network before it is built, and what is asked of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..data import Preprocessing


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a source says of a network.

    Attributes:
        preprocessing: Of its weights; of those published for its architecture where it has none of its own.
        missing: What the weights should tell of their preprocessing and don't, as the command calls it.
        tag: Of published weights, as their library calls them (a1_in1k, IMAGENET1K_V1).
        published: Whether weights can be had.
        fixed_size: Whether its layers depend on the size of the images.
        label_names: Of its outputs, where the weights name them.
    """

    preprocessing: Preprocessing | None = None
    missing: tuple[str, ...] = ()
    tag: str | None = None
    published: bool = False
    fixed_size: bool = False
    label_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a network is built with.

    Attributes:
        size: Height and width of its input, pixels.
        in_chans: Channels of its input; None: its own.
        num_classes: Outputs; None: its own.
        arguments: Further ones of its constructor.
    """

    size: tuple[int, int]
    in_chans: int | None = None
    num_classes: int | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def named(self) -> dict[str, int]:
        """Channels and classes, where they are given."""
        named = {"num_classes": self.num_classes, "in_chans": self.in_chans}
        return {name: value for name, value in named.items() if value is not None}

    def given(self) -> dict[str, Any]:
        """Channels, classes and further arguments, where they are given."""
        return {**self.named(), **self.arguments}


class Override(NamedTuple):
    """Of the preprocessing, what is asked for in place of the weights' or the data set's."""

    img_size: int | None = None
    crop_pct: float | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    exif_orientation: bool | None = None


class Asked(NamedTuple):
    """What is asked of a network: the arguments of `resolve_model`."""

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
        """Whether weights are wanted that come with the network's name."""
        return self.weights == "pretrained" and self.checkpoint is None

    def options(self) -> dict[str, Any]:
        """Channels, classes and further arguments, where they are given."""
        named = {"num_classes": self.num_classes, "in_chans": self.in_chans, **self.arguments}
        return {name: value for name, value in named.items() if value is not None}
