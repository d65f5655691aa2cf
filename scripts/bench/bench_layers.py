"""Time and peak memory of measuring with layers, relative to measuring the output alone.

python scripts/bench/bench_layers.py
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

import click
import torch
from benchmarking import describe_machine, medians

from diffstab import MaxEntropyEnsemble, load_model, measure

MEGABYTE = 2**20


@click.command()
@click.option("--model", default="timm:resnet18", show_default=True)
@click.option("--images", default=64, show_default=True)
@click.option("--side", default=224, show_default=True, help="Height and width of the images, pixels.")
@click.option("--batch-size", default=64, show_default=True)
@click.option("--batch-norm", default="running", show_default=True)
@click.option("--layers", default="auto", show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--peak-of", hidden=True, help="Measure once with these layers and print the peak memory.")
def main(
    model: str,
    images: int,
    side: int,
    batch_size: int,
    batch_norm: str,
    layers: str,
    device: str,
    threads: int,
    rounds: int,
    peak_of: str | None,
) -> None:
    torch.set_num_threads(threads)
    network = load_model(model, dataset="photos", weights="init").to(device)
    ready = torch.rand(images, 3, side, side, generator=torch.Generator().manual_seed(0))
    ensemble = MaxEntropyEnsemble(side, delta=1.0)

    def measured(chosen: str | None) -> None:
        measure(network, ready, ensemble, batch_size=batch_size, batch_norm=batch_norm, layers=chosen)

    if peak_of is not None:
        before = peak(device)
        measured(None if peak_of == "none" else peak_of)
        print(json.dumps([before, peak(device)]))
        return
    seconds = medians({"with": lambda: measured(layers), "without": lambda: measured(None)}, rounds=rounds, warmup=1)
    print(describe_machine(torch.device(device)))
    print(f"{model}, {images} images of {side} x {side}, batch norm {batch_norm}, layers {layers}, against none:")
    print(f"  time   {seconds['with'] / seconds['without']:.3f}  ({seconds['with']:.2f} s, {seconds['without']:.2f} s)")
    peaks = {chosen: in_own_process(chosen) for chosen in (layers, "none")}
    before, own = zip(*peaks.values(), strict=True)
    whole = " and ".join(f"{one / MEGABYTE:.0f} MB" for one in own)
    print(f"  memory {own[0] / own[1]:.3f}  (peak of the process, {whole})")
    above = [one - start for one, start in zip(own, before, strict=True)]
    print(f"         {above[0] / above[1]:.3f}  (above what it held before)")


def in_own_process(chosen: str) -> list[float]:
    """Measures in a new process and returns its peak memory before and after, in bytes."""
    command = [sys.executable, *sys.argv, "--peak-of", chosen]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = json.loads(answer.stdout.splitlines()[-1])
    return [before, after]


def peak(device: str) -> float:
    """Returns the peak memory so far of this process, or of the GPU's tensors, in bytes."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "linux":  # getrusage there also counts the process before it became Python
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
