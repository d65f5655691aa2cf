"""Builds torchvision's networks: `NAME` with the default weights, `NAME@WEIGHTS` with others."""

import warnings
from typing import Any

from torch import Tensor, nn

from ..checks import in_short, near
from ..data import Preprocessing
from .card import Asked, Card
from .fetching import fetched, torch_hub_file
from .sources import names

SIZE_ARGUMENTS = {"vit_": "image_size", "maxvit_": "input_size"}  # for networks that take one size of images


def torchvision_card(name: str) -> Card:
    """Makes the card of a network with the named or default weights. Raises ValueError if these don't exist."""
    weights = _published(name)
    if weights is None:
        return Card(fixed_size=_size_argument(name) is not None)
    transforms = weights.transforms()
    return Card(
        preprocessing=_preprocessing(transforms, f"torchvision:{name.partition('@')[0]}@{weights.name}"),
        tag=str(weights.name),
        published=True,
        fixed_size=_size_argument(name) is not None,
    )


def _preprocessing(transforms: Any, source: str) -> Preprocessing | None:
    """Makes the preprocessing of a classifier's transforms; None for other tasks, whose images keep their size."""
    if not hasattr(transforms, "crop_size"):
        return None
    crop, resize = (_pair(value) for value in (transforms.crop_size, transforms.resize_size))
    return Preprocessing(
        size=crop,
        resize=resize,
        interpolation=str(transforms.interpolation.value),
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        source=source,
    )


def _pair(value: Any) -> tuple[int, int]:
    sides = list(value) if isinstance(value, (list, tuple)) else [value]
    return (sides[0], sides[-1])


def _size_argument(name: str) -> str | None:
    return next((argument for start, argument in SIZE_ARGUMENTS.items() if name.startswith(start)), None)


def _published(name: str) -> Any:
    """Returns the weights that `NAME` or `NAME@WEIGHTS` means; None if the network has none."""
    import torchvision.models

    network, at, tag = name.partition("@")
    published = torchvision.models.get_model_weights(network)
    members = published.__members__  # DEFAULT is one of them under another name
    if at and tag not in members:
        raise ValueError(f"model is 'torchvision:{name}'; {network} has the weights: {', '.join(members) or 'none'}")
    return members[tag or "DEFAULT"] if len(members) else None


def build_torchvision(name: str, asked: Asked, card: Card) -> nn.Module:
    """Builds a network, with or without its weights.

    Raises:
        ValueError: If the network has no published weights, they can't be fetched, or it does not take the channels,
            classes or arguments.
    """
    import torchvision.models

    network_name = name.partition("@")[0]
    arguments, size = asked.given(), asked.shape[1:3]
    channels = arguments.pop("in_chans", 3)
    if channels != 3:
        raise ValueError(f"torchvision:{network_name} takes 3 channels and not {channels}; use timm:, or leave it at 3")
    size_argument = _size_argument(network_name)
    if size_argument is not None and (card.preprocessing is None or size != card.preprocessing.size):
        arguments = {size_argument: size if size_argument == "input_size" else size[0], **arguments}
    weights = _published(name) if asked.published else None
    if weights is not None and {"num_classes", size_argument} & arguments.keys():
        raise ValueError(
            f"torchvision:{network_name} is built with {arguments}, which its published weights don't fit; use "
            "--weights init, a --checkpoint FILE, or timm:, which changes the last layer"
        )

    def build() -> nn.Module:
        with warnings.catch_warnings():  # googlenet and inception_v3 warn that a default may change
            warnings.filterwarnings("ignore", "The default weight initialization", FutureWarning)
            network: nn.Module = torchvision.models.get_model(network_name, weights=weights, **arguments)
        return network

    if weights is not None:
        loaded: nn.Module = _fetch(name, weights, build)
        return loaded
    try:
        return build()
    except Exception as error:  # each network raises its own kinds
        raise ValueError(f"torchvision:{network_name} can't be built with {arguments} ({in_short(error)})") from error


def fetched_state(name: str) -> dict[str, Tensor]:
    """Loads torchvision's published weights of a network, from its cache or the internet.

    Raises:
        ValueError: If the network does not exist, it has no published weights, or they can't be fetched.
    """
    if name not in names("torchvision"):
        raise ValueError(
            f"torchvision has no network {name!r}, so no published weights{near(name, names('torchvision'))}"
        )
    weights = _published(name)
    if weights is None:
        raise ValueError(f"torchvision:{name} has no published weights; use --weights init or --checkpoint FILE")
    state: dict[str, Tensor] = _fetch(name, weights, lambda: weights.get_state_dict(check_hash=True))
    return state


def _fetch(name: str, weights: Any, load: Any) -> Any:
    return fetched(f"torchvision:{name}", weights.url, torch_hub_file(weights.url).exists(), load)
