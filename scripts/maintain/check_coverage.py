"""Count how often the 95 % intervals contain the population's value, in simulations where that is known.

    python scripts/maintain/check_coverage.py images --output docs/coverage-images.csv
    python scripts/maintain/check_coverage.py kept --output docs/coverage-kept.csv
    python scripts/maintain/check_coverage.py comparisons --output docs/coverage-comparisons.csv
    python scripts/maintain/check_coverage.py ranks --output docs/coverage-ranks.csv
    python scripts/maintain/check_coverage.py networks --output docs/coverage-networks.csv

There are three laws. `linear`: f(x) = A x on Gaussian images, so all squared changes are weighted sums of squared
normal numbers. `heavy`: images have unequal contrast (log-normal), changes are multiplied by log-normal factors of the
image and of the draw, outputs follow Student's t. `power`: changes by deformation and noise are multiplied by a common
factor of the image, those by deformation by another one, both inverse chi-squares, and outputs follow Student's t. True
values follow in closed form for means, and from 4 million draws for medians. Two networks that are compared have the
same law and share a log-normal factor of each image, so the true ratio of R is 1. Ten networks that are ranked share
that factor too; each R is 2 % above the one before.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from kept_population import NETWORKS as KEPT
from kept_population import measured, population, true_values

from diffstab.cli import OneLineErrors
from diffstab.figures.drawing import table_csv
from diffstab.statistics import (
    Array,
    Interval,
    OutputPairs,
    PairedSample,
    SampledRadius,
    Statistic,
    average,
    compare_pair,
    correlation_interval,
    fitted_power_law,
    rank,
    stability,
)
from diffstab.writing import write_atomically

OUTPUTS, MODES, PIXELS = 10, 20, 784
GAINS = 1 / np.arange(1, OUTPUTS + 1)  # squared gains of the outputs
DISPLACED = np.arange(1, MODES + 1) ** -1.5  # variances of tau x - x
SIGNAL = 4 / np.arange(1, OUTPUTS + 1)  # variances of x in the directions that f sees
CONTRAST, OF_IMAGE, OF_DRAW, FREEDOM = 0.5, 1.0, 0.5, 5
LINEAR = 2.0  # d log <b> / d log r of each law
LAWS = [(law, name) for law in ("linear", "heavy") for name in ("mean", "median")] + [("power", "mean")]
SIZES, DRAWS, NETWORKS = (100, 500), (1, 4), (4, 6, 10, 15)
COMPARED = (20, 100, 500)  # images; comparisons may use fewer
RANKED, APART = 10, 1.02  # networks, and the ratio of R from one to the next
TRUTH_OF = 4_000_000
WITHOUT = 200  # repetitions with further intervals that take the radius as exact, to compare their lengths


class Sample(NamedTuple):
    """Squared changes a and b `[N, draws]` (b for noise of norm 1), norms ||tau x - x||, and f(x) `[N, outputs]`."""

    a: Array
    b: Array
    norms: Array
    outputs: Array


def drawn(law: str, images: int, draws: int, rng: np.random.Generator) -> Sample:
    """Draws a measurement's raw values from a law, `linear`, `heavy` or `power`."""
    heavy = law == "heavy"
    scale = np.exp(CONTRAST * rng.normal(size=(images, 1))) if heavy else np.ones((images, 1))
    squares = rng.normal(size=(images, draws, MODES)) ** 2 * DISPLACED
    noise = rng.normal(size=(images, draws, OUTPUTS)) ** 2
    a = scale**2 * (squares[..., :OUTPUTS] @ GAINS)
    b = noise @ GAINS / (noise.sum(-1) + rng.chisquare(PIXELS - OUTPUTS, (images, draws)))  # eta on the sphere
    outputs = scale * rng.normal(size=(images, OUTPUTS)) * np.sqrt(SIGNAL * GAINS)
    if heavy:
        factor = np.exp(OF_IMAGE * rng.normal(size=(images, 1)))
        a, b = (v * factor * np.exp(OF_DRAW * rng.normal(size=(images, draws))) for v in (a, b))
    if law == "power":
        factor, own = (FREEDOM - 2) / rng.chisquare(FREEDOM, (2, images, 1))
        a, b = a * factor * own, b * factor
    if law != "linear":
        outputs = outputs * np.sqrt((FREEDOM - 2) / rng.chisquare(FREEDOM, (images, 1)))
    return Sample(a, b, scale * np.sqrt(squares.sum(-1)), outputs)


def truth(law: str, name: str) -> dict[str, float]:
    """Returns the population's <a>, <b> for noise of norm 1, <c>, and noise radius."""
    rng, heavy = np.random.default_rng(99), law == "heavy"
    parts = [drawn(law, TRUTH_OF // 40, 1, rng) for _ in range(40)]
    pairs = [np.square(part.outputs[::2] - part.outputs[1::2]).sum(1) for part in parts]
    columns = {"a": [p.a for p in parts], "b": [p.b for p in parts], "c": pairs, "radius": [p.norms for p in parts]}
    found = {key: float(_average(np.concatenate([v.ravel() for v in own]), name)) for key, own in columns.items()}
    if name == "mean":
        contrast, factor = (np.exp(2 * CONTRAST**2), np.exp((OF_IMAGE**2 + OF_DRAW**2) / 2)) if heavy else (1, 1)
        found["a"] = contrast * factor * float(GAINS @ DISPLACED[:OUTPUTS])
        found["b"] = factor * GAINS.sum() / PIXELS
        found["c"] = 2 * contrast * float(SIGNAL @ GAINS)
    return found


def _average(values: Array, name: str) -> Array:
    return average(values[:, None], Statistic(name))


def held(cell: tuple[str, str, int, int], true: dict[str, float], resamples: int, seed: int) -> dict[str, float]:
    """Returns whether a measurement's intervals contain the population's D, G and R, and the lengths for G and R."""
    law, name, images, draws = cell
    sample = drawn(law, images, draws, np.random.default_rng([seed, images, draws]))
    radius = float(_average(sample.norms.ravel(), name))
    b = true["radius"] ** 2 * true["b"]
    measured = sample.a, radius**2 * sample.b, sample.norms, sample.outputs, LINEAR
    return _held(name, measured, {**true, "b": b}, resamples, seed)


def held_by_kept(cell: tuple[str, str, int, int], resamples: int, seed: int) -> dict[str, float]:
    """Returns whether intervals contain D, G and R for a measurement of a kept network."""
    model, name, images, draws = cell
    found = measured(model, name, images, draws, np.random.default_rng([seed, images, draws]))
    return _held(name, found, true_values(model, name), resamples, seed)


def _held(
    name: str,
    measured: tuple[Array, Array, Array, Array, float | None],
    true: dict[str, float],
    resamples: int,
    seed: int,
) -> dict[str, float]:
    a, b, norms, outputs, exponent = measured
    radius = None if exponent is None else SampledRadius(norms, exponent, name)
    options = {"resamples": resamples, "seed": seed}
    changes = a[..., None], b[..., None], OutputPairs(outputs), Statistic(name)
    found = stability(*changes, radius=radius, **options)
    wanted = {"D": true["a"] / true["c"], "G": true["b"] / true["c"], "R": true["a"] / true["b"]}
    inside = {key: 100.0 * _holds(found[key], value) for key, value in wanted.items()}
    if seed >= WITHOUT:
        return inside
    given = stability(*changes, **options)
    return {**inside, **{f"length of {key}": 100 * _length(found[key]) / _length(given[key]) for key in ("G", "R")}}


def _length(interval: Interval) -> float:
    """Returns the length of an interval on a logarithmic axis."""
    return float(np.log(interval.high / interval.low))


def held_in_comparison(cell: tuple[str, str, int, int], resamples: int, seed: int) -> dict[str, bool]:
    """Returns whether the interval of R_first / R_second of equal networks contains 1, and whether p >= 0.05."""
    law, name, images, draws = cell
    both = equal_networks(2, law, images, draws, np.random.default_rng([seed, images, draws]))
    found = compare_pair([both[0]], [both[1]], Statistic(name), resamples=resamples, seed=seed)
    return {"ratio": _holds(found.ratio, 1.0), "p": found.p_value >= 0.05}


def held_in_ranking(cell: tuple[str, str, int, int], resamples: int, seed: int) -> dict[str, bool]:
    """Returns whether the rank's interval contains the true rank, for the first, a middle and the last network."""
    law, name, images, draws = cell
    equal = equal_networks(RANKED, law, images, draws, np.random.default_rng([seed, images, draws]))
    samples = {str(k): [PairedSample(APART**k * one.deformation, one.noise)] for k, one in enumerate(equal)}
    ranked = {int(one.name): one for one in rank(samples, Statistic(name), resamples=resamples, seed=seed)}
    places = {"first": 0, "middle": RANKED // 2, "last": RANKED - 1}
    return {place: ranked[k].rank_low <= k + 1 <= ranked[k].rank_high for place, k in places.items()}


def equal_networks(count: int, law: str, images: int, draws: int, rng: np.random.Generator) -> list[PairedSample]:
    """Draws networks of equal R on the same images: a factor of each image is common to the changes of all."""
    common = np.exp(OF_IMAGE * rng.normal(size=(images, 1, 1)))
    samples = (drawn(law, images, draws, rng) for _ in range(count))
    return [PairedSample(common * one.a[..., None], common * one.b[..., None]) for one in samples]


def held_over_networks(cell: tuple[str, float, int], seed: int) -> dict[str, bool]:
    """Returns whether intervals contain the true correlation of logarithms, and a power law's exponent and factor."""
    law, correlation, networks = cell
    rng = np.random.default_rng([seed, networks, int(100 * correlation)])
    normal: Callable[..., Array] = rng.normal if law == "normal" else partial(rng.standard_t, FREEDOM)
    scale = 1 if law == "normal" else np.sqrt((FREEDOM - 2) / FREEDOM)
    x, other = (scale * normal(size=networks) for _ in range(2))
    y = correlation * x + np.sqrt(1 - correlation**2) * other
    fit = fitted_power_law(np.exp(x), np.exp(y))
    inside = {"exponent": _holds(fit.exponent, correlation), "factor": _holds(fit.factor, 1.0)}
    return {"correlation": _holds(correlation_interval(np.exp(x), np.exp(y)), correlation), **inside}


def _holds(interval: Interval, value: float) -> bool:
    return interval.low <= value <= interval.high


def shares(found: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Returns percentages by key: the share of True, or the mean of values that are percentages already."""
    return {key: round(float(np.mean([_percent(one[key]) for one in found if key in one])), 2) for key in found[0]}


def _percent(value: Any) -> float:
    return 100.0 * value if isinstance(value, (bool, np.bool_)) else float(value)


def over_images(repetitions: int, resamples: int, pool: Executor) -> Iterator[dict[str, Any]]:
    """Yields a line for each law, average, number of images and of draws."""
    for law, name in LAWS:
        true = truth(law, name)
        for cell in ((law, name, images, draws) for images in SIZES for draws in DRAWS):
            found = pool.map(partial(held, cell, true, resamples), range(repetitions), chunksize=20)
            row = dict(zip(("law", "average", "images", "draws"), cell, strict=True))
            yield {**row, **shares(list(found)), "repetitions": repetitions, "resamples": resamples}


def over_kept(repetitions: int, resamples: int, pool: Executor) -> Iterator[dict[str, Any]]:
    """Yields a line for each kept network, average, number of images and of draws."""
    for model in KEPT:
        population(model)  # before the pool's processes are forked, which then share them
    for model in KEPT:
        cells = ((model, name, images, draws) for name in ("mean", "median") for images in SIZES for draws in DRAWS)
        for cell in cells:
            found = pool.map(partial(held_by_kept, cell, resamples), range(repetitions), chunksize=20)
            row = dict(zip(("network", "average", "images", "draws"), cell, strict=True))
            yield {**row, **shares(list(found)), "repetitions": repetitions, "resamples": resamples}


def over_comparisons(repetitions: int, resamples: int, pool: Executor) -> Iterator[dict[str, Any]]:
    """Yields a line for each law, average, number of images and of draws."""
    yield from _compared(held_in_comparison, COMPARED, DRAWS, repetitions, resamples, pool)


def over_ranks(repetitions: int, resamples: int, pool: Executor) -> Iterator[dict[str, Any]]:
    """Yields a line for each law and average, with one draw of each image."""
    yield from _compared(held_in_ranking, COMPARED[1:2], DRAWS[:1], repetitions, resamples, pool)


def _compared(
    held: Callable[..., dict[str, bool]],
    sizes: Sequence[int],
    draws: Sequence[int],
    repetitions: int,
    resamples: int,
    pool: Executor,
) -> Iterator[dict[str, Any]]:
    for cell in ((*law, images, count) for law in LAWS for images in sizes for count in draws):
        found = pool.map(partial(held, cell, resamples), range(repetitions), chunksize=20)
        row = dict(zip(("law", "average", "images", "draws"), cell, strict=True))
        yield {**row, **shares(list(found)), "repetitions": repetitions, "resamples": resamples}


def over_networks(repetitions: int, resamples: int, pool: Executor) -> Iterator[dict[str, Any]]:
    """Yields a line for each law, true correlation and number of networks."""
    for cell in ((law, rho, n) for law in ("normal", "t") for rho in (0.0, 0.7, 0.95) for n in NETWORKS):
        found = pool.map(partial(held_over_networks, cell), range(repetitions), chunksize=20)
        row = dict(zip(("law", "true correlation", "networks"), cell, strict=True))
        yield {**row, **shares(list(found)), "repetitions": repetitions}


PARTS = {
    "images": over_images,
    "kept": over_kept,
    "comparisons": over_comparisons,
    "ranks": over_ranks,
    "networks": over_networks,
}


@click.command(cls=OneLineErrors)
@click.argument("part", type=click.Choice(list(PARTS)))
@click.option("--repetitions", default=2000, show_default=True)
@click.option("--resamples", default=1000, show_default=True, help="Bootstrap resamples for the intervals over images.")
@click.option("--jobs", default=2, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Also write the table to this CSV file.")
def main(part: str, repetitions: int, resamples: int, jobs: int, output: Path | None) -> None:
    """Print the percentage of intervals that contain the true value: of D, G, R, comparisons, ranks, or fits."""
    table = []
    with ProcessPoolExecutor(jobs) as pool:
        for row in PARTS[part](repetitions, resamples, pool):
            click.echo(", ".join(f"{key} {value}" for key, value in row.items()))
            table.append(row)
    if output is not None:
        write_atomically(output, table_csv(table))


if __name__ == "__main__":
    main()
