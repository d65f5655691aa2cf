"""Builds timm's networks: by name, from a hub's repository, or from a folder in the hub's layout."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ..checks import in_short
from ..data import Preprocessing
from ..options import HUB, LOCAL
from ..reading import LARGEST_TEXT, read_text, refuse_special
from .card import Asked, Card
from .fetching import fetched, hub_url, is_in_hub_cache, torch_hub_file
from .weight_files import read_file

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
TAKEN_FIRST = ("state_dict_ema", "model_ema", "state_dict", "model")  # timm takes the first of these
NEEDED = {"input_size": "--img-size", "mean": "--mean", "std": "--std"}


def timm_card(name: str) -> Card:
    """Makes the card of a network in timm, with the tag in its name or timm's default tag."""
    import timm

    config = timm.get_pretrained_cfg(name)
    if config is None:
        return Card()
    full = f"timm:{config.architecture}.{config.tag}" if config.tag else f"timm:{config.architecture}"
    return _card(config.to_dict(), full, tag=config.tag or None, published=bool(config.has_weights))


def hub_card(name: str) -> Card:
    """Makes the card of a hub repository `USER/NAME`. Raises ValueError if its config.json can't be fetched."""

    def load() -> Any:
        from timm.models import load_model_config_from_hf  # slow, so only after the hub answered

        return load_model_config_from_hf(name)

    cached = is_in_hub_cache(name, ("config.json",))
    config, *_ = fetched(f"{HUB}:{name}", hub_url(), cached, load)
    return _card(config, f"{HUB}:{name}", tag=None, published=True)


def folder_config(folder: Path) -> dict[str, Any]:
    """Reads the config.json of a folder in the hub's layout. Raises ValueError if it is missing or can't be read."""
    path = folder / "config.json"
    if not path.exists():
        found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:5]) if folder.is_dir() else "no such folder"
        raise ValueError(f"model is '{LOCAL}:{folder}'; config.json was looked for, and there is: {found or 'nothing'}")
    refuse_special(path)
    try:
        config = json.loads(read_text(path, most=LARGEST_TEXT))
        why = None if isinstance(config, dict) and "architecture" in config else "it names no architecture"
    except RecursionError:
        why = "it nests too deeply"
    except (OSError, ValueError) as error:
        why = str(error)
    if why is not None:
        raise ValueError(f"{str(path)!r} is no network's config.json ({why})")
    told: dict[str, Any] = config
    return told


def refuse_without_weights(folder: Path) -> None:
    """Raises ValueError if a folder holds no file of weights, or something that is no file under its name."""
    there = [folder / file for file in WEIGHT_FILES if (folder / file).exists()]
    if not there:
        raise ValueError(f"{str(folder)!r} holds no weights; looked for {' and '.join(WEIGHT_FILES)}")
    for file in there:
        refuse_special(file)


def key_in_folder(folder: Path) -> tuple[str | None, str | None]:
    """Returns the key of the state dict that timm takes from a folder's weights, and a note if there are others.

    Both are None if the file is a single state dict.
    """
    safe, other = (folder / file for file in WEIGHT_FILES)
    content = None if safe.is_file() or not other.is_file() else read_file(other)
    held = [key for key in TAKEN_FIRST if isinstance(content, dict) and content.get(key) is not None]
    if not held:
        return None, None
    others = f"; it holds {', '.join(held[1:])} too: --checkpoint {other} --weights-key KEY chooses"
    return held[0], f"weights of {str(other)!r}: read under {held[0]!r}{others if held[1:] else ''}"


def folder_card(folder: Path) -> Card:
    """Makes the card of a folder with config.json and weights of a timm network. Raises ValueError if it is damaged."""
    folder_config(folder)
    from timm.models._hub import load_model_config_from_path  # applies the config's channels and size

    try:
        config, *_ = load_model_config_from_path(folder)
        return _card(config, f"{LOCAL}:{folder}", tag=None, published=True)
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        ArithmeticError,
    ) as error:  # a config's values may have any type
        raise ValueError(f"{str(folder / 'config.json')!r} can't be understood ({in_short(error)})") from error


def _card(config: Mapping[str, Any], source: str, *, tag: str | None, published: bool) -> Card:
    missing = tuple(option for key, option in NEEDED.items() if not config.get(key))
    label_names = config.get("label_names") or ()
    if isinstance(label_names, Mapping):  # keyed by the output's number; may have gaps
        label_names = [name for _, name in sorted(label_names.items(), key=lambda item: int(item[0]))]
    return Card(
        preprocessing=_preprocessing(config, source),
        missing=missing,
        tag=tag,
        published=published,
        fixed_size=bool(config.get("fixed_input_size")),
        label_names=tuple(label_names),
    )


def _preprocessing(config: Mapping[str, Any], source: str) -> Preprocessing:
    """Makes the preprocessing of timm's own validation, with the weights' test size and crop if they have them."""
    from timm.data import resolve_data_config

    resolved = resolve_data_config({}, pretrained_cfg=dict(config), use_test_size=True)
    channels, height, width = resolved["input_size"]
    share = resolved["crop_pct"]
    return Preprocessing(
        size=(height, width),
        resize=(math.floor(height / share), math.floor(width / share)),
        crop_mode=resolved["crop_mode"],
        interpolation=resolved["interpolation"],
        mean=tuple(resolved["mean"]),
        std=tuple(resolved["std"]),
        source=source,
    ).with_channels(channels)


def build_timm(source: str, name: str, asked: Asked, card: Card) -> nn.Module:
    """Builds a network of timm, of its hub or of a folder, with or without its weights.

    Raises:
        ValueError: If the network has no published weights, they can't be fetched, or it does not take the arguments.
    """
    import timm

    arguments, size = asked.given(), asked.shape[1:3]
    if card.fixed_size and card.preprocessing is not None and size != card.preprocessing.size:
        arguments = {"img_size": size, **arguments}
    spec = name if source == "timm" else f"{source}:{name}"
    shown = f"timm:{name}" if source == "timm" else spec
    if not asked.published or source == LOCAL:
        try:
            network: nn.Module = timm.create_model(spec, pretrained=asked.published, **arguments)
            if any(value.is_meta for value in network.state_dict().values()):
                raise ValueError("its weights are on the device meta; one that holds numbers is needed")
        except Exception as error:  # each network raises its own kinds
            raise ValueError(f"{shown} can't be built with {arguments} ({in_short(error)})") from error
        return network
    config = None if source == HUB else timm.get_pretrained_cfg(name)
    repository = name if config is None else config.hf_hub_id
    url = hub_url() if repository else config.url  # type: ignore[union-attr]
    cached = is_in_hub_cache(repository, WEIGHT_FILES) if repository else torch_hub_file(url).exists()
    network = fetched(shown, url, cached, lambda: timm.create_model(spec, pretrained=True, **arguments))
    return network
