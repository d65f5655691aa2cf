"""Simulate the gate `measure --baseline --fail-if worse` on the kept networks: how often it fails at a true ratio.

The squared changes of two kept networks on all 1,000 test digits are the population. The first network's changes by
deformation are scaled so that the ratio of the two R_f has a chosen value. Each comparison draws images with
replacement, the same for both networks, and applies the rule of diffstab.testing.
"""

import argparse
import itertools
import platform
from pathlib import Path

import numpy as np
import torch

from diffstab import load_dataset, load_model, measure
from diffstab.results import StabilityResult
from diffstab.statistics import PairedSample, Statistic, compare_pair
from diffstab.testing import MARGIN

NETWORKS = "fc_l4 lenet vgg11-w0.25 resnet18-w0.25 resnet50-w0.25 alexnet-w0.25".split()
RATIOS = (1.0, 1.1, 1.5)
STATISTIC = Statistic("median", "norm", "distinct")


def median_ratio(one: PairedSample) -> float:
    """Returns R_f of a sample."""
    return float(np.median(one.deformation) / np.median(one.noise))


def scaled(result: StabilityResult, R: float) -> PairedSample:
    """Returns the per-image changes of a network, with those by deformation scaled so that R_f is `R`."""
    a, b = result.raw.changes(STATISTIC)
    return PairedSample(a * (R / median_ratio(PairedSample(a, b))), b)


def share_failing(
    first: PairedSample, second: PairedSample, *, images: int, comparisons: int, margin: float = MARGIN, seed: int = 0
) -> float:
    """Returns the share of comparisons, each on other images, in which the gate calls the first network worse."""
    failed = 0
    for k in range(seed, seed + comparisons):
        drawn = np.random.default_rng(k).integers(0, len(first.noise), images)
        new, base = (PairedSample(one.deformation[drawn], one.noise[drawn]) for one in (first, second))
        failed += compare_pair([new], [base], STATISTIC, resamples=400, seed=k).ratio.low > margin
    return failed / comparisons


def main() -> None:
    """Prints the table of docs/checks.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=200, help="Comparisons per pair of networks and ratio.")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, help="Folders of pretrained/, without -mnist5k.")
    parser.add_argument("--images", type=int, nargs="+", default=[500], help="Images per comparison.")
    parser.add_argument("--margin", type=float, default=MARGIN, help="Margin of the gate.")
    parser.add_argument("--seed", type=int, default=0, help="First seed of the comparisons.")
    asked = parser.parse_args()
    torch.set_num_threads(2)
    folder, data = Path(__file__).parents[2] / "pretrained", load_dataset("mnist5k", split="test")
    results = {}
    for name in asked.networks:
        network = load_model(f"local-dir:{folder / f'{name}-mnist5k'}")
        results[name] = measure(getattr(network, "network", network), data, delta=1.0, cutoff=3, resamples=100)
    print(f"cpu, Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}")
    chosen = {"comparisons": asked.comparisons, "margin": asked.margin, "seed": asked.seed}
    print(f"margin {asked.margin}; failing share over pairs of networks, mean (lowest to highest)")
    for images, ratio in itertools.product(asked.images, RATIOS):
        shares = [
            share_failing(scaled(one, ratio), scaled(other, 1.0), images=images, **chosen)
            for one, other in itertools.combinations(results.values(), 2)
        ]
        print(f"| {images} | {ratio} | {np.mean(shares):.1%} | {min(shares):.1%} to {max(shares):.1%} |", flush=True)


if __name__ == "__main__":
    main()
