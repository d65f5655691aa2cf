"""Code that the stages of check_gpu.py run and time, with small sizes on a CPU and realistic ones on a GPU."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from bench_deform import SHAPES, ready_grid
from benchmarking import medians
from deform_peers import one_at_a_time, peers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, grid_sample
from torch.utils.data import DataLoader, Dataset

from diffstab import MaxEntropyEnsemble, RandomDiffeomorphism, StreamKeys, deform, measure

LARGE = {**SHAPES, "256": (256, 3, 224, 224)}
SMALL = {"A": (16, 3, 32, 32), "one": (1, 3, 64, 64)}
NETWORKS = {"resnet18": 512, "resnet50": 256, "vit_base_patch16_224": 256}  # images
SECONDS = {"cpu": 0.3, "cuda": 3.0}  # seconds of training steps for each kind of augmentation


def measure_small(device: str, count: int, batch: int) -> Callable[[], object]:
    """Returns a function that measures a small network on `count` images."""
    layers = (nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    network = nn.Sequential(*layers, nn.Linear(64, 10)).to(device)
    images, ensemble = torch.rand(count, 3, 64, 64), MaxEntropyEnsemble(64, 3, delta=1.0)
    return lambda: measure(network, images, ensemble, batch_size=batch, device=device)


def augment(device: str) -> Callable[[], object]:
    """Returns a function that augments one batch on the device."""
    transform, images = (
        RandomDiffeomorphism(cutoff=(2, 5), delta=(0.5, 2.0), p=1.0),
        torch.rand(32, 3, 64, 64, device=device),
    )
    return lambda: transform(images)


def bench_deform(device: str) -> dict[str, Any]:
    """Returns images per second of `deform` with new fields, as ratios to bare grid_sample on a ready grid."""
    found: dict[str, Any] = {}
    shapes, rounds = (SMALL, 5) if device == "cpu" else (LARGE, 30)
    for (name, shape), cutoff in itertools.product(shapes.items(), (3.0, 10.0)):
        images = torch.rand(shape, device=device)
        ensemble, keys = MaxEntropyEnsemble(shape[-2:], cutoff, delta=1.0), StreamKeys(0, torch.arange(shape[0]))
        fields = ensemble.sample(shape[0], device=device)
        grid = ready_grid(fields)
        rivals: dict[str, Callable[[], object]] = {
            "bare": lambda x=images, g=grid: grid_sample(x, g, padding_mode="border", align_corners=True),
            "copy": images.clone,
            "ours": lambda x=images, e=ensemble: deform(x, e.sample(len(x), device=x.device)),
            "ours, ready fields": lambda x=images, f=fields: deform(x, f),
            "ours, streams": lambda x=images, e=ensemble, k=keys: deform(x, e.sample(k, device=x.device)),
        }
        if cutoff == 3.0 and name in ("A", "B"):
            rivals |= {"published code, one at a time": one_at_a_time(images, ensemble), **peers(images)}
        seconds = medians(rivals, rounds=rounds)
        found[f"{name} c={cutoff:g}"] = {rival: round(seconds["bare"] / one, 3) for rival, one in seconds.items()}
        found[f"{name} c={cutoff:g} images/s"] = round(shape[0] / seconds["ours"])
    return found


def bench_measure(device: str) -> dict[str, Any]:
    """Returns the time of `measure` divided by the time of its bare forward passes."""
    import timm

    side, networks = (64, {"resnet18": 8}) if device == "cpu" else (224, NETWORKS)
    found: dict[str, Any] = {}
    for name, count in networks.items():
        network = timm.create_model(name, pretrained=False).to(device).eval()
        images, ensemble = torch.rand(count, 3, side, side), MaxEntropyEnsemble(side, 3, delta=1.0)
        ready = images.to(device).split(128)

        def forward(network: nn.Module = network, ready: tuple[Tensor, ...] = ready) -> None:
            with torch.no_grad():
                for batch in itertools.chain.from_iterable(itertools.repeat(ready, 3)):
                    network(batch)

        def whole(network: nn.Module = network, images: Tensor = images, ensemble: Any = ensemble) -> None:
            measure(network, images, ensemble, device=device)

        rounds = 1 if device == "cpu" else 5
        seconds = medians({"measure": whole, "forward": forward}, rounds=rounds, warmup=1)
        found[name] = round(seconds["measure"] / seconds["forward"], 3)
    return found


class Pictures(Dataset[tuple[Tensor, int]]):
    """Random images of bytes, augmented by a transform if there is one."""

    def __init__(self, side: int, transform: Callable[[Tensor], Tensor] | None) -> None:
        self.images = torch.randint(0, 256, (256, 3, side, side), dtype=torch.uint8)
        self.transform = transform

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.images[index % len(self.images)]
        return (image if self.transform is None else self.transform(image)), index % 10


def batches_of(dataset: Pictures, batch: int, device: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields batches from two loader workers, moved to the device."""
    loader = DataLoader(dataset, batch, num_workers=2, pin_memory=device != "cpu")
    for images, labels in loader:
        yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)


def bench_train(device: str) -> dict[str, Any]:
    """Returns images per second of a resnet18's steps: without augmentation, with it in workers, and on the device."""
    import time

    import timm

    side, batch = (32, 8) if device == "cpu" else (224, 128)
    transform, found = RandomDiffeomorphism(delta=1.0, p=1.0), {}
    network = timm.create_model("resnet18", pretrained=False, num_classes=10).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    ways = {"none": (None, None), "in workers": (transform, None), "on the device": (None, transform)}
    for way, (before, after) in ways.items():
        batches = batches_of(Pictures(side, before), batch, device)
        done, start = 0, 0.0
        for step, (images, labels) in enumerate(batches):
            if step == 3:  # workers have begun
                start, done = time.perf_counter(), 0
            inputs = (images if after is None else after(images)).float().div_(255)
            optimizer.zero_grad()
            cross_entropy(network(inputs), labels).backward()
            optimizer.step()
            done += len(images)
            if step > 3 and time.perf_counter() - start > SECONDS[torch.device(device).type]:
                break
        if device != "cpu":
            torch.cuda.synchronize(device)
        found[way] = round(done / (time.perf_counter() - start), 1)
    return found
