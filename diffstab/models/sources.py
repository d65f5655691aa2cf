"""Where a network's constructor comes from: the paper's nets here, timm, or torchvision."""

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torchvision.models
from torch import nn

from .paper import PAPER_NETS

SOURCES = ("paper", "timm", "torchvision")
SMALL = 64  # pixels; images up to this side take the paper's nets
CONNECT_SECONDS = 3.0


class Shape(NamedTuple):
    """Of the images a network is for; `classes` is 0 where they have no labels."""

    channels: int
    height: int
    width: int
    classes: int


def find(spec: str, shape: Shape) -> tuple[str, str]:
    """(source, name) of a model spec. Raises ValueError, with near matches, if there is none."""
    prefix, colon, name = spec.partition(":")
    if colon:
        if prefix not in SOURCES:
            raise ValueError(f"model is {spec!r}; allowed prefixes: {', '.join(f'{s}:' for s in SOURCES)}")
        if name in _names(prefix):
            return prefix, name
        raise ValueError(f"model is {spec!r}; {prefix} has no such network{_near(name, _names(prefix))}")
    small = max(shape.height, shape.width) <= SMALL
    order = SOURCES if small else SOURCES[1:]
    for source in order:
        if spec in _names(source):
            return source, spec
    known = [name for source in order for name in _names(source)]
    raise ValueError(f"model is {spec!r}; none of {', '.join(order)} has such a network{_near(spec, known)}")


def _names(source: str) -> list[str]:
    if source == "paper":
        return list(PAPER_NETS)
    if source == "torchvision":
        return list(torchvision.models.list_models(module=torchvision.models))
    import timm

    return [*timm.list_models(), *timm.list_pretrained()]


def _near(name: str, known: list[str]) -> str:
    near = list(dict.fromkeys(get_close_matches(name, known, n=3)))
    return f" (near: {', '.join(near)})" if near else ""


def build(source: str, name: str, shape: Shape, *, pretrained: bool) -> nn.Module:
    """The network, freshly initialised or (timm, torchvision) with its published weights.

    Without published weights, inputs and outputs fit the images: their channels, and their classes if they have any.

    Raises:
        ValueError: If there are no published weights, they can't be reached, or they take images of 3 channels.
    """
    if source == "paper":
        if shape.height != shape.width:
            raise ValueError(f"images have {shape.height} x {shape.width} pixels; the paper's nets take square ones")
        return PAPER_NETS[name](shape.channels, shape.height, shape.classes or 10)
    if pretrained and shape.channels != 3:
        raise ValueError(
            f"pretrained {source}:{name} takes 3 channels and the images have {shape.channels}; "
            "use --weights init or a --checkpoint trained on them"
        )
    return _timm(name, shape, pretrained) if source == "timm" else _torchvision(name, shape, pretrained)


def _timm(name: str, shape: Shape, pretrained: bool) -> nn.Module:
    import timm
    from huggingface_hub import try_to_load_from_cache

    if not pretrained:
        classes = {"num_classes": shape.classes} if shape.classes else {}
        network: nn.Module = timm.create_model(name, in_chans=shape.channels, **classes)
        return network
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise ValueError(f"timm:{name} has no published weights; use --weights init or --checkpoint FILE")
    files = ("model.safetensors", "pytorch_model.bin")
    cached = bool(config.hf_hub_id) and any(
        isinstance(try_to_load_from_cache(config.hf_hub_id, file), str) for file in files
    )
    url = os.environ.get("HF_ENDPOINT", "https://huggingface.co") if config.hf_hub_id else config.url
    with _hub_offline(cached):
        return _fetched(f"timm:{name}", url, cached, lambda: timm.create_model(name, pretrained=True))


def _torchvision(name: str, shape: Shape, pretrained: bool) -> nn.Module:
    if not pretrained:
        classes = {"num_classes": shape.classes} if shape.classes else {}
        network: nn.Module = torchvision.models.get_model(name, weights=None, **classes)
        if shape.channels != 3:
            raise ValueError(f"torchvision:{name} takes 3 channels and the images have {shape.channels}; use timm:")
        return network
    published = torchvision.models.get_model_weights(name)
    if not len(published):
        raise ValueError(f"torchvision:{name} has no published weights; use --weights init or --checkpoint FILE")
    weights = published["DEFAULT"]
    cached = (Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[-1]).exists()
    return _fetched(
        f"torchvision:{name}",
        weights.url,
        cached,
        lambda: torchvision.models.get_model(name, weights=weights),
    )


def _fetched(model: str, url: str, cached: bool, load: Callable[[], nn.Module]) -> nn.Module:
    """`load()`, after a quick look whether weights that are not cached can be reached at all."""
    way_out = "use --weights init, --checkpoint FILE, or run once with a network: the weights are then cached"
    if not cached and not _reachable(url):
        raise ValueError(f"pretrained {model} is not on this machine and {url} can't be reached; {way_out}")
    try:
        return load()
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"pretrained {model} could not be loaded ({reason}); {way_out}") from error


def _reachable(url: str) -> bool:
    """Whether any answer comes from there within 3 seconds. In a thread: a name look-up heeds no time limit."""
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=CONNECT_SECONDS).close()
            answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except (OSError, ValueError):
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    return answered.is_set()


@contextmanager
def _hub_offline(offline: bool) -> Iterator[None]:
    """Weights that are cached are taken without asking the hub, which retries for 20 s where it can't be reached."""
    from huggingface_hub import constants

    settings: Any = constants
    before = settings.HF_HUB_OFFLINE
    settings.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        settings.HF_HUB_OFFLINE = before
