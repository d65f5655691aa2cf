"""Builds networks of `transformers`: classifiers and encoders of images, from the hub or a folder.

No code of a repository or folder is run. A classifier returns its logits, an encoder its pooled output if it has one.
"""

import inspect
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..checks import in_short
from ..options import TRANSFORMERS
from ..reading import LARGEST_TEXT, read_text, refuse_special
from .card import Asked, Card
from .fetching import fetched, hub_url, is_in_hub_cache
from .image_processors import quiet, translated

CONFIG = "config.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
WEIGHT_FILES = tuple(
    f"{name}{more}" for name in ("model.safetensors", "pytorch_model.bin") for more in ("", ".index.json")
)
CLASSIFIER = "ForImageClassification"  # in the names of classes
HEADS = ("classifier", "head")  # in the names of a classifier's last layers
PLAIN = (None, "eager", "sdpa")  # implementations that are code of torch and of the library
UNKNOWN = ("--img-size", "--mean", "--std")  # without an image processor


def transformers_card(name: str, published: bool) -> Card:
    """Makes the card of a network; without `published` weights from its config alone.

    Raises:
        ValueError: If the library is missing, the config or image processor can't be fetched, read or followed, or
            config.json leads to code, weights or values that are not plain.
    """
    if find_spec("transformers") is None:
        raise ValueError(
            f"model is '{TRANSFORMERS}:{name}'; the library is needed: pip install 'diffstab[transformers]'"
        )
    told = _config_dict(name)
    _refuse_what_leads_on(name, told)
    config = _config(name)
    part = getattr(config, "vision_config", None) or config
    fixed = isinstance(getattr(part, "image_size", None), (int, list, tuple))
    if not published:
        return Card(published=True, fixed_size=fixed)
    names = tuple(config.id2label[k] for k in sorted(config.id2label)) if _is_classifier(config) else ()
    labels = () if names == tuple(f"LABEL_{k}" for k in range(len(names))) else names
    processor = _processor(name)
    if processor is None:
        return Card(missing=UNKNOWN, published=True, fixed_size=fixed, label_names=labels)
    found = translated(processor, getattr(part, "num_channels", 3), f"{TRANSFORMERS}:{name}")
    notes = () if found.note is None else (found.note,)
    return Card(preprocessing=found.preprocessing, published=True, fixed_size=fixed, label_names=labels, notes=notes)


def build_transformers(name: str, asked: Asked, card: Card) -> nn.Module:
    """Builds a network with its published weights, or from its config for the data set's images.

    Raises:
        ValueError: If it takes no images, the arguments don't fit, or its weights can't be fetched or loaded.
    """
    import transformers

    place, revision = _place(name)
    named = {"num_labels": asked.num_classes, "num_channels": asked.in_chans}
    given: dict[str, Any] = {option: value for option, value in named.items() if value is not None}
    if not asked.published and card.fixed_size:
        height, width = asked.shape[1:3]
        given["image_size"] = height if height == width else (height, width)
    config = _config(name, **{**given, **asked.arguments})
    classifier = _is_classifier(config)
    kind = transformers.AutoModelForImageClassification if classifier else transformers.AutoModel
    plain = {"trust_remote_code": False, "dtype": torch.float32}

    def load() -> Any:
        if not asked.published:
            return kind.from_config(config, **plain)
        changes = {**given, **asked.arguments, "ignore_mismatched_sizes": bool(given)}
        return kind.from_pretrained(place, **revision, **plain, **changes)

    return _as_measured(_loaded(name, load, WEIGHT_FILES if asked.published else (CONFIG,)), name, classifier)


def _as_measured(network: nn.Module, name: str, classifier: bool) -> nn.Module:
    """Returns the part that takes images, with the names of its classifiers and of its main blocks."""
    if next(iter(inspect.signature(network.forward).parameters)) != "pixel_values":
        part = getattr(network, "vision_model", None)  # of networks of images and text
        if not isinstance(part, nn.Module):
            raise ValueError(
                f"'{TRANSFORMERS}:{name}' is a {type(network).__name__}, which takes more than images; wrap it in own "
                "code"
            )
        network = part
    heads = (one for one, _ in network.named_children() if any(word in one for word in HEADS))
    network.classifiers = tuple(heads) if classifier else ()  # type: ignore[assignment]
    if classifier:
        network.register_forward_hook(_logits)
    else:
        network.num_classes = 0  # type: ignore[assignment]
    stages = (one for one, module in network.named_modules() if isinstance(module, nn.ModuleList) and len(module) > 1)
    blocks = min(stages, key=lambda one: one.count("."), default=None)
    if blocks is not None:
        members = range(len(network.get_submodule(blocks)))  # type: ignore[arg-type]
        network.feature_info = [{"module": f"{blocks}.{k}"} for k in members]  # type: ignore[assignment]
    return network


def _logits(network: nn.Module, images: Any, output: Any) -> Any:
    return output.logits


def _is_classifier(config: Any) -> bool:
    """Returns True if the weights are a classifier's, or nothing is said and the library has one of this kind."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES as KNOWN

    told = getattr(config, "architectures", None)
    return any(CLASSIFIER in one for one in told) if told else config.model_type in KNOWN


def is_folder(name: str) -> bool:
    """Returns True if a name means a folder on this machine."""
    return Path(name).expanduser().is_dir()


def _place(name: str) -> tuple[str, dict[str, Any]]:
    """Returns a folder or repository, and the revision, as the library takes them."""
    if is_folder(name):
        return str(Path(name).expanduser()), {}
    repository, _, revision = name.partition("@")
    return repository, {"revision": revision} if revision else {}


def _loaded(name: str, load: Any, files: tuple[str, ...]) -> Any:
    """Returns `load()`, of a folder or from the hub, whose files are looked for in the cache."""
    spec = f"{TRANSFORMERS}:{name}"
    with quiet():
        if not is_folder(name):
            return fetched(spec, hub_url(), is_in_hub_cache(name, files), load)
        try:
            return load()
        except Exception as error:  # the library raises errors of many kinds
            raise ValueError(f"'{spec}' can't be built ({_why(error)}); mend the folder or its arguments") from error


def _why(error: Exception) -> str:
    """Returns an error in short; a repository that needs its own code is told as such."""
    text = " ".join(str(error).split())
    return "it needs code of its own, which is never run" if "trust_remote_code" in text else in_short(error)


def _config_dict(name: str) -> Mapping[str, Any]:
    """Reads config.json before anything follows it."""
    if not is_folder(name):
        from transformers import PreTrainedConfig

        place, revision = _place(name)
        found = _loaded(name, lambda: PreTrainedConfig.get_config_dict(place, **revision)[0], (CONFIG,))
        return dict(found)
    folder = Path(name).expanduser()
    for entry in folder.iterdir():
        if entry.exists() and not entry.is_dir():
            refuse_special(entry)
    path = folder / CONFIG
    if not path.exists():
        there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:5]) or "nothing"
        raise ValueError(f"model is '{TRANSFORMERS}:{name}'; {CONFIG} was looked for, and there is: {there}")
    try:
        told = json.loads(read_text(path, most=LARGEST_TEXT))
        why = None if isinstance(told, dict) and "model_type" in told else "it names no model_type"
    except (OSError, ValueError, RecursionError) as error:
        why = "it nests too deeply" if isinstance(error, RecursionError) else str(error)
    if why is not None:
        raise ValueError(
            f"{str(path)!r} is no config of transformers ({why}); name a folder that save_pretrained wrote"
        )
    return dict(told)


def _refuse_what_leads_on(name: str, told: Mapping[str, Any]) -> None:
    """Refuses configs by which the library would fetch kernels or other weights, or compute in other numbers."""
    for key, value in _entries(told):
        if key.endswith("_implementation") and value not in PLAIN:
            raise ValueError(f"'{TRANSFORMERS}:{name}' asks for {key} {value!r}, code from elsewhere; remove it")
        if key == "quantization_config" and value:
            raise ValueError(f"the weights of '{TRANSFORMERS}:{name}' are quantised; bring weights that are not")
        if key == "use_pretrained_backbone" and value:
            raise ValueError(f"'{TRANSFORMERS}:{name}' leads to weights elsewhere ({key}); set it to false")
    if told.get("model_type") == "timm_wrapper" or "pretrained_cfg" in told:
        raise ValueError(f"'{TRANSFORMERS}:{name}' is a network of timm; name it hf-hub:NAME or local-dir:FOLDER")
    if is_folder(name) and (Path(name).expanduser() / "adapter_config.json").exists():
        raise ValueError(f"'{TRANSFORMERS}:{name}' is an adapter of other weights; merge them, and save the network")


def _entries(told: Any) -> Iterator[tuple[str, Any]]:
    """Yields the keys and values of nested mappings and lists."""
    if isinstance(told, Mapping):
        for key, value in told.items():
            yield str(key), value
            yield from _entries(value)
    elif isinstance(told, list):
        for value in told:
            yield from _entries(value)


def _config(name: str, **changes: Any) -> Any:
    from transformers import AutoConfig

    place, revision = _place(name)
    return _loaded(
        name, lambda: AutoConfig.from_pretrained(place, trust_remote_code=False, **revision, **changes), (CONFIG,)
    )


def _processor(name: str) -> Any:
    """Returns the image processor, with Pillow's resizing if it has that; None if there is none."""
    from transformers import AutoImageProcessor

    place, revision = _place(name)
    make = AutoImageProcessor.from_pretrained
    if not _has_processor(name):
        return None
    return _loaded(name, lambda: make(place, trust_remote_code=False, backend="pil", **revision), PROCESSORS)


def _has_processor(name: str) -> bool:
    place, revision = _place(name)
    if is_folder(name):
        return any((Path(place) / file).exists() for file in PROCESSORS)
    if is_in_hub_cache(name, PROCESSORS):
        return True
    from huggingface_hub import HfApi, try_to_load_from_cache

    if all(try_to_load_from_cache(place, file, **revision) is not None for file in PROCESSORS):
        return False  # the cache knows that they don't exist
    exists = HfApi().file_exists
    return bool(_loaded(name, lambda: any(exists(place, file, **revision) for file in PROCESSORS), PROCESSORS))
