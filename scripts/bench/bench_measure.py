"""Time of `measure` relative to its bare forward passes, and the share of its checks.

The bare passes are f(x), f(tau x) and f(x + eta) on ready images. The checks are the inspection of the network and the
passes with larger noise for the intervals.

python scripts/bench/bench_measure.py
"""

import pkgutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import click
import torch
from benchmarking import describe_machine, medians

from diffstab import MaxEntropyEnsemble, load_dataset, load_model, measure
from diffstab.options import DEFAULTS
from diffstab.streams import choose


@contextmanager
def timed(name: str) -> Iterator[list[float]]:
    """Records the seconds of each call of a function in `diffstab.measuring`."""
    seconds: list[float] = []
    function = pkgutil.resolve_name(f"diffstab.measuring.{name.replace('.', ':', 1)}")

    def timing(*given: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            seconds.append(time.perf_counter() - start)

    with patch(f"diffstab.measuring.{name}", timing):
        yield seconds


@click.command()
@click.option("--model", default="resnet18", show_default=True)
@click.option("--dataset", default="mnist5k", show_default=True)
@click.option("--images", default=500, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=7, show_default=True)
def main(model: str, dataset: str, images: int, device: str, threads: int, rounds: int) -> None:
    torch.set_num_threads(threads)
    data = load_dataset(dataset)
    indices = choose(images, len(data), seed=0)
    network = load_model(model, dataset=dataset, weights="init").to(device)
    ensemble = MaxEntropyEnsemble(data.shape[1:], delta=1.0)
    ready = torch.stack([data[int(index)][0] for index in indices]).to(device)
    batches = ready.tensor_split(-(-images // DEFAULTS.batch_size))

    @torch.no_grad()
    def forward() -> None:
        for _ in range(3):
            for batch in batches:
                network(batch)

    rivals = {"measure": lambda: measure(network, data, ensemble, indices=indices), "forward": forward}
    with timed("second_pass.inspect") as inspecting, timed("raised_noise.RaisedNoise.run") as raising:
        seconds = medians(rivals, rounds=rounds, warmup=1)
    checks = statistics.median(map(sum, zip(inspecting[1:], raising[1:], strict=True)))
    print(describe_machine(torch.device(device)))
    ratio = seconds["measure"] / seconds["forward"]
    print(f"{model} on {images} images of {dataset}: measure takes {ratio:.3f} of its bare forward passes")
    print(f"  ({seconds['measure']:.2f} s and {seconds['forward']:.2f} s)")
    print(f"  {checks:.2f} s of it, {checks / seconds['measure']:.1%}, tell whether the network can be trusted")


if __name__ == "__main__":
    main()
