"""Networks of torchvision and timm for images of 28 to 64 pixels: with a small-image stem.

The stem is a 3x3 convolution of stride 1 without pooling; the originals, made for 224 pixels, begin with a reduction by
2 or 4. Every builder takes the number of input channels, the images' side in pixels, the number of classes and a factor
on all widths, and returns a freshly initialised network that maps `[B, C, H, W]` to `[B, classes]`.
"""

from collections import OrderedDict
from typing import Any

from torch import nn


def scaled(width: int, factor: float) -> int:
    """Returns a number of channels times a factor, at least one."""
    return max(1, round(width * factor))


def small_stem(conv: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Makes the first convolution of a small-image network, which replaces a larger or strided one."""
    stem = nn.Conv2d(channels, conv.out_channels, 3, stride=1, padding=1, bias=conv.bias is not None)
    he_initialise(stem)
    return stem


def he_initialise(network: nn.Module) -> None:
    """Initialises convolutions as torchvision's VGG and ResNet: normal weights that keep the signal's size in ReLUs."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def vgg(channels: int, side: int, classes: int, *, width: float = 1.0, name: str, batch_norm: bool) -> nn.Sequential:
    """Makes torchvision's VGG features, then one linear layer (Table 1).

    Poolings round up, since five of them would leave nothing of 28 pixels; at 32 and 64 pixels this changes nothing.
    """
    from torchvision.models.vgg import cfgs, make_layers

    letter = {"vgg11": "A", "vgg16": "D", "vgg19": "E"}[name]
    plan = [scaled(entry, width) if isinstance(entry, int) else entry for entry in cfgs[letter]]
    features = make_layers(plan, batch_norm=batch_norm)
    features[0] = small_stem(features[0], channels)
    for layer in features:
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = True
    he_initialise(features)
    head = nn.Linear(scaled(512, width), classes)
    parts = {"features": features, "avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "classifier": head}
    return nn.Sequential(OrderedDict(parts))


def resnet(channels: int, side: int, classes: int, *, width: float = 1.0, name: str) -> nn.Module:
    """Makes torchvision's ResNet without the first pooling."""
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

    class SmallImageResNet(ResNet):  # type: ignore[misc]
        """ResNet whose stages are `width` times as wide."""

        def _make_layer(self, block: Any, planes: int, *arguments: Any, **keywords: Any) -> nn.Sequential:
            if planes == 64:  # the first stage follows the stem, which has 64 channels times the factor
                self.inplanes = scaled(64, width)
            stage: nn.Sequential = super()._make_layer(block, scaled(planes, width), *arguments, **keywords)
            return stage

    plans = {"resnet18": (BasicBlock, [2, 2, 2, 2]), "resnet34": (BasicBlock, [3, 4, 6, 3])}
    plans |= {"resnet50": (Bottleneck, [3, 4, 6, 3]), "resnet101": (Bottleneck, [3, 4, 23, 3])}
    block, layers = plans[name]
    net: nn.Module = SmallImageResNet(block, layers)
    stem = scaled(64, width)
    net.conv1 = small_stem(nn.Conv2d(channels, stem, 3, bias=False), channels)
    net.bn1 = nn.BatchNorm2d(stem)
    net.maxpool = nn.Identity()
    net.fc = nn.Linear(scaled(512, width) * block.expansion, classes)
    return net


# EfficientNet-B0 (Tan and Le, 2019, Table 1): expansion, kernel, stride, channels in and out, layers
B0_STAGES = (
    *((1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3)),
    *((6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1)),
)
EFFICIENTNETS = {"efficientnet_b0": (1.0, 1.0, 0.2), "efficientnet_b2": (1.1, 1.2, 0.3)}  # width, depth, dropout


def efficientnet(channels: int, side: int, classes: int, *, width: float = 1.0, name: str) -> nn.Module:
    """Makes torchvision's EfficientNet; published weights fit all but the read-out."""
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig

    wider, deeper, dropout = EFFICIENTNETS[name]
    stages = [MBConvConfig(*stage, width_mult=wider * width, depth_mult=deeper) for stage in B0_STAGES]
    net: nn.Module = EfficientNet(stages, dropout, num_classes=classes)
    stem: Any = net.get_submodule("features.0")
    stem[0] = small_stem(stem[0], channels)
    return net


def mobilenet_v2(channels: int, side: int, classes: int, *, width: float = 1.0) -> nn.Module:
    """Makes torchvision's MobileNetV2."""
    from torchvision.models import MobileNetV2

    net: nn.Module = MobileNetV2(num_classes=classes, width_mult=width)
    stem: Any = net.get_submodule("features.0")
    stem[0] = small_stem(stem[0], channels)
    return net


def densenet121(channels: int, side: int, classes: int, *, width: float = 1.0) -> nn.Module:
    """Makes torchvision's DenseNet without the first pooling."""
    from torchvision.models import DenseNet

    net: nn.Module = DenseNet(scaled(32, width), (6, 12, 24, 16), 2 * scaled(32, width), num_classes=classes)
    features: Any = net.features
    features.conv0 = small_stem(features.conv0, channels)
    features.pool0 = nn.Identity()
    return net


def convnext_atto(channels: int, side: int, classes: int, *, width: float = 1.0) -> nn.Module:
    """Makes torchvision's ConvNeXt in timm's size atto, with patches of 2 x 2 pixels instead of 4 x 4."""
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    dims = [scaled(dim, width) for dim in (40, 80, 160, 320)]
    stages = [CNBlockConfig(*stage) for stage in zip(dims, [*dims[1:], None], (2, 2, 6, 2), strict=True)]
    net: nn.Module = ConvNeXt(stages, num_classes=classes)
    stem: Any = net.get_submodule("features.0")
    stem[0] = nn.Conv2d(channels, dims[0], 2, stride=2)
    return net


def vit_tiny(channels: int, side: int, classes: int, *, width: float = 1.0) -> nn.Module:
    """Makes timm's ViT of size tiny (12 blocks of 3 heads), with patches of 4 x 4 pixels instead of 16 x 16."""
    from timm.models.vision_transformer import VisionTransformer

    if side % 4:
        raise ValueError(f"images have {side} x {side} pixels; vit_tiny takes patches of 4 x 4, so a multiple of 4")
    heads = scaled(3, width)
    net: nn.Module = VisionTransformer(side, 4, channels, classes, embed_dim=64 * heads, depth=12, num_heads=heads)
    return net
