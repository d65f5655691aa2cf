"""Networks by name, with their weights: the paper's small-image nets, timm's and torchvision's."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ..data import load_dataset
from ..settings import DEFAULT_DATASET, WEIGHTS, one_of
from .checkpoints import fill, pretrained_weights, read_checkpoint
from .devices import chosen_device
from .lazy import AlphaNetwork, is_alpha_state
from .listing import matching, published_tag
from .paper import PAPER_NETS, Traits, traits_of
from .sources import Shape, build, find, is_known_without_timm, is_paper_net, refuse_if_unreachable

__all__ = [
    "PAPER_NETS",
    "LoadedModel",
    "Shape",
    "Traits",
    "chosen_device",
    "load_model",
    "matching",
    "resolve_model",
    "traits_of",
]


@dataclass(frozen=True)
class LoadedModel:
    """A network and what it is.

    Attributes:
        network: From `[B, C, H, W]` in its input space to logits `[B, classes]`, in evaluation mode.
        name: As asked for.
        source: `paper`, `timm` or `torchvision`.
        weights: `pretrained`, `init`, or the checkpoint's path.
        tag: Of published weights, as their library calls them (a1_in1k, IMAGENET1K_V1); otherwise None.
    """

    network: nn.Module
    name: str
    source: str
    weights: str
    tag: str | None = None


def load_model(
    spec: str,
    *,
    dataset: str | None = None,
    weights: str = "pretrained",
    checkpoint: str | Path | None = None,
    data_dir: str | Path | None = None,
    seed: int = 0,
) -> nn.Module:
    """The network named `spec`, in evaluation mode.

    Args:
        spec: `timm:NAME`, `torchvision:NAME`, `paper:NAME`, or a bare name: the paper's net of that name where the
            images have at most 64 pixels a side, otherwise timm's, then torchvision's.
        dataset: The data set it is for, as in `load_dataset`: gives image size, channels and classes. By default
            the command line's, mnist5k.
        weights: `pretrained` (for the paper's nets those kept with the package, trained on `dataset`) or `init`.
        checkpoint: A file of weights instead (.safetensors, or .pt with plain tensors).
        data_dir: The data set's folder, where it has one.
        seed: Of the initialisation. The global random state is not touched.

    Raises:
        ValueError: If name, data set or weights are unknown, the weights can't be had, or the checkpoint can't be read
            or is for another network or number of classes.

    >>> net = load_model("fc_l4", weights="init")
    >>> net(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    images = load_dataset(dataset or DEFAULT_DATASET, data_dir=data_dir)
    shape = Shape(*images.shape, images.classes)
    return resolve_model(spec, shape, dataset=images.name, weights=weights, checkpoint=checkpoint, seed=seed).network


def resolve_model(
    spec: str,
    shape: Shape,
    *,
    dataset: str,
    weights: str = "pretrained",
    checkpoint: str | Path | None = None,
    seed: int = 0,
) -> LoadedModel:
    """As `load_model`, for images of that shape, with where the network and its weights came from."""
    one_of("weights", weights, WEIGHTS)
    published = weights == "pretrained" and checkpoint is None
    if published and shape.channels == 3 and not is_paper_net(spec, shape) and is_known_without_timm(spec):
        refuse_if_unreachable(spec)
    source, name = find(spec, shape)
    downloads = published and source != "paper"
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every GPU too
        network = build(source, name, shape, pretrained=downloads)
    if checkpoint is not None:
        weights = origin = str(checkpoint)
        state = read_checkpoint(Path(checkpoint))
        if is_alpha_state(state):
            network = AlphaNetwork(network, float(state["alpha"]))
        fill(network, state, origin, dataset=dataset, classes=shape.classes)
    elif weights == "pretrained" and source == "paper":
        state, origin = pretrained_weights(name, dataset), f"pretrained {name}"
        fill(network, state, origin, dataset=dataset, classes=shape.classes)
    return LoadedModel(network.eval(), spec, source, weights, published_tag(source, name) if downloads else None)
