"""Time of `measure` relative to its own bare forward passes, and to itself without what a few images tell.

Bare are f(x), f(tau x) and f(x + eta) on ready images. Left out are the inspection of the network, the look for hidden
modules, and the larger noise behind the intervals.

python scripts/bench/bench_measure.py
"""

from contextlib import nullcontext
from unittest.mock import patch

import click
import torch
from benchmarking import describe_machine, medians

from diffstab import MaxEntropyEnsemble, load_dataset, load_model, measure
from diffstab.measuring.inspection import Inspected
from diffstab.options import DEFAULTS
from diffstab.streams import choose


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

    def measured() -> None:
        measure(network, data, ensemble, indices=indices)

    def unchecked() -> None:
        with (
            patch("diffstab.measuring.second_pass.inspect", lambda *_, **__: Inspected()),
            patch("diffstab.measuring.second_pass.finding_hidden", nullcontext),
            patch("diffstab.measuring.passes.spread_over", lambda keys: frozenset()),
        ):
            measured()

    rivals = {"measure": measured, "unchecked": unchecked, "forward": forward}
    seconds = medians(rivals, rounds=rounds, warmup=1)
    print(describe_machine(torch.device(device)))
    ratio = seconds["measure"] / seconds["forward"]
    print(f"{model} on {images} images of {dataset}: measure takes {ratio:.3f} of its bare forward passes")
    print(f"  ({seconds['measure']:.2f} s and {seconds['forward']:.2f} s)")
    print(f"  its checks take {100 * (seconds['measure'] / seconds['unchecked'] - 1):.1f} % of its time without them")


if __name__ == "__main__":
    main()
