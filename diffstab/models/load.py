"""Networks by name, with their weights: the paper's small-image nets, timm's, torchvision's, hubs' and your own."""

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
    """The network named `spec`, in evaluation mode.

    Its images are those of `load_dataset(dataset, preprocessing=...)` with the preprocessing that
    `models.resolve_model` gives along with the network; for networks that were trained on the data set, that is the
    data set's own. In several threads networks are built in turn; see `measure`.

    Args:
        spec: A bare name: the paper's net of that name where the images have at most 64 pixels a side, otherwise
            timm's, then torchvision's. Or `paper:NAME`, `timm:NAME[.TAG]`, `torchvision:NAME[@WEIGHTS]`,
            `hf-hub:USER/NAME`, `local-dir:PATH` (a folder in the hub's layout, or one that `diffstab train` wrote), or
            `package.module:callable` or `file.py:callable`, your own.
        dataset: The data set it is for, as in `load_dataset`: gives image size, channels and classes. By default
            the command line's, mnist5k.
        weights: `pretrained` (for the paper's nets those kept with the package, trained on `dataset`) or `init`.
        checkpoint: A file of weights instead (.safetensors, or .pt with plain tensors). Its state dict is found by
            the network's names and shapes; prefixes that wrappers add to names are taken off.
        weights_key: Which state dict of the checkpoint, where it holds several: keys joined by points, as in
            `state_dict_ema`.
        num_classes: Outputs; by default those of the published weights, or the data set's classes. Published weights
            for another number leave the head random, which a note tells. Own code gets it if it takes it.
        in_chans: Channels of the input; by default those of the published weights, or the data set's. Own code gets
            it if it takes it; images come with as many channels in any case.
        model_kwargs: Further arguments of the network's constructor.
        data_dir: The data set's folder, where it has one.
        seed: Of the initialisation. The global random state is not touched.
        trust: Names that the config.json of a folder of weights may lead to: own code, a hub's or another folder's
            network. Others than the libraries' are refused, as a folder may come from anybody.
        note: Called with what the user should know of the weights; None makes it a warning.

    Raises:
        ValueError: If name, data set or weights are unknown, the weights can't be had, or the checkpoint can't be read
            or is for another network or number of classes; if published weights leave more than the head random; if a
            folder leads to what is not trusted.

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
