"""Random numbers that depend only on (seed, image, draw, purpose, position), so that any run can be repeated.

Batch size, workers, device and order change no number. There is no generator and no state: Philox4x32-10 (Salmon et
al., SC 2011) is a keyed bijection of 128-bit counters whose outputs pass the usual tests of randomness. The key is the
seed; the counter's four words are (image, draw, position, purpose). A draw is one random deformation (and noise) of an
image. A larger cutoff reads further positions of the same stream.

All arithmetic is in int64 and works on any device.
"""

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .checks import LARGEST_SEED, positive_integer
from .native.library import OFF, running
from .native.philox import pairs as native_pairs
from .native.philox import philox as native_philox
from .precision import doubled, sent

FIELD, NOISE, CHOICE, TRANSFORM = 0, 1, 2, 3  # purposes, each with separate streams
MASK = 0xFFFFFFFF
Words = tuple[Any, Any, Any, Any]  # tensors, or numpy arrays


@dataclass(frozen=True)
class StreamKeys:
    """Keys (seed, image, draw) of one random stream per image.

    Attributes:
        seed: Seed of all streams, 0 to 2^64 - 1.
        images: Index of each image in its data set, int64 `[B]`, below 2^32.
        draw: Number of the draw (the repetition with another deformation), 0 to 2^32 - 1.
    """

    seed: int
    images: Tensor
    draw: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", positive_integer("seed", self.seed, least=0, most=LARGEST_SEED))
        object.__setattr__(self, "draw", positive_integer("draw", self.draw, least=0, most=MASK))
        if self.images.ndim != 1 or self.images.dtype != torch.int64:
            raise ValueError(f"images are {self.images.dtype} {tuple(self.images.shape)}; int64 [B] is needed")


def philox(counter: Words, seed: int) -> Words:
    """Philox4x32-10: four words of 32 random bits for each counter of four 32-bit words, all held in int64.

    Takes tensors on any device, or numpy arrays, which are faster for few numbers.

    >>> zero = torch.zeros(1, dtype=torch.int64)
    >>> [hex(int(word)) for word in philox((zero, zero, zero, zero), seed=0)]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    if all(type(word) is Tensor and word.is_cpu for word in counter) and running() != OFF:
        a, b, c, d = native_philox(counter, seed)
        return a, b, c, d
    c0, c1, c2, c3 = counter
    k0, k1 = seed & MASK, seed >> 32
    for _ in range(10):
        # int64 products wrap modulo 2^64 like unsigned ones; masks remove the sign bits that the shift extends.
        p0, p1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c2 = p1 >> 32, p0 >> 32
        for word, other, key in ((c0, c1, k0), (c2, c3, k1)):
            word &= MASK  # in place
            word ^= other
            word ^= key
        p0 &= MASK
        p1 &= MASK
        c1, c3 = p1, p0
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def _counter(keys: StreamKeys, positions: Tensor, purpose: int) -> Words:
    """Counters of each image and position: four words, int64 `[B, P]` each."""
    shape = (len(keys.images), len(positions))
    image = sent(keys.images, positions.device)[:, None].expand(shape).contiguous()
    constant = [torch.full(shape, value, device=positions.device) for value in (keys.draw, purpose)]
    return image, constant[0], positions.expand(shape).contiguous(), constant[1]


def mode_normals(keys: StreamKeys, i: Tensor, j: Tensor) -> Tensor:
    """Standard normal numbers for the modes (i, j) of both components: float64 `[B, 2, modes]`, on the CPU.

    Each number is a 52-bit uniform number through the inverse normal law, so it depends only on (seed, image, draw,
    component, i, j).
    """
    normals: Tensor = torch.special.ndtri(_pairs(keys, (i << 16) + j, FIELD))
    return normals


def uniforms(keys: StreamKeys, count: int) -> Tensor:
    """Random numbers uniform in (0, 1), for transformations: float64 `[B, count]`, on the CPU.

    Numbers have 52 bits and are never 0 or 1. Each depends only on (seed, image, draw) and its place in the row. A
    larger `count` continues the same rows.

    Args:
        keys: Keys of the streams, one per image.
        count: Numbers per image, 0 or more.

    Raises:
        TypeError: If the count is not a whole number.
        ValueError: If the count is negative.

    >>> keys = StreamKeys(seed=0, images=torch.arange(5))
    >>> uniforms(keys, 3).shape
    torch.Size([5, 3])
    >>> torch.equal(uniforms(keys, 3)[:, :2], uniforms(keys, 2))
    True
    """
    positive_integer("count", count, least=0)
    pairs = _pairs(keys, torch.arange(-(-count // 2)), TRANSFORM)
    return pairs.mT.flatten(1)[:, :count]


def _pairs(keys: StreamKeys, positions: Tensor, purpose: int) -> Tensor:
    """Two 52-bit numbers uniform in (0, 1) for each position: float64 `[B, 2, P]`, on the CPU."""
    if running() != OFF:
        images, positions = (one.cpu().contiguous() for one in (keys.images, positions))
        return native_pairs(images, positions, seed=keys.seed, draw=keys.draw, purpose=purpose)
    counter = _counter(keys, positions, purpose)
    a, b, c, d = philox(tuple(word.cpu().numpy() for word in counter), keys.seed)  # type: ignore[arg-type]
    bits = torch.from_numpy(np.stack([(a << 20) + (b >> 12), (c << 20) + (d >> 12)], axis=1))
    return (bits.to(torch.float64) + 0.5) * 2.0**-52


def sphere_noise(keys: StreamKeys, shape: tuple[int, ...], device: torch.device | str = "cpu") -> Tensor:
    """Draws noise directions, uniform on the unit sphere of images of a shape: float32 `[B, *shape]`, each of norm 1.

    They are normal numbers (Box and Muller's formula, float32) divided by their norm, computed on `device`.

    >>> eta = sphere_noise(StreamKeys(seed=0, images=torch.arange(5)), (3, 17, 11))
    >>> torch.allclose(eta.flatten(1).norm(dim=1), torch.ones(5))
    True
    """
    size = math.prod(shape)
    blocks = torch.arange(-(-size // 4), device=device)
    words = philox(_counter(keys, blocks, NOISE), keys.seed)
    # Uniform in (0, 1] for the logarithm and in [0, 2 pi) for the angle.
    radius = [((words[k].to(torch.float32) + 1) * 2.0**-32).log_().mul_(-2).sqrt_() for k in (0, 2)]
    angle = [words[k].to(torch.float32) * (2 * math.pi * 2.0**-32) for k in (1, 3)]
    normals = torch.stack([r * wave(t) for r, t in zip(radius, angle, strict=True) for wave in (torch.cos, torch.sin)])
    flat: Tensor = normals.permute(1, 2, 0).flatten(1)[:, :size]
    norm = doubled(flat).norm(dim=1, keepdim=True).to(device, torch.float32)
    directions: Tensor = flat / norm
    return directions.view(-1, *shape)


def choose(count: int, total: int, seed: int) -> Tensor:
    """Chooses `count` of the indices 0 ... total - 1 at random, without repetition, ascending: int64 `[count]`.

    >>> choose(3, 10, seed=0).shape
    torch.Size([3])
    """
    if not 0 <= count <= total:
        raise ValueError(f"count is {count}, of {total} indices; it must be 0 to {total}")
    keys = StreamKeys(seed, torch.zeros(1, dtype=torch.int64))
    a, b, _, _ = philox(_counter(keys, torch.arange(total), CHOICE), seed)
    order = ((a[0] << 31) + (b[0] >> 1)).argsort(stable=True)
    indices: Tensor = order[:count].sort().values
    return indices


def in_random_order(indices: Tensor, seed: int) -> Tensor:
    """Shuffles indices, int64 `[M]`; the order depends only on the indices and the seed.

    >>> in_random_order(torch.arange(4), seed=0).sort().values
    tensor([0, 1, 2, 3])
    """
    a, b, _, _ = philox(_counter(StreamKeys(seed, torch.ones(1, dtype=torch.int64)), indices, CHOICE), seed)
    shuffled: Tensor = indices[((a[0] << 31) + (b[0] >> 1)).argsort(stable=True)]
    return shuffled


@contextmanager
def untouched_global_state(device: torch.device) -> Iterator[None]:
    """Context that restores the global random states of Python, numpy and torch (CPU and `device`) at its end."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        if device.type in ("cuda", "mps"):
            with torch.random.fork_rng(
                devices=[device.index if device.index is not None else torch.accelerator.current_device_index()],
                device_type=device.type,
            ):
                yield
        else:
            with torch.random.fork_rng(devices=[]):
                yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
