"""Weights from files: plain tensors only, checked against the network before a single one is copied."""

import hashlib
import json
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

WRAPPERS = ("model", "state_dict", "model_state_dict")  # under which training scripts keep the weights
State = dict[str, Tensor]


def pretrained_folder() -> Path:
    """The checkpoints kept with the package: inside it when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "pretrained"
    return inside if inside.is_dir() else package.parent / "pretrained"


def read_manifest() -> list[dict[str, Any]]:
    """One entry per kept checkpoint: model, dataset, file, sha256, recipe, seed, test error, R_f."""
    path = pretrained_folder() / "manifest.json"
    if not path.exists():
        return []
    entries: list[dict[str, Any]] = json.loads(path.read_text())["checkpoints"]
    return entries


def pretrained_weights(name: str, dataset: str) -> State:
    """The kept weights of one of the paper's nets on a data set.

    Raises:
        ValueError: If there are none, or the file is not the one that the manifest names.
    """
    entries = read_manifest()
    for entry in entries:
        if (entry["model"], entry["dataset"]) == (name, dataset):
            path = pretrained_folder() / entry["file"]
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
                raise ValueError(f"{str(path)!r} is missing or damaged (sha256 differs from the manifest's)")
            return read_checkpoint(path)
    kept = ", ".join(f"{entry['model']} on {entry['dataset']}" for entry in entries) or "none"
    raise ValueError(
        f"no pretrained {name} on {dataset} is kept with the package (kept: {kept}); "
        "use --weights init or --checkpoint FILE"
    )


def read_checkpoint(path: Path) -> State:
    """The weights in a file: .safetensors, or a torch file that holds nothing but plain tensors.

    Raises:
        ValueError: If the file is missing, truncated, holds pickled code, or holds no weights.
    """
    if not path.is_file():
        raise ValueError(f"checkpoint is {str(path)!r}; there is no such file")
    try:
        kind = _kind(path)
        content = load_file(path) if kind == "safetensors" else _load_plain(path)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"checkpoint {str(path)!r} is not plain tensors (it may run code when loaded) and is refused; "
            "save it as .safetensors, or with torch.save(network.state_dict(), ...)"
        ) from error
    except (
        SafetensorError,
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        zipfile.BadZipFile,
    ) as error:
        raise ValueError(f"checkpoint {str(path)!r} is truncated or damaged; copy or save it again") from error
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise ValueError(f"checkpoint {str(path)!r} holds no weights; a dictionary from names to tensors is needed")
    for name, tensor in content.items():
        if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized:
            kind = f"{tensor.dtype}, {tensor.layout}"
            raise ValueError(f"checkpoint {str(path)!r} holds {name} as {kind}; dense real tensors are needed")
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}


def _load_plain(path: Path) -> Any:
    """What torch.save wrote, if it is tensors, numbers and containers. weights_only runs no code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles; what they hold is refused below
        return torch.load(path, map_location="cpu", weights_only=True)


def _kind(path: Path) -> str:
    """`safetensors` (eight bytes of length, then a JSON header) or `torch` (a zip file or a pickle), by the content.

    Raises:
        ValueError: If it is neither.
    """
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] == b"{":
        return "safetensors"
    if start.startswith((b"PK", b"\x80")):
        return "torch"
    raise ValueError(f"{str(path)!r} starts with {start!r}")


def fill(network: nn.Module, state: State, origin: str, *, dataset: str, classes: int) -> None:
    """Copies weights into a network, all or none.

    Raises:
        ValueError: If names or shapes differ; where only the last layer's do, the class counts are told.
    """
    own = network.state_dict()
    absent, extra = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if absent or extra:
        parts = [f"lacks {_some(absent)}"] * bool(absent) + [f"has {_some(extra)}, unknown to it"] * bool(extra)
        raise ValueError(f"{origin} is not for this network: it {' and '.join(parts)}")
    differing = [name for name in own if own[name].shape != state[name].shape]
    # read-outs, wherever they are, differ in their first dimension alone: classes here, another number there
    heads = {len(state[name]) for name in differing if _is_head(own[name], state[name], classes)}
    if len(heads) == 1 and all(_is_head(own[name], state[name], classes) for name in differing):
        raise ValueError(f"{origin} has {heads.pop()} classes and the data set {dataset} has {classes}")
    if differing:
        name = differing[0]
        shapes = f"{tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        raise ValueError(f"{origin} is not for this network: {name} is {shapes} ({len(differing)} such)")
    network.load_state_dict(state)


def _is_head(own: Tensor, other: Tensor, classes: int) -> bool:
    return own.ndim == other.ndim > 0 and len(own) == classes and own.shape[1:] == other.shape[1:]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
