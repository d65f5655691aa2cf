"""The small-image networks of the paper (Table 1, App. E.2) and newer ones, by name, for images of 28 to 64 pixels.

A name may end with a factor on all widths: `vgg11-w0.25` is VGG11 with a quarter of its channels. A builder takes the
number of input channels, the image's side in pixels, the number of classes and `width`, and returns a freshly
initialised network that maps `[B, C, H, W]` to `[B, classes]`.
"""

from functools import partial
from itertools import pairwise
from typing import NamedTuple, Protocol

from torch import nn

from ..options import base_name
from .scattering import scattering
from .small_images import (
    convnext_atto,
    densenet121,
    efficientnet,
    he_initialise,
    mobilenet_v2,
    resnet,
    scaled,
    vgg,
    vit_tiny,
)
from .unet import unet

FC_WIDTH = 64  # neurons per hidden layer in all fully connected networks of the paper


class Builder(Protocol):
    """A function that makes a network from the number of channels, the side in pixels, and the number of classes."""

    def __call__(self, channels: int, side: int, classes: int, *, width: float = 1.0) -> nn.Module:
        """Makes a freshly initialised network, with layers `width` times as wide as the original's."""


class Traits(NamedTuple):
    """Properties of an architecture that Fig. 5 shows.

    Attributes:
        depth: Number of layers with weights from input to output, as in Table 1. VGG counts the original's three
            linear layers; EfficientNet and other networks of blocks count blocks plus two; a scattering network counts
            its two layers of fixed wavelets.
        batch_norm: True if the network has batch normalisation.
        skip: True if the network has skip connections.
    """

    depth: int
    batch_norm: bool
    skip: bool


def fully_connected(channels: int, side: int, classes: int, *, width: float = 1.0, depth: int) -> nn.Sequential:
    """Makes `depth` hidden layers of 64 ReLU neurons, then a linear read-out (FullConn-L*depth*)."""
    widths = [channels * side * side] + [scaled(FC_WIDTH, width)] * depth
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes))


def lenet(channels: int, side: int, classes: int, *, width: float = 1.0) -> nn.Sequential:
    """Makes LeNet-5: two 5x5 convolutions with max-pooling, three linear layers; 62k parameters on CIFAR10."""
    pooled = ((side - 4) // 2 - 4) // 2  # side of the feature maps after both convolutions and poolings
    if pooled < 1:
        raise ValueError(f"images have {side} x {side} pixels; lenet needs at least 16 x 16")
    first, second, third, fourth = (scaled(size, width) for size in (6, 16, 120, 84))
    return nn.Sequential(
        *(nn.Conv2d(channels, first, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(first, second, 5), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
        *(nn.Linear(second * pooled * pooled, third), nn.ReLU()),
        *(nn.Linear(third, fourth), nn.ReLU()),
        nn.Linear(fourth, classes),
    )


def alexnet(channels: int, side: int, classes: int, *, width: float = 1.0) -> nn.Sequential:
    """Makes AlexNet for small images: five 3x3 convolutions, the first of stride 2, three linear layers.

    It has 23M parameters on CIFAR10.
    """
    if side < 16:
        raise ValueError(f"images have {side} x {side} pixels; alexnet needs at least 16 x 16")
    one, two, three, four, hidden = (scaled(size, width) for size in (64, 192, 384, 256, 4096))
    net = nn.Sequential(
        *(nn.Conv2d(channels, one, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(one, two, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(two, three, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(three, four, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(four, four, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten()),  # changes nothing at 32 pixels, where maps are 2 x 2
        *(nn.Dropout(), nn.Linear(4 * four, hidden), nn.ReLU()),
        *(nn.Dropout(), nn.Linear(hidden, hidden), nn.ReLU()),
        nn.Linear(hidden, classes),
    )
    he_initialise(net)
    return net


_NETS: dict[str, tuple[Builder, Traits]] = {
    **{f"fc_l{n}": (partial(fully_connected, depth=n), Traits(n, False, False)) for n in (2, 4, 6)},
    "lenet": (lenet, Traits(5, False, False)),
    "alexnet": (alexnet, Traits(8, False, False)),
    **{
        f"vgg{n}{'_bn' * bn}": (partial(vgg, name=f"vgg{n}", batch_norm=bn), Traits(n, bn, False))
        for n in (11, 16, 19)
        for bn in (False, True)
    },
    **{f"resnet{n}": (partial(resnet, name=f"resnet{n}"), Traits(n, True, True)) for n in (18, 34, 50, 101)},
    "efficientnet_b0": (partial(efficientnet, name="efficientnet_b0"), Traits(18, True, True)),
    "efficientnet_b2": (partial(efficientnet, name="efficientnet_b2"), Traits(25, True, True)),
    "mobilenet_v2": (mobilenet_v2, Traits(19, True, True)),
    "densenet121": (densenet121, Traits(121, True, True)),
    "convnext_atto": (convnext_atto, Traits(14, False, True)),
    "vit_tiny": (vit_tiny, Traits(14, False, True)),
    "unet": (unet, Traits(11, True, True)),
    "scattering": (scattering, Traits(3, True, False)),
}
PAPER_NETS: dict[str, Builder] = {name: builder for name, (builder, _) in _NETS.items()}


def traits_of(spec: str) -> Traits | None:
    """Returns depth and kind of one of the paper's networks, by its spec; None for any other network.

    >>> traits_of("paper:vgg11_bn-w0.25")
    Traits(depth=11, batch_norm=True, skip=False)
    """
    prefix, colon, name = spec.rpartition(":")
    entry = _NETS.get(base_name(name)) if not colon or prefix == "paper" else None
    return None if entry is None else entry[1]
