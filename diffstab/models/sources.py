"""Where a network's constructor comes from: the paper's nets here, timm, or torchvision."""

import glob
import os
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ..data.images import IMAGENET_STATISTICS
from ..widths import base_and_width
from .paper import PAPER_NETS

SOURCES = ("paper", "timm", "torchvision")
SMALL = 64  # pixels; images up to this side take the paper's nets
CONNECT_SECONDS = 3.0
TORCHVISION_URL = "https://download.pytorch.org"
Fetched = TypeVar("Fetched")
WAY_OUT = "use --weights init, --checkpoint FILE, or run once with a network: the weights are then cached"


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
        if _has(prefix, name):
            return prefix, name
        raise ValueError(f"model is {spec!r}; {prefix} has no such network{_near(name, _names(prefix))}")
    order = SOURCES if _is_small(shape) else SOURCES[1:]
    for source in order:
        if _has(source, spec):
            return source, spec
    known = [name for source in order for name in _names(source)]
    raise ValueError(f"model is {spec!r}; none of {', '.join(order)} has such a network{_near(spec, known)}")


def is_known_without_timm(spec: str) -> bool:
    """Whether a spec's name is one of torchvision's or timm's functions.

    Read from their sources: importing both takes 5 s, and then the user has waited too long.
    """
    definition = re.compile(rf"^def {re.escape(_base_name(spec))}\(", re.MULTILINE)
    packages = (find_spec(package) for package in ("torchvision", "timm"))
    folders = (Path(package.origin).parent / "models" for package in packages if package and package.origin)
    modules = (module for folder in folders for module in folder.glob("*.py"))
    return any(definition.search(module.read_text(encoding="utf-8")) for module in modules)


def _base_name(spec: str) -> str:
    """Without the source's prefix and the weights' tag."""
    return spec.rpartition(":")[2].partition(".")[0]


def is_paper_net(spec: str, shape: Shape) -> bool:
    """Whether a spec means one of the paper's nets; known without importing timm."""
    prefix, colon, _ = spec.partition(":")
    return prefix == "paper" if colon else _has("paper", spec) and _is_small(shape)


def _is_small(shape: Shape) -> bool:
    return max(shape.height, shape.width) <= SMALL


def refuse_if_unreachable(spec: str) -> None:
    """Says within 3 seconds, before timm's slow import, that published weights can't be had.

    Raises:
        ValueError: If no weights of that name are cached on this machine and neither hub answers.
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    name = _base_name(spec)
    hub = [path.name for path in Path(HF_HUB_CACHE).glob("models--*")]
    # timm's weights lie under timm/NAME.TAG, some under other owners' names
    cached = [entry for entry in hub if not entry.startswith("models--timm--") or name in entry]
    cached += [path.name for path in (Path(torch.hub.get_dir()) / "checkpoints").glob(f"{glob.escape(name)}*")]
    if not cached and not _reachable(_hub_url(), TORCHVISION_URL):
        raise ValueError(f"pretrained {spec} is not on this machine and no network can be reached; {WAY_OUT}")


def _hub_url() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def _has(source: str, name: str) -> bool:
    """Whether a source knows that name; those of the paper's nets with a factor on their widths too."""
    return (base_and_width(name)[0] if source == "paper" else name) in _names(source)


def _names(source: str) -> list[str]:
    if source == "paper":
        return list(PAPER_NETS)
    if source == "torchvision":
        import torchvision.models

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
        base, width = base_and_width(name)
        return PAPER_NETS[base](shape.channels, shape.height, shape.classes or 10, width=width)
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
    if (tuple(config.mean), tuple(config.std)) != IMAGENET_STATISTICS:
        raise ValueError(
            f"pretrained timm:{name} wants mean {config.mean} and std {config.std}, and the images are normalised with "
            "ImageNet's; from Python, measure it on images of your own"
        )
    url = _hub_url() if config.hf_hub_id else config.url
    with _hub_offline(cached):
        network = _fetched(f"timm:{name}", url, cached, lambda: timm.create_model(name, pretrained=True))
    return network


def _torchvision(name: str, shape: Shape, pretrained: bool) -> nn.Module:
    import torchvision.models

    if not pretrained:
        classes = {"num_classes": shape.classes} if shape.classes else {}
        network: nn.Module = torchvision.models.get_model(name, weights=None, **classes)
        if shape.channels != 3:
            raise ValueError(f"torchvision:{name} takes 3 channels and the images have {shape.channels}; use timm:")
        return network
    weights = _published(name)
    network = _fetch(name, weights, lambda: torchvision.models.get_model(name, weights=weights))
    return network


def fetched_state(name: str) -> dict[str, Tensor]:
    """torchvision's published weights of a network, from its cache or the network.

    Raises:
        ValueError: If there is no such network, it has no published weights, or they can't be had.
    """
    if name not in _names("torchvision"):
        raise ValueError(
            f"torchvision has no network {name!r}, so no published weights{_near(name, _names('torchvision'))}"
        )
    weights = _published(name)
    state: dict[str, Tensor] = _fetch(name, weights, lambda: weights.get_state_dict(check_hash=True))
    return state


def _published(name: str) -> Any:
    """torchvision's usual weights of a network."""
    import torchvision.models

    published = torchvision.models.get_model_weights(name)
    if not len(published):
        raise ValueError(f"torchvision:{name} has no published weights; use --weights init or --checkpoint FILE")
    return published["DEFAULT"]


def _fetch(name: str, weights: Any, load: Callable[[], Fetched]) -> Fetched:
    cached = (Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[-1]).exists()
    return _fetched(f"torchvision:{name}", weights.url, cached, load)


def _fetched(model: str, url: str, cached: bool, load: Callable[[], Fetched]) -> Fetched:
    """`load()`, after a quick look whether weights that are not cached can be reached at all."""
    if not cached and not _reachable(url):
        raise ValueError(f"pretrained {model} is not on this machine and {url} can't be reached; {WAY_OUT}")
    try:
        return load()
    except Exception as error:  # hubs raise errors of many libraries
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"pretrained {model} could not be loaded ({reason}); {WAY_OUT}") from error


def _reachable(*urls: str) -> bool:
    """Whether an answer comes from one of them within 3 seconds. In threads: a name look-up heeds no time limit."""
    answered = threading.Event()

    def ask(url: str) -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=CONNECT_SECONDS).close()
            answered.set()
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 407:  # not a proxy's or gateway's word
                answered.set()
        except (OSError, ValueError):
            pass

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in urls]
    deadline = time.monotonic() + CONNECT_SECONDS
    for thread in threads:
        thread.start()
    while not answered.is_set() and time.monotonic() < deadline and any(thread.is_alive() for thread in threads):
        answered.wait(0.05)
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
