"""Speed of drawing fields and deforming images, one field per image, as ratios to limits and rivals.

    python scripts/bench/bench_deform.py

Bilinear: images per second relative to torch's bare grid_sample on a ready grid, which draws no field. Timed are fields
from a generator (as in augmentation) and from streams (as in measuring), images of bytes, the other levels of the
compiled kernel and torch alone (off), a copy of the batch, the elastic transforms of other libraries
(`pip install 'diffstab[bench]'`) and a loop over single images.
Gaussian: speed relative to the dense O(n^4) sum of Eq. 16, image by image, on the same field.
"""

import warnings
from collections.abc import Callable
from functools import partial

import click
import torch
from benchmarking import describe_machine, medians
from deform_peers import one_at_a_time, peers
from torch import Tensor
from torch.nn.functional import grid_sample

from diffstab import DisplacementField, MaxEntropyEnsemble, StreamKeys, deform
from diffstab.native.library import LEVELS, OFF, running, using
from diffstab.options import GAUSSIAN_SIGMA

SHAPES = {"A": (128, 3, 32, 32), "B": (32, 3, 224, 224), "C": (8, 3, 512, 512), "one": (1, 3, 224, 224)}


def ready_grid(field: DisplacementField) -> Tensor:
    """Returns a field's source positions as coordinates of grid_sample."""
    x, y = field.source_positions()
    height, width = field.size
    return torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1)


def dense_gaussian(image: Tensor, field: DisplacementField) -> Tensor:
    """Deforms by Eq. 16 literally: every pixel of `[C, H, W]` is a weighted sum over all pixels."""
    height, width = field.size
    x, y = field.source_positions()
    across = (x.clamp(0, width - 1)[..., None, None] - torch.arange(width, device=image.device)) ** 2
    down = (y.clamp(0, height - 1)[..., None, None] - torch.arange(height, device=image.device)[:, None]) ** 2
    weights = torch.exp(-(across + down) / (2 * GAUSSIAN_SIGMA**2))
    weights = weights / weights.sum((-2, -1), keepdim=True)
    return torch.einsum("hwkl,ckl->chw", weights, image)


def bench_bilinear(device: torch.device, cutoff: float, rounds: int) -> None:
    for name, shape in SHAPES.items():
        images = torch.rand(shape, device=device)
        numbers = (255 * images).byte()
        ensemble = MaxEntropyEnsemble(shape[-2:], cutoff, delta=1.0)
        keys = StreamKeys(0, torch.arange(shape[0]))
        grid = ready_grid(ensemble.sample(shape[0], device=device))
        bare = partial(grid_sample, images, grid, padding_mode="border", align_corners=True)
        levels = {level: at_level(level, images, ensemble) for level in others(device)}
        seconds = medians(
            {
                **levels,
                "ours": lambda e=ensemble, x=images: deform(x, e.sample(len(x), device=x.device)),
                "streams": lambda e=ensemble, x=images, k=keys: deform(x, e.sample(k, device=x.device)),
                "bytes": lambda e=ensemble, x=numbers: deform(x, e.sample(len(x), device=x.device)),
                "copy": images.clone,
                "bare": bare,
            },
            rounds=rounds,
        )
        size = "x".join(map(str, shape))
        ours, keyed, whole, copy = (seconds["bare"] / seconds[way] for way in ("ours", "streams", "bytes", "copy"))
        rate = shape[0] / seconds["ours"]
        print(
            f"bilinear {name:<3} {size:<13} c={cutoff:<3g} {ours:5.2f} of bare grid_sample ({rate:.0f} images/s); "
            f"{keyed:.2f} with draws from streams (seed, image, draw), {whole:.2f} bytes to bytes; a copy {copy:.1f}"
            + "".join(f"; {level} {seconds['bare'] / seconds[level]:.2f}" for level in levels)
        )


def others(device: torch.device) -> list[str]:
    """Returns the levels of the compiled kernel that are not in use; `off` is torch alone."""
    if device.type != "cpu" or running() == OFF:
        return []
    return [OFF, *LEVELS[: LEVELS.index(running())]]


def at_level(level: str, images: Tensor, ensemble: MaxEntropyEnsemble) -> Callable[[], Tensor]:
    """Returns a function that draws fields and deforms images at a level of the kernel."""

    def run() -> Tensor:
        with using(level):
            return deform(images, ensemble.sample(len(images)))

    return run


def bench_peers(device: torch.device, cutoff: float, rounds: int) -> None:
    """Times other libraries on the same batches."""
    for name, shape in SHAPES.items():
        images = torch.rand(shape, device=device)
        ensemble = MaxEntropyEnsemble(shape[-2:], cutoff, delta=1.0)
        grid = ready_grid(ensemble.sample(shape[0], device=device))
        rivals = {
            "ours": lambda e=ensemble, x=images: deform(x, e.sample(len(x), device=x.device)),
            "bare": partial(grid_sample, images, grid, padding_mode="border", align_corners=True),
            "one at a time": one_at_a_time(images, ensemble),
            **peers(images),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seconds = medians(rivals, rounds=rounds, warmup=1)
        for rival in rivals.keys() - {"bare"}:
            ratio, times = seconds["bare"] / seconds[rival], seconds[rival] / seconds["ours"]
            print(f"peers    {name:<3} {rival:<15} {ratio:6.3f} of bare grid_sample; ours is {times:.1f} times as fast")


def bench_gaussian(device: torch.device, side: int, batch: int, rounds: int, compiled: bool) -> None:
    images = torch.rand(batch, 3, side, side, device=device)
    fields = MaxEntropyEnsemble(side, 3, delta=1.0).sample(batch, device=device)
    error = (deform(images, fields, "gaussian")[0] - dense_gaussian(images[0], fields[0])).abs().max().item()
    ways = {"": lambda: deform(images, fields, "gaussian")}
    if compiled:
        together = torch.compile(partial(deform, interpolation="gaussian"), dynamic=False)
        moved = fields.displacement()
        ways[", compiled"] = lambda: together(images, moved)
    seconds = medians({**ways, "dense": lambda: dense_gaussian(images[0], fields[0])}, rounds=rounds)
    for way in ways:
        times = seconds["dense"] / (seconds[way] / batch)
        size = f"{batch}x3x{side}x{side}"
        print(f"gaussian {size}{way}  {times:5.0f} times the dense form  (largest difference {error:.1e})")


@click.command()
@click.option("--device", default="cpu", show_default=True)
@click.option("--cutoff", multiple=True, type=float, help="Cutoff c of the fields; may be repeated. Default: 3 and 10.")
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=60, show_default=True)
@click.option("--peers/--no-peers", "with_peers", default=True, show_default=True, help="Time other libraries too.")
@click.option(
    "--compile/--no-compile", "compiled", default=False, show_default=True, help="Time the compiled Gaussian too."
)
def main(device: str, cutoff: tuple[float, ...], threads: int, rounds: int, with_peers: bool, compiled: bool) -> None:
    torch.set_num_threads(threads)
    where = torch.device(device)
    print(describe_machine(where))
    for c in cutoff or (3.0, 10.0):
        bench_bilinear(where, c, rounds)
    if with_peers:
        bench_peers(where, 3.0, max(3, rounds // 10))
    for side, batch in ((32, 128), (64, 32)):
        bench_gaussian(where, side, batch, max(5, rounds // 6), compiled)


if __name__ == "__main__":
    main()
