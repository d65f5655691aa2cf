"""Loads networks by name, with their weights: the paper's, timm's, torchvision's, hubs' and your own."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ..data import load_dataset
from ..options import DEFAULT_DATASET
from .resolve import resolve_model
from .sources import Shape


def load_model(
    spec: str,
    *,
    dataset: str | None = None,
    weights: str = "pretrained",
    checkpoint: str | Path | None = None,
    weights_key: str | None = None,
    num_classes: int | None = None,
    in_chans: int | None = None,
    model_kwargs: Mapping[str, Any] | None = None,
    data_dir: str | Path | None = None,
    seed: int = 0,
    trust: Iterable[str] = (),
    note: Callable[[str], None] | None = None,
) -> nn.Module:
    """Loads the network named `spec`, in evaluation mode.

    The network expects the images of `load_dataset(dataset, preprocessing=...)` with the preprocessing that
    `models.resolve_model` returns. For networks that were trained on the data set, this is the data set's own. Threads
    build networks one after the other; see `measure`.

    Args:
        spec: Name of the network. A name without prefix is the paper's network if images have at most 64 pixels a
            side, otherwise timm's, then torchvision's. Names with prefix are `paper:NAME`, `timm:NAME[.TAG]`,
            `torchvision:NAME[@WEIGHTS]`, `hf-hub:USER/NAME`, `local-dir:PATH` (a folder in the hub's layout, or one
            that `diffstab train` wrote), `transformers:USER/NAME` or `transformers:PATH`, `onnx:FILE`, and your own
            code as `package.module:callable` or `file.py:callable`.
        dataset: Name of the data set, as for `load_dataset`, which gives image size, channels and classes. The
            default is the command line's, mnist5k.
        weights: Weights, `pretrained` (for the paper's networks those kept with the package, trained on `dataset`) or
            `init`.
        checkpoint: File of weights (.safetensors, or .pt with plain tensors); replaces `weights`. Its state dict is
            found by the network's names and shapes; prefixes that wrappers add to names are removed.
        weights_key: Key of the state dict in a checkpoint that holds several: names joined by points, such as
            `state_dict_ema`.
        num_classes: Number of outputs; the default is that of the published weights, or the data set's classes.
            Published weights for another number leave the head random, and a note says so. Your code gets this
            argument if it takes it.
        in_chans: Number of channels of the input; the default is that of the published weights, or the data set's.
            Your code gets this argument if it takes it; images always have this many channels.
        model_kwargs: Further arguments of the network's constructor.
        data_dir: Folder of the data set, unless it comes with the package.
        seed: Seed of the initialisation. The global random state is not touched.
        trust: Names of code, hub networks or other folders that the config.json of a folder of weights may load.
            Networks of the libraries need no trust; all others are refused, since anybody may have written the folder.
        note: Function that is called with notes about the weights; None makes them warnings.

    Raises:
        ValueError: If name, data set or weights are unknown, the weights can't be loaded, or the checkpoint can't be
            read or is for another network or number of classes; if published weights leave more than the head random;
            if a folder names code or a network that is not trusted.

    >>> import torch
    >>> net = load_model("fc_l4", weights="init")
    >>> net(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    images = load_dataset(dataset or DEFAULT_DATASET, data_dir=data_dir)
    loaded = resolve_model(
        spec,
        Shape(*images.shape, images.classes),
        dataset=images.name,
        weights=weights,
        checkpoint=checkpoint,
        weights_key=weights_key,
        num_classes=num_classes,
        in_chans=in_chans,
        model_kwargs=model_kwargs,
        usual=images.preprocessing,
        seed=seed,
        trust=trust,
    )
    for text in loaded.notes:
        (note or _warn)(text)
    network: nn.Module = loaded.network
    return network


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=3)
