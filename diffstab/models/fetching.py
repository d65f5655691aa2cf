"""Fetches published weights from caches and hubs; an unreachable hub raises within 3 seconds."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from ..checks import in_short
from ..data import hub_offline, hub_url, reachable
from .sources import plain_name

TORCHVISION_URL = "https://download.pytorch.org"
Fetched = TypeVar("Fetched")
WAY_OUT = "use --weights init, --checkpoint FILE, or run once with an internet connection, which caches the weights"


def refuse_if_unreachable(spec: str) -> None:
    """Refuses published weights that can't be fetched, within 3 seconds and before timm's slow import.

    Raises:
        ValueError: If no weights of this name are cached on this machine and neither hub answers.
    """
    if not is_maybe_cached(plain_name(spec)) and not reachable(hub_url(), TORCHVISION_URL):
        raise ValueError(f"pretrained {spec} is not on this machine and the internet can't be reached; {WAY_OUT}")


def is_maybe_cached(name: str) -> bool:
    """Returns True if a cache has weights that may be this network's."""
    # timm's weights are under timm/NAME.TAG, some under other owners' names
    hub = [entry for entry in hub_cache() if not entry.startswith("models--timm--") or name in entry]
    return bool(hub) or any(_bare(name) in _bare(path.name) for path in torch_hub_file("*").parent.glob("*"))


def _bare(name: str) -> str:
    """Makes names comparable: timm's legacy_seresnet50 is se_resnet50-ce0d4300.pth in torch.hub's cache."""
    return name.removeprefix("legacy_").replace("_", "")


def torch_hub_file(url: str) -> Path:
    """Path at which torch.hub keeps the file that it fetched from a URL."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def hub_cache() -> list[str]:
    """The folders of networks in the hub's cache: models--OWNER--NAME."""
    from huggingface_hub import constants

    return [path.name for path in Path(constants.HF_HUB_CACHE).glob("models--*")]


def is_in_hub_cache(repository: str, files: tuple[str, ...]) -> bool:
    """Returns True if this machine has one of the files of a hub's repository, `USER/NAME` or `USER/NAME@REVISION`."""
    from huggingface_hub import try_to_load_from_cache

    name, _, revision = repository.partition("@")
    found = (try_to_load_from_cache(name, file, revision=revision or None) for file in files)
    return any(isinstance(path, str) for path in found)


def fetched(model: str, url: str, cached: bool, load: Callable[[], Fetched]) -> Fetched:
    """Returns `load()`, after a quick check that weights which are not cached can be reached.

    Raises:
        ValueError: If the weights can't be reached, or can't be loaded.
    """
    if not cached and not reachable(url):
        raise ValueError(f"pretrained {model} is not on this machine and {url} can't be reached; {WAY_OUT}")
    try:
        with hub_offline(cached):
            return load()
    except Exception as error:  # hubs raise errors of many libraries
        way_out = "use --weights init or --checkpoint FILE" if cached else WAY_OUT
        raise ValueError(f"pretrained {model} could not be loaded ({in_short(error)}); {way_out}") from error
