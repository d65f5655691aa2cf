"""Builds a network with its weights, and notes which of its parts have no weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..options import HUB, LOCAL, ONNX, OWN, TRANSFORMERS, base_and_width
from .card import Asked, Card, LoadedModel
from .checkpoints import fill, load_checkpoint, pretrained_weights
from .from_onnx import build_onnx
from .from_timm import build_timm, key_in_folder
from .from_torchvision import build_torchvision
from .from_transformers import build_transformers
from .own_code import OwnNetwork, build_own
from .paper import PAPER_NETS
from .random_parts import INIT, head_left, random_names


def build(source: str, name: str, asked: Asked, card: Card) -> LoadedModel:
    """Builds the network `name` of a source with the weights that are asked for.

    Args:
        source, name: Source and name of the network, from `find`.
        asked: Request for the network, with the shape of its images and the data set's number of classes.
        card: Card of the network from its source.

    Raises:
        ValueError: If the network can't be built with these arguments, its weights can't be loaded, or they leave more
            than the head random.
        TypeError: If the user's code returns no network, or a checkpoint is given for one that is no `nn.Module`.
    """
    wanted = _shaped(source, asked)

    def fresh(seed: int) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every GPU too
            return _built(source, name, wanted, card)

    def again() -> Any:
        return fresh((asked.seed + 1) % 2**64)

    if source == OWN:
        built = _own(name, asked, fresh(asked.seed), again)
    else:
        options = {option: value for option, value in asked.given().items() if value is not None}
        weights = "own" if source == ONNX else asked.weights
        built = LoadedModel(fresh(asked.seed), name, source, weights, options=options or None)
    if asked.checkpoint is not None:
        _fill_from_file(built, asked)
    elif asked.published and source == "paper":
        state = pretrained_weights(name, asked.dataset)
        fill(built.network, state, f"pretrained {name}", dataset=asked.dataset, classes=asked.classes)
    elif asked.published and source not in (OWN, ONNX):
        _tell_of_published(built, f"{source}:{name}", Path(name) if source == LOCAL else None, asked.seed, again)
    if isinstance(built.network, nn.Module):
        built.network.eval()
    return built


def _shaped(source: str, asked: Asked) -> Asked:
    """Fills in the data set's channels and classes; published weights and own code keep theirs."""
    if source in (OWN, ONNX) or asked.published:
        return asked
    in_chans = asked.shape.channels if asked.in_chans is None else asked.in_chans
    num_classes = (asked.shape.classes or None) if asked.num_classes is None else asked.num_classes
    return replace(asked, in_chans=in_chans, num_classes=num_classes)


def _built(source: str, name: str, asked: Asked, card: Card) -> Any:
    if source == "paper":
        return _paper_net(name, asked)
    if source == OWN:
        return build_own(name, asked.arguments, asked.named())
    if source == ONNX:
        return build_onnx(Path(name).expanduser(), asked)
    own = card.preprocessing.channels if card.preprocessing is not None else 3
    if asked.published and asked.in_chans is None and asked.shape.channels != own:  # of images that came as tensors
        raise ValueError(
            f"pretrained {source}:{name} takes {own} channels and the images have {asked.shape.channels}; "
            "use --weights init or a --checkpoint trained on them"
        )
    if source == "torchvision":
        return build_torchvision(name, asked, card)
    if source == TRANSFORMERS:
        return build_transformers(name, asked, card)
    assert source in ("timm", HUB, LOCAL), source
    return build_timm(source, name, asked, card)


def _paper_net(name: str, asked: Asked) -> nn.Module:
    shape = asked.shape
    if asked.arguments:
        raise ValueError(f"model_kwargs are {dict(asked.arguments)}; the paper's nets take none")
    if shape.height != shape.width:
        raise ValueError(f"images have {shape.height} x {shape.width} pixels; the paper's nets take square ones")
    base, width = base_and_width(name)
    return PAPER_NETS[base](asked.in_chans or shape.channels, shape.height, asked.classes or 10, width=width)


def _own(name: str, asked: Asked, made: OwnNetwork, again: Callable[[], OwnNetwork]) -> LoadedModel:
    options = {**made.taken, **asked.arguments}
    built = LoadedModel(made.network, name, OWN, "own" if asked.published else asked.weights, options=options or None)
    if asked.num_classes is not None and "num_classes" not in made.taken:
        built.notes += (f"num_classes is {asked.num_classes}, which {name} does not take; its number of outputs stays",)
    fresh = asked.weights == "init" and asked.checkpoint is None and isinstance(made.network, nn.Module)
    if fresh and not random_names(made.network, again().network):
        built.notes += (
            f"{name} gives the same weights for every seed, so they may be trained ones; if your code has an argument "
            "for fresh weights, give it by --model-kwargs",
        )
    return built


def _tell_of_published(
    built: LoadedModel, spec: str, folder: Path | None, seed: int, again: Callable[[], nn.Module]
) -> None:
    built.head = head_left(spec, built.network, again)
    if built.head == INIT:
        built.notes += (
            f"the weights of {spec} are for another number of outputs, so its head is random, from the seed {seed}, "
            "and only the layers before it are trained",
        )
    if folder is not None:
        built.weights_key, note = key_in_folder(folder)
        built.notes += (note,) if note else ()


def _fill_from_file(built: LoadedModel, asked: Asked) -> None:
    assert asked.checkpoint is not None
    if not isinstance(built.network, nn.Module):
        kind = type(built.network).__name__
        raise TypeError(f"a checkpoint is given, and the network is a {kind}, no torch.nn.Module")
    whose = asked.dataset if asked.num_classes is None else f"{asked.dataset}, by --num-classes,"
    built.network, built.weights_key, notes = load_checkpoint(
        built.network, Path(asked.checkpoint), key=asked.weights_key, dataset=whose, classes=asked.classes
    )
    built.weights, built.notes = str(asked.checkpoint), (*built.notes, *notes)
