"""Populations for check_coverage.py: raw values of kept networks for 5,000 digits, with 16 draws of each.

A sample of these images and draws is a measurement whose true values are known: those of the whole population.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from diffstab import MaxEntropyEnsemble, load_dataset, load_model, measure
from diffstab.measuring.raised_noise import IMAGES, LARGER, OUTPUT, noise_exponent
from diffstab.statistics import Array, OutputPairs, Statistic, average

NETWORKS = ("fc_l4", "lenet", "resnet18-w0.25")
DRAWS = 16
RADII = (0.8, 1.0, 1.2, 1.45)  # times the population's median, since samples have different radii


@dataclass(frozen=True)
class Population:
    """Squared changes of one network.

    Attributes:
        moved: a = ||f(tau x) - f(x)||^2, `[N, draws]`.
        norms: ||tau x - x||, `[N, draws]`.
        radii: Noise radii at which b = ||f(x + eta) - f(x)||^2 is known, rising, `[4]`.
        noise: b at each of these radii, `[4, N, draws]`.
        outputs: Outputs f(x), `[N, outputs]`.
    """

    moved: Array
    norms: Array
    radii: Array
    noise: Array
    outputs: Array

    def noise_at(self, radius: float, images: NDArray[np.int64], draws: NDArray[np.int64]) -> Array:
        """Returns b of some images and draws at a radius, by a power law between the known radii."""
        place = int(np.clip(np.searchsorted(self.radii, radius) - 1, 0, len(self.radii) - 2))
        low, high = (np.log(self.noise[place + k][images, draws]) for k in (0, 1))
        part = np.log(radius / self.radii[place]) / np.log(self.radii[place + 1] / self.radii[place])
        return np.asarray(np.exp(low + part * (high - low)))


@cache
def population(model: str) -> Population:
    """Measures a network on all digits, including those that it was trained on."""
    parts = [load_dataset("mnist5k", split=split) for split in ("train", "test")]
    images = torch.cat([part.images for part in parts])  # type: ignore[attr-defined]
    network, ensemble = load_model(model, dataset="mnist5k"), MaxEntropyEnsemble(28, delta=1.0)
    options = {"draws": DRAWS, "resamples": 100, "batch_size": 500}
    found = [measure(network, images, ensemble, **options)]
    radii = [factor * found[0].noise_radius for factor in RADII]
    found += [measure(network, images, ensemble, noise_norm=radius, **options) for radius in radii]
    raw, *others = (one.raw for one in found)
    noise = np.stack([one.noise for one in others])
    return Population(raw.deformation, raw.displacement_norm, np.array(radii), noise, raw.outputs)


@cache
def true_values(model: str, name: str) -> dict[str, float]:
    """Returns <a>, <b> and <c> of the population, with <b> at the population's radius."""
    all_of, rule = population(model), Statistic(name)

    def averaged(values: Array) -> float:
        return float(average(values.reshape(-1, 1), rule))

    every = np.indices(all_of.moved.shape)
    noise = all_of.noise_at(averaged(all_of.norms), *every)
    return {"a": averaged(all_of.moved), "b": averaged(noise), "c": OutputPairs(all_of.outputs).average(rule, seed=0)}


def measured(
    model: str, name: str, images: int, draws: int, rng: np.random.Generator
) -> tuple[Array, Array, Array, Array, float | None]:
    """Draws one measurement: a, b at its own radius, ||tau x - x|| `[N, draws]` each, f(x), and d log <b> / d log r."""
    all_of = population(model)
    count, kept = all_of.moved.shape
    chosen = rng.integers(0, count, images)
    places = chosen[:, None], rng.integers(0, kept, (images, draws))
    norms = all_of.norms[places]
    radius = float(average(norms.reshape(-1, 1), Statistic(name)))
    few = chosen[:IMAGES], places[1][:IMAGES, 0]
    raised = np.stack([all_of.noise_at(factor * radius, *few) for factor in (1, LARGER)], axis=1)
    exponent = noise_exponent({OUTPUT: raised}, OUTPUT, name)
    return all_of.moved[places], all_of.noise_at(radius, *places), norms, all_of.outputs[chosen], exponent
