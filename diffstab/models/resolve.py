"""From a model's name to the network with its weights and the preprocessing that they ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from ..checks import one_of
from ..data import Preprocessing
from ..options import HUB, LOCAL, OWN, WEIGHTS, base_and_width
from .alpha import AlphaNetwork, is_alpha_state
from .card import Architecture, Card
from .checkpoints import fill, pretrained_weights, read_checkpoint
from .fetching import refuse_if_unreachable
from .from_timm import build_timm, folder_card, hub_card, refuse_without_weights, timm_card
from .from_torchvision import build_torchvision, torchvision_card
from .kept_folder import KeptNetwork, fitted, kept_network
from .own_code import build_own
from .paper import PAPER_NETS
from .sources import Shape, find, is_known_without_timm, is_library_net


@dataclass(frozen=True)
class LoadedModel:
    """A network and what it is.

    Attributes:
        network: From `[B, C, H, W]` in its input space to logits `[B, classes]`, in evaluation mode.
        name: As asked for.
        source: `paper`, `timm`, `torchvision`, `hf-hub`, `local-dir` or `python`.
        weights: `pretrained`, `init`, `own` (as own code gives them), or the checkpoint's path.
        tag: Of published weights, as their library calls them (a1_in1k, IMAGENET1K_V1); otherwise None.
        preprocessing: From images to the network's input; None where nothing is known of the images.
        options: Channels, classes and further arguments that it was built with, where they were given.
        label_names: Of its outputs, where the weights name them.
    """

    network: Any
    name: str
    source: str
    weights: str
    tag: str | None = None
    preprocessing: Preprocessing | None = None
    options: Mapping[str, Any] | None = None
    label_names: tuple[str, ...] = ()


class Override(NamedTuple):
    """Of the preprocessing, what is asked for in place of the weights' or the data set's."""

    img_size: int | None = None
    crop_pct: float | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    exif_orientation: bool | None = None


class _Asked(NamedTuple):
    """What is asked of a network: the arguments of `resolve_model`."""

    dataset: str
    weights: str
    checkpoint: str | Path | None
    num_classes: int | None
    in_chans: int | None
    arguments: Mapping[str, Any]
    override: Override
    seed: int

    @property
    def published(self) -> bool:
        """Whether weights are wanted that come with the network's name."""
        return self.weights == "pretrained" and self.checkpoint is None

    def options(self) -> dict[str, Any] | None:
        """Channels, classes and further arguments, where they are given."""
        named = {"num_classes": self.num_classes, "in_chans": self.in_chans, **self.arguments}
        return {name: value for name, value in named.items() if value is not None} or None


def resolve_model(
    spec: str,
    shape: Shape,
    *,
    dataset: str,
    weights: str = "pretrained",
    checkpoint: str | Path | None = None,
    num_classes: int | None = None,
    in_chans: int | None = None,
    model_kwargs: Mapping[str, Any] | None = None,
    usual: Preprocessing | None = None,
    override: Override = Override(),  # noqa: B008
    seed: int = 0,
) -> LoadedModel:
    """As `load_model`, with where the network and its weights came from and how images become its input.

    Args:
        spec, weights, checkpoint, num_classes, in_chans, model_kwargs, seed: As in `load_model`.
        shape: Of the data set's images, as networks that are trained on them see them.
        dataset: The data set's name.
        usual: Preprocessing of networks that are trained on them; None: images come as tensors of that shape.
        override: Of the preprocessing.

    Raises:
        ValueError: As `load_model`, and if the weights don't tell their preprocessing or it can't be applied.
        TypeError: If own code gives no network, or a checkpoint is for one that is no `nn.Module`.
    """
    one_of("weights", weights, WEIGHTS)
    asked = _Asked(dataset, weights, checkpoint, num_classes, in_chans, model_kwargs or {}, override, seed)
    for name in {"num_classes", "in_chans"} & asked.arguments.keys():
        raise ValueError(f"model_kwargs has {name}; give it as --{name.replace('_', '-')}")
    if asked.published and is_library_net(spec, shape) and is_known_without_timm(spec):
        refuse_if_unreachable(spec)
    source, name = find(spec, shape)
    kept = kept_network(Path(name)) if source == LOCAL else None
    if kept is None:
        return replace(_resolved(source, name, shape, usual, asked), name=spec)
    made = _of_kept(kept, usual, asked)
    return replace(made, name=spec, source=source, weights="pretrained" if asked.published else made.weights)


def _of_kept(kept: KeptNetwork, usual: Preprocessing | None, asked: _Asked) -> LoadedModel:
    """The network of a folder that `diffstab train` wrote: built as it was there, on the images that it was for."""
    source, name = find(kept.spec, kept.shape)
    if asked.published:
        asked = asked._replace(checkpoint=kept.checkpoint)
    told = None if usual is None else fitted(kept.preprocessing, usual)
    return _resolved(source, name, kept.shape, usual, asked, told)


def _resolved(
    source: str,
    name: str,
    shape: Shape,
    usual: Preprocessing | None,
    asked: _Asked,
    told: Preprocessing | None = None,
) -> LoadedModel:
    """A network that is found; `told` is the preprocessing that its weights were trained with, where that is known."""
    published = asked.published
    if published and source == LOCAL:
        refuse_without_weights(Path(name))
    card = _card(source, name)
    if published and source not in ("paper", OWN):
        _refuse_unpublished(f"{source}:{name}", card, asked.override)
    preprocessing = _chosen(source, card, usual, asked, told)
    if preprocessing is not None:
        shape = Shape(*preprocessing.shape, shape.classes)
    architecture = _architecture(source, shape, asked)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(asked.seed)  # torch.manual_seed would seed every GPU too
        network = _built(source, name, architecture, card, shape, published)
    network, weights = _weighted(network, source, name, asked, asked.num_classes or shape.classes)
    return LoadedModel(
        network=network.eval() if isinstance(network, nn.Module) else network,
        name=name,
        source=source,
        weights=weights,
        tag=card.tag if published else None,
        preprocessing=preprocessing,
        options=asked.options(),
        label_names=card.label_names if published else (),
    )


def _card(source: str, name: str) -> Card:
    if source == "timm":
        return timm_card(name)
    if source == "torchvision":
        return torchvision_card(name)
    if source == HUB:
        return hub_card(name)
    if source == LOCAL:
        return folder_card(Path(name))
    return Card()


def _refuse_unpublished(model: str, card: Card, override: Override) -> None:
    """Raises ValueError where there are no weights, or they don't tell how images become their input."""
    if not card.published:
        raise ValueError(f"{model} has no published weights; use --weights init or --checkpoint FILE")
    given = {"--img-size": override.img_size, "--mean": override.mean, "--std": override.std}
    missing = [option for option in card.missing if given[option] is None]
    if missing:
        raise ValueError(f"the weights of {model} don't tell how images become their input; give {', '.join(missing)}")


def _chosen(
    source: str, card: Card, usual: Preprocessing | None, asked: _Asked, told: Preprocessing | None
) -> Preprocessing | None:
    """The weights' own preprocessing for published ones, the data set's for networks trained on it.

    Images that must be resized anyway go as the architecture's published weights have them, trained or not.
    """
    if usual is None:
        if any(value is not None for value in asked.override):
            raise ValueError(f"images of {asked.dataset} came as tensors; their size, mean and std can't be changed")
        return None
    own = card.preprocessing if asked.published or usual.resize is not None else None
    chosen = told or own or usual
    channels = asked.in_chans or (3 if source == "torchvision" else chosen.channels)
    return chosen.with_channels(channels).overridden(**asked.override._asdict())


def _architecture(source: str, shape: Shape, asked: _Asked) -> Architecture:
    """Own code and published weights have their own channels and classes, unless others are asked for."""
    in_chans, num_classes = asked.in_chans, asked.num_classes
    if source != OWN and not asked.published:
        in_chans = shape.channels if in_chans is None else in_chans
        num_classes = (shape.classes or None) if num_classes is None else num_classes
    return Architecture(
        size=(shape.height, shape.width), in_chans=in_chans, num_classes=num_classes, arguments=asked.arguments
    )


def _built(source: str, name: str, architecture: Architecture, card: Card, shape: Shape, published: bool) -> Any:
    if source == "paper":
        return _paper_net(name, shape, architecture)
    if source == OWN:
        return build_own(name, architecture.given())
    own = card.preprocessing.channels if card.preprocessing is not None else 3
    if published and architecture.in_chans is None and shape.channels != own:  # of images that came as tensors
        raise ValueError(
            f"pretrained {source}:{name} takes {own} channels and the images have {shape.channels}; "
            "use --weights init or a --checkpoint trained on them"
        )
    if source == "torchvision":
        return build_torchvision(name, architecture, card, pretrained=published)
    assert source in ("timm", HUB, LOCAL), source
    return build_timm(source, name, architecture, card, pretrained=published)


def _paper_net(name: str, shape: Shape, architecture: Architecture) -> nn.Module:
    if architecture.arguments:
        raise ValueError(f"model_kwargs are {dict(architecture.arguments)}; the paper's nets take none")
    if shape.height != shape.width:
        raise ValueError(f"images have {shape.height} x {shape.width} pixels; the paper's nets take square ones")
    base, width = base_and_width(name)
    channels, classes = architecture.in_chans or shape.channels, architecture.num_classes or shape.classes or 10
    return PAPER_NETS[base](channels, shape.height, classes, width=width)


def _weighted(network: Any, source: str, name: str, asked: _Asked, classes: int) -> tuple[Any, str]:
    """The network with the weights that are not published ones, and what they are called."""
    if asked.checkpoint is not None:
        if not isinstance(network, nn.Module):
            raise TypeError(f"a checkpoint is given, and the network is a {type(network).__name__}, no torch.nn.Module")
        state, origin = read_checkpoint(Path(asked.checkpoint)), str(asked.checkpoint)
        if is_alpha_state(state):
            network = AlphaNetwork(network, float(state["alpha"]))
        whose = asked.dataset if asked.num_classes is None else f"{asked.dataset}, by --num-classes,"
        fill(network, state, origin, dataset=whose, classes=classes)
        return network, origin
    if asked.published and source == "paper":
        state = pretrained_weights(name, asked.dataset)
        fill(network, state, f"pretrained {name}", dataset=asked.dataset, classes=classes)
    return network, "own" if source == OWN and asked.published else asked.weights
