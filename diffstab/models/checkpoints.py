"""Loads weights into networks, after checking all of them; also finds the checkpoints kept with the package."""

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..checks import some
from ..reading import LARGEST_TEXT, file_sha256, read_text
from .alpha import AlphaNetwork, alpha_in
from .state_dicts import State, state_dicts, told_of, weights_for
from .weight_files import read_file

MORE = "diffstab_networks"  # module of the package diffstab-networks, which has the larger ones


def pretrained_folder() -> Path:
    """Folder of the checkpoints kept with the package: inside it when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "pretrained"
    return inside if inside.is_dir() else package.parent / "pretrained"


def pretrained_file(entry: Mapping[str, Any]) -> Path | None:
    """File of a kept checkpoint, in the package or in diffstab-networks; None if that is not installed."""
    files = (folder / entry["file"] for folder in _folders())
    return next((file for file in files if file.exists()), None)


def _folders() -> Iterator[Path]:
    """Yields the folders of kept checkpoints; the other package is looked for only where the first has not a file."""
    yield pretrained_folder()
    more = find_spec(MORE)
    yield from map(Path, (more and more.submodule_search_locations) or ())


def read_manifest() -> list[dict[str, Any]]:
    """Reads one entry per kept checkpoint: model, dataset, file, sha256, recipe, seed, test error, R_f."""
    path = pretrained_folder() / "manifest.json"
    if not path.exists():
        return []
    entries: list[dict[str, Any]] = json.loads(read_text(path, most=LARGEST_TEXT))["checkpoints"]
    return entries


def pretrained_weights(name: str, dataset: str) -> State:
    """Reads the kept weights of one of the paper's networks, trained on a data set.

    Raises:
        ValueError: If none are kept, or the file is not installed, or its hash differs from the manifest's.
    """
    entries = read_manifest()
    for entry in entries:
        if (entry["model"], entry["dataset"]) == (name, dataset):
            path = pretrained_file(entry)
            if path is None:
                raise ValueError(
                    f"pretrained {name} is in the package diffstab-networks; pip install 'diffstab[networks]', or in a "
                    "clone pip install ./pretrained"
                )
            if file_sha256(path) != entry["sha256"]:
                raise ValueError(f"{str(path)!r} is damaged (sha256 differs from the manifest's); install it again")
            return read_checkpoint(path)
    kept = ", ".join(f"{entry['model']} on {entry['dataset']}" for entry in entries) or "none"
    raise ValueError(
        f"no pretrained {name} on {dataset} is kept with the package (kept: {kept}); "
        "use --weights init or --checkpoint FILE"
    )


def read_checkpoint(path: Path) -> State:
    """Reads the weights in a file that is a single state dict.

    Raises:
        ValueError: If the file can't be read (see `read_file`) or holds anything but a state dict.
    """
    content = read_file(path)
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise ValueError(f"checkpoint {str(path)!r} holds no weights; a dictionary from names to tensors is needed")
    return content


def load_checkpoint(
    network: nn.Module, path: Path, *, key: str | None, dataset: str, classes: int
) -> tuple[nn.Module, str | None, tuple[str, ...]]:
    """Loads a file's weights into a network; returns the network, the key of the weights in the file, and notes.

    Weights of an `AlphaNetwork` turn the network into one.

    Raises:
        ValueError: If the file can't be read, or none of its state dicts is for this network.
    """
    content, origin = read_file(path), repr(str(path))
    alpha = next((found for _, state in state_dicts(content) if (found := alpha_in(state)) is not None), None)
    if alpha is not None:
        network = AlphaNetwork(network, alpha)
    own = network.state_dict()
    weights, others = weights_for(content, own, origin, key)
    for name, tensor in weights.state.items():
        if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized:
            kind = f"{tensor.dtype}, {tensor.layout}"
            raise ValueError(f"checkpoint {origin} holds {name} as {kind}; dense real tensors are needed")
    where = f"{path} (under {weights.key!r})" if weights.key else str(path)
    fill(network, weights.state, where, dataset=dataset, classes=classes)
    told = told_of(weights, others, own, origin)
    return network, weights.key or None, (told,) if told else ()


def fill(network: nn.Module, state: State, origin: str, *, dataset: str, classes: int) -> None:
    """Copies weights into a network, all or none.

    Raises:
        ValueError: If names or shapes differ; if only the last layer's do, the message has the numbers of classes.
    """
    own = {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}
    absent, extra = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if absent or extra:
        parts = [f"lacks {some(absent)}"] * bool(absent) + [f"has {some(extra)}, unknown to it"] * bool(extra)
        raise ValueError(f"{origin} is not for this network: it {' and '.join(parts)}")
    differing = [name for name in own if own[name].shape != state[name].shape]
    # read-outs, in any place, differ only in their first dimension: the number of classes
    heads = {len(state[name]) for name in differing if _is_head(own[name], state[name], classes)}
    if len(heads) == 1 and all(_is_head(own[name], state[name], classes) for name in differing):
        raise ValueError(f"{origin} has {heads.pop()} classes and the data set {dataset} has {classes}")
    if differing:
        name = differing[0]
        shapes = f"{tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        raise ValueError(f"{origin} is not for this network: {name} is {shapes} ({len(differing)} such)")
    for name, value in own.items():
        if value.is_floating_point() and state[name].dtype.itemsize == 1:  # quantised values need a scale
            raise ValueError(
                f"{origin} holds {name} as {state[name].dtype} and the network as {value.dtype}, so its numbers are "
                "quantised; bring weights that are not quantised"
            )
    network.load_state_dict(state)


def _is_head(own: Tensor, other: Tensor, classes: int) -> bool:
    return own.ndim == other.ndim > 0 and len(own) == classes and own.shape[1:] == other.shape[1:]
