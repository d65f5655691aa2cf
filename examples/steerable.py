"""An E(2)-steerable network measured against rotations and diffeomorphisms, beside a plain one of the same layers.

    pip install escnn
    python examples/steerable.py

Both networks are built by `escnn` (Weiler and Cesa, NeurIPS 2019), trained here on the embedded digits and measured as
one's own code. The command line measures them too: `diffstab measure --model examples/steerable.py:steerable`.
"""

import math

import torch
from torch import Tensor, nn

import diffstab

try:
    from escnn import gspaces
    from escnn import nn as enn
except ImportError as error:
    raise ImportError(
        f"this example needs the package escnn ({error}); pip install escnn, with a Fortran compiler for py3nj"
    ) from error

EPOCHS, BATCH, LR = 5, 64, 3e-3
ANGLES = (5, 45, 90)  # of rotations, degrees


class Convolutions(nn.Module):
    """Three convolutions that commute with `rotations` rotations, and a mean over space and rotations.

    Args:
        rotations: Number of rotations of the group; 1 makes a plain network.
        fields: Number of channels of the first layer, times the rotations.
        num_classes: Number of outputs.
    """

    def __init__(self, rotations: int, fields: int, num_classes: int) -> None:
        super().__init__()
        space = gspaces.rot2dOnR2(rotations) if rotations > 1 else gspaces.trivialOnR2()
        given = self.images = enn.FieldType(space, [space.trivial_repr])
        layers = []
        for count in (fields, 2 * fields, 2 * fields):
            made = enn.FieldType(space, count * [space.regular_repr])
            convolution = enn.R2Conv(given, made, kernel_size=5, padding=2, bias=False)
            pooling = enn.PointwiseAvgPoolAntialiased(made, sigma=0.66, stride=2)
            layers += [convolution, enn.InnerBatchNorm(made), enn.ReLU(made), pooling]
            given = made
        self.layers = enn.SequentialModule(*layers, enn.GroupPooling(given))
        self.head = nn.Linear(2 * fields, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Maps images `[B, 1, H, W]` to logits `[B, classes]`."""
        maps: Tensor = self.layers(enn.GeometricTensor(images, self.images)).tensor
        logits: Tensor = self.head(maps.mean((-2, -1)))
        return logits


def steerable(num_classes: int = 10) -> nn.Module:
    """Returns a network whose output eight rotations leave as it is."""
    return Convolutions(rotations=8, fields=6, num_classes=num_classes)


def plain(num_classes: int = 10) -> nn.Module:
    """Returns a network of the same layers without that."""
    return Convolutions(rotations=1, fields=24, num_classes=num_classes)


def trained(network: nn.Module, images: Tensor, labels: Tensor) -> nn.Module:
    """Trains a network on images `[N, 1, H, W]` and their labels `[N]`, and returns it."""
    steps = EPOCHS * (len(images) // BATCH)
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps)
    for step in range(steps):
        chosen = torch.randint(len(images), (BATCH,), generator=torch.Generator().manual_seed(step))
        loss = nn.functional.cross_entropy(network(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


def main() -> None:
    """Trains both networks and prints their D_f under diffeomorphisms of one pixel and under rotations."""
    train, test = (diffstab.load_dataset("mnist5k", split=split) for split in ("train", "test"))
    images = torch.stack([train[k][0] for k in range(len(train))])
    labels = torch.tensor([train[k][1] for k in range(len(train))])
    reach = ((images.shape[-1] ** 2 - 1) / 6) ** 0.5  # root-mean-square distance of a pixel from the centre
    changes = {"diffeo": 1.0} | {f"{angle} deg": 2 * math.sin(math.radians(angle / 2)) * reach for angle in ANGLES}
    print(f"{'D_f':20}{''.join(f'{name:>9}' for name in changes)}{'test error':>13}")
    for make in (plain, steerable):
        torch.manual_seed(0)
        network = make()
        for when, statistics in (("init", "batch"), ("trained", "running")):
            network = trained(network, images, labels) if when == "trained" else network
            found = [
                diffstab.measure(network, test, by, delta=delta, count=500, batch_norm=statistics)
                for by, delta in zip(["diffeo"] + ["rotation"] * len(ANGLES), changes.values(), strict=True)
            ]
            numbers = "".join(f"{one.D.value:9.2g}" for one in found)
            print(f"{make.__name__ + ', ' + when:20}{numbers}{found[0].test_error.value:13.1%}", flush=True)


if __name__ == "__main__":
    main()
