"""Images per second of one worker of a training's data loader: JPEG, crop to 224 pixels, deformation, batch.

    python scripts/bench/bench_loader.py

A worker has one thread. Every image gets a fresh field (c = 3, delta = 1). Timed are RandomDiffeomorphism on PIL
pictures and on tensors of bytes, with the compiled kernel and by torch alone, the elastic transforms of torchvision and
of albumentations (`pip install 'diffstab[albumentations]'`), no deformation, and the decoding of the JPEGs alone.
"""

import io
import warnings
from collections.abc import Callable
from functools import partial

import click
import numpy as np
import torch
from benchmarking import describe_machine, medians
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from diffstab.data import EMBEDDED_FOLDER
from diffstab.native.library import OFF, using
from diffstab.transforms import RandomDiffeomorphism

SIDE, BATCH = 224, 32
Picture = Image.Image


def decoded(content: bytes) -> Picture:
    """Returns the picture of a JPEG file."""
    return Image.open(io.BytesIO(content)).convert("RGB")


def loaded(files: list[bytes], transform: Callable[[Picture], Tensor]) -> Tensor:
    """Returns a batch `[B, 3, SIDE, SIDE]` of bytes, as a worker makes it."""
    crop = v2.RandomResizedCrop(SIDE, antialias=True)
    return torch.stack([transform(crop(decoded(content))) for content in files])


def without_kernel(files: list[bytes], transform: Callable[[Picture], Tensor]) -> Tensor:
    """Returns the same by torch alone."""
    with using(OFF):
        return loaded(files, transform)


def albumentations_elastic() -> dict[str, Callable[[Picture], Tensor]]:
    """Returns the elastic transform of albumentations, if it is installed."""
    try:
        import albumentations
    except ImportError:
        return {}
    elastic = albumentations.ElasticTransform(p=1.0)
    return {"albumentations elastic": lambda picture: v2.functional.to_image(elastic(image=np.array(picture))["image"])}


def ways(files: list[bytes]) -> dict[str, Callable[[], object]]:
    """Returns what is timed, by name."""
    to_bytes = v2.functional.pil_to_tensor
    ours, elastic = RandomDiffeomorphism(delta=1.0, p=1.0), v2.ElasticTransform()
    transforms = {
        "none": to_bytes,
        "PIL": lambda picture: to_bytes(ours(picture)),
        "bytes": lambda picture: ours(to_bytes(picture)),
        "torchvision elastic": lambda picture: to_bytes(elastic(picture)),
        **albumentations_elastic(),
    }
    found: dict[str, Callable[[], object]] = {"decoding alone": lambda: [decoded(content) for content in files]}
    found |= {name: partial(loaded, files, transform) for name, transform in transforms.items()}
    return found | {f"{name}, torch": partial(without_kernel, files, transforms[name]) for name in ("PIL", "bytes")}


@click.command()
@click.option("--rounds", default=12, show_default=True)
def main(rounds: int) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(describe_machine(torch.device("cpu")))
    photos = sorted((EMBEDDED_FOLDER / "photos").glob("*.jpg"))
    files = [photos[k % len(photos)].read_bytes() for k in range(BATCH)]
    seconds = medians(ways(files), rounds=rounds, warmup=1)
    for name, time in seconds.items():
        print(f"{name:<23} {BATCH / time:6.0f} images/s a worker, {seconds['none'] / time:.2f} of no deformation")


if __name__ == "__main__":
    main()
