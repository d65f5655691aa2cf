"""Turns a model's name into the network with its weights and the preprocessing that they expect."""

from dataclasses import replace
from pathlib import Path

from ..checks import one_of, refuse_untrusted
from ..data import Preprocessing
from ..options import HUB, LOCAL, ONNX, OWN, TRANSFORMERS, WEIGHTS, called_with, leads_out
from ..processes import taking_turns
from .building import build
from .card import Asked, Card, LoadedModel, Override
from .fetching import refuse_if_unreachable
from .from_onnx import onnx_card
from .from_timm import folder_card, hub_card, refuse_without_weights, timm_card
from .from_torchvision import torchvision_card
from .from_transformers import transformers_card
from .kept_folder import KeptNetwork, fitted, kept_network
from .sources import Shape, find, is_known_without_timm, is_library_net


@taking_turns()
@called_with(Asked)
def resolve_model(asked: Asked) -> LoadedModel:
    """Loads a network as `load_model` does, and returns its source, weights and preprocessing with it.

    Args:
        spec, weights, checkpoint, weights_key, num_classes, in_chans, model_kwargs, seed, trust: Arguments of
            `load_model`.
        shape: Shape of the data set's images, after the data set's own preprocessing.
        dataset: Name of the data set.
        usual: Preprocessing of the data set's own networks; None if images are tensors of this shape already.
        override: Preprocessing that the user asks for.

    Raises:
        ValueError: If `load_model` raises it, the weights lack their preprocessing, or it can't be applied.
        TypeError: If the user's code returns no network, or a checkpoint is given for one that is no `nn.Module`.
    """
    one_of("weights", asked.weights, WEIGHTS)
    if asked.weights_key is not None and asked.checkpoint is None:
        raise ValueError(f"weights_key is {asked.weights_key!r} and no checkpoint is given; give --checkpoint FILE too")
    for name in {"num_classes", "in_chans"} & asked.arguments.keys():
        raise ValueError(f"model_kwargs has {name}; give it as --{name.replace('_', '-')}")
    if asked.published and is_library_net(asked.spec, asked.shape) and is_known_without_timm(asked.spec):
        refuse_if_unreachable(asked.spec)
    source, name = find(asked.spec, asked.shape)
    kept = kept_network(Path(name)) if source == LOCAL else None
    if kept is None:
        made = _resolved(source, name, asked)
        return made if source == OWN else replace(made, name=asked.spec)
    if leads_out(kept.spec):
        refuse_untrusted(f"{str(Path(name) / 'config.json')!r}", {kept.spec: "the network"}, asked.trust)
    made = _of_kept(kept, asked)
    return replace(made, name=asked.spec, source=source, weights="pretrained" if asked.published else made.weights)


def _of_kept(kept: KeptNetwork, asked: Asked) -> LoadedModel:
    """Builds the network of a folder that `diffstab train` wrote, for the shape of its training images."""
    source, name = find(kept.spec, kept.shape)
    if asked.published:
        asked = replace(asked, checkpoint=kept.checkpoint)
    told = None if asked.usual is None else fitted(kept.preprocessing, asked.usual)
    return _resolved(source, name, replace(asked, shape=kept.shape), told)


def _resolved(source: str, name: str, asked: Asked, told: Preprocessing | None = None) -> LoadedModel:
    """Builds a network from its source; `told` is the preprocessing that its weights were trained with, if known."""
    published = asked.published
    if published and source == LOCAL:
        refuse_without_weights(Path(name))
    card = _card(source, name, asked)
    if published and source not in ("paper", OWN, ONNX):
        _refuse_unpublished(f"{source}:{name}", card, asked.override)
    preprocessing = _chosen(source, card, asked, told)
    if preprocessing is not None:
        asked = replace(asked, shape=Shape(*preprocessing.shape, asked.shape.classes))
    built = build(source, name, asked, card)
    return replace(
        built,
        notes=(*built.notes, *(card.notes if published else ())),
        tag=card.tag if published else None,
        preprocessing=preprocessing,
        label_names=card.label_names if published else (),
        assumed=_assumed(name, source, asked, preprocessing, told),
    )


def _assumed(
    name: str, source: str, asked: Asked, preprocessing: Preprocessing | None, told: Preprocessing | None
) -> str | None:
    """Note that the weights' preprocessing is unknown, so the data set's or architecture's is used; None if known."""
    if preprocessing is None or told is not None or None not in (asked.override.mean, asked.override.std):
        return None
    changes = preprocessing.resize is not None or set(preprocessing.mean) != {0.0} or set(preprocessing.std) != {1.0}
    if source in (OWN, ONNX) and changes:
        whose = name
    elif asked.checkpoint is not None and preprocessing.resize is not None:
        whose = str(asked.checkpoint)
    else:
        return None
    return (
        f"{whose} does not record its preprocessing; using {preprocessing}; give --mean and --std, and --img-size, if "
        "it was trained with others"
    )


def _card(source: str, name: str, asked: Asked) -> Card:
    if source == "timm":
        return timm_card(name)
    if source == "torchvision":
        return torchvision_card(name)
    if source == HUB:
        return hub_card(name)
    if source == LOCAL:
        return folder_card(Path(name))
    if source == TRANSFORMERS:
        return transformers_card(name, asked.published)
    if source == ONNX:
        return onnx_card(Path(name).expanduser())
    return Card()


def _refuse_unpublished(model: str, card: Card, override: Override) -> None:
    """Raises ValueError if there are no published weights, or the user must give a part of their preprocessing."""
    if not card.published:
        raise ValueError(f"{model} has no published weights; use --weights init or --checkpoint FILE")
    given = {"--img-size": override.img_size, "--mean": override.mean, "--std": override.std}
    missing = [option for option in card.missing if given[option] is None]
    if missing:
        raise ValueError(f"the weights of {model} don't record their preprocessing; give {', '.join(missing)}")


def _chosen(source: str, card: Card, asked: Asked, told: Preprocessing | None) -> Preprocessing | None:
    """Chooses the preprocessing: that of published weights, or the data set's for networks trained on it.

    A data set whose images are resized anyway gets that of the architecture's published weights, for any weights.
    """
    usual = asked.usual
    if usual is None:
        if any(value is not None for value in asked.override):
            raise ValueError(f"images of {asked.dataset} came as tensors; their size, mean and std can't be changed")
        return None
    own = card.preprocessing if asked.published or usual.resize is not None else None
    if own is not None and own.resize is None:
        if usual.resize is not None and asked.override.img_size is None:
            raise ValueError(
                f"{asked.spec} takes images in their own size, and those of {asked.dataset} may have several; give "
                "--img-size"
            )
        own = replace(own, size=usual.size)
    chosen = told or own or usual.for_input(*card.takes)
    channels = asked.in_chans or (3 if source == "torchvision" else chosen.channels)
    return chosen.with_channels(channels).overridden(**asked.override._asdict())
