"""Facts about a network before it is built, the user's request for it, and the network that comes of both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..data import Preprocessing
from .sources import Shape


@dataclass(frozen=True, kw_only=True)
class Card:
    """Facts about a network from its source.

    Attributes:
        preprocessing: Preprocessing of its weights; if it has none, of those published for its architecture. Without
            `resize` images keep their size.
        missing: Options the user must give because the weights' config lacks them, for example `--mean`.
        tag: Name of the published weights in their library (a1_in1k, IMAGENET1K_V1).
        published: True if published weights exist.
        fixed_size: True if its layers depend on the size of the images.
        label_names: Names of its outputs, if the weights have them.
        notes: Notes for the user about its published weights, one line each.
        takes: Channels, height and width of its input where these are fixed; None where they are not.
    """

    preprocessing: Preprocessing | None = None
    missing: tuple[str, ...] = ()
    tag: str | None = None
    published: bool = False
    fixed_size: bool = False
    label_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    takes: tuple[int | None, int | None, int | None] = (None, None, None)


class Override(NamedTuple):
    """Preprocessing that the user asks for, instead of that of the weights or the data set."""

    img_size: int | None = None
    crop_pct: float | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    exif_orientation: bool | None = None


@dataclass(frozen=True)
class Asked:
    """The user's request for a network: the arguments of `resolve_model`, which says what each is."""

    spec: str
    shape: Shape
    _: KW_ONLY
    dataset: str
    weights: str = "pretrained"
    checkpoint: str | Path | None = None
    weights_key: str | None = None
    num_classes: int | None = None
    in_chans: int | None = None
    model_kwargs: Mapping[str, Any] | None = None
    usual: Preprocessing | None = None
    override: Override = Override()  # noqa: RUF009
    seed: int = 0
    trust: Iterable[str] = ()

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Further arguments of the network's constructor, by name."""
        return self.model_kwargs or {}

    @property
    def published(self) -> bool:
        """True if the published weights of the network's name are wanted."""
        return self.weights == "pretrained" and self.checkpoint is None

    @property
    def classes(self) -> int:
        """Number of classes, as given or of the data set; 0 if neither is known."""
        return self.num_classes or self.shape.classes

    def named(self) -> dict[str, int]:
        """Channels and classes that are given, by name."""
        named = {"num_classes": self.num_classes, "in_chans": self.in_chans}
        return {name: value for name, value in named.items() if value is not None}

    def given(self) -> dict[str, Any]:
        """Channels, classes and further arguments that are given, by name."""
        return {**self.named(), **self.arguments}


@dataclass
class LoadedModel:
    """A network with its name, source, weights and preprocessing.

    Attributes:
        network: Network from `[B, C, H, W]` in its input space to logits `[B, classes]`, in evaluation mode.
        name: Name that was asked for.
        source: Source of the network: `paper`, `timm`, `torchvision`, `hf-hub`, `local-dir`, `transformers`, `onnx` or
            `python`.
        weights: Name of the weights: `pretrained`, `init`, `own` (made by the user's code, or within an ONNX file), or
            the checkpoint's path.
        tag: Name of published weights in their library (a1_in1k, IMAGENET1K_V1); otherwise None.
        preprocessing: Preprocessing from images to the network's input; None if images are tensors already.
        options: Channels, classes and further arguments that were given to build it.
        label_names: Names of its outputs, if the weights have them.
        head: State of the classifier: `init` if it is random while the rest is trained, `none` if it is missing and
            outputs are features; otherwise None.
        weights_key: Key of the weights in the checkpoint, such as `state_dict_ema`; None if they are at its top.
        notes: Notes for the user about the weights, one line each.
        assumed: Note that the preprocessing of the weights is unknown, and which one is assumed; None if it is known.
    """

    network: Any
    name: str
    source: str
    weights: str
    tag: str | None = None
    preprocessing: Preprocessing | None = None
    options: Mapping[str, Any] | None = None
    label_names: tuple[str, ...] = ()
    head: str | None = None
    weights_key: str | None = None
    notes: tuple[str, ...] = ()
    assumed: str | None = None
