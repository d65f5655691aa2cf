"""Measures R_f of every network in pretrained/, trained and at initialisation, and prints one table.

python scripts/measure_pretrained.py
"""

from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from diffstab import MaxEntropyEnsemble, StabilityResult, load_dataset, load_model, measure
from diffstab.models import read_manifest
from diffstab.options import DEFAULT_DELTA, DEFAULT_IMAGES, DEFAULTS
from diffstab.streams import choose


def measure_one(entry: Mapping[str, Any], weights: str, images: int, seed: int) -> StabilityResult:
    """Measures as `diffstab measure --model MODEL --dataset DATASET --weights WEIGHTS` does."""
    model, dataset, data_dir = entry["model"], entry["dataset"], entry["recipe"].get("data_dir")
    data = load_dataset(dataset, data_dir=data_dir)
    network = load_model(model, dataset=dataset, data_dir=data_dir, weights=weights, seed=seed)
    click.echo(f"measuring {model}, {weights}, on {images} images of {dataset}", err=True)
    return measure(
        network,
        data,
        MaxEntropyEnsemble(data.shape[1:], delta=DEFAULT_DELTA),
        indices=choose(images, len(data), seed),
        seed=seed,
        batch_norm="batch" if weights == "init" else "running",
    )


def shown(result: StabilityResult) -> str:
    value, low, high = result.R
    return f"{value:.3g}  ({low:.3g} to {high:.3g})"


@click.command(context_settings={"show_default": True})
@click.option("--images", default=DEFAULT_IMAGES)
@click.option("--seed", default=DEFAULTS.seed)
def main(images: int, seed: int) -> None:
    title = "relative stability R_f (95 % interval); lower is more stable"
    table = Table(title=title, box=None, title_justify="left", header_style="bold")
    for column in ("network", "images", "test error", "R_f trained", "R_f at initialisation"):
        table.add_column(column)
    for entry in read_manifest():
        trained, fresh = (measure_one(entry, weights, images, seed) for weights in ("pretrained", "init"))
        assert trained.test_error is not None
        error = f"{trained.test_error.value:.1%}"
        table.add_row(entry["model"], f"{trained.images} {entry['dataset']}", error, shown(trained), shown(fresh))
    Console(highlight=False, width=100).print(table)


if __name__ == "__main__":
    main()
