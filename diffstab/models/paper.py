"""The small-image networks of the paper (App. E.2), for images of 28 to 64 pixels.

Built from torchvision's and torch's own blocks. A builder takes the number of input channels, the image's side in
pixels and the number of classes, and returns a freshly initialised network that maps `[B, C, H, W]` to `[B, classes]`.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from torch import nn

Builder = Callable[[int, int, int], nn.Module]

FC_WIDTH = 64  # neurons per hidden layer, all fully connected nets of the paper


def fully_connected(channels: int, side: int, classes: int, *, depth: int) -> nn.Sequential:
    """`depth` hidden layers of 64 ReLU neurons, then a linear read-out (FullConn-L*depth*)."""
    widths = [channels * side * side] + [FC_WIDTH] * depth
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(FC_WIDTH, classes))


def lenet(channels: int, side: int, classes: int) -> nn.Sequential:
    """LeNet-5: two 5x5 convolutions with max-pooling, three linear layers; 62k parameters on CIFAR10."""
    pooled = ((side - 4) // 2 - 4) // 2  # side of the feature maps after both convolutions and poolings
    if pooled < 1:
        raise ValueError(f"images have {side} x {side} pixels; lenet needs at least 16 x 16")
    return nn.Sequential(
        *(nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
        *(nn.Linear(16 * pooled * pooled, 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU()),
        nn.Linear(84, classes),
    )


def resnet(channels: int, side: int, classes: int, *, name: str) -> nn.Module:
    """torchvision's ResNet with the small-image stem: a 3x3 convolution of stride 1 and no pooling."""
    import torchvision.models  # takes 2 s, which the other nets don't need

    del side  # global pooling: any side will do
    net: nn.Module = getattr(torchvision.models, name)(num_classes=classes)
    net.conv1 = nn.Conv2d(channels, 64, kernel_size=3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
    net.maxpool = nn.Identity()
    return net


PAPER_NETS: dict[str, Builder] = {
    "fc_l4": partial(fully_connected, depth=4),
    "lenet": lenet,
    "resnet18": partial(resnet, name="resnet18"),
}
