"""One measurement from names to numbers: the network, its images, the result. The command and every sweep call it."""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from ..adaptive import until_precise
from ..data import ImageSet, load_dataset
from ..ensemble import MaxEntropyEnsemble
from ..models import LoadedModel, Shape, chosen_device, resolve_model
from ..models.failing import told_as_value_error
from ..options import ENSEMBLE, MeasureOptions
from ..stability import measure
from ..streams import choose

if TYPE_CHECKING:
    from ..results import StabilityResult


class Watcher:
    """Is told how a measurement goes; this one keeps silent."""

    def begins(self, title: str) -> None:
        """Which network is measured on which images."""

    def moves(self, done: int, total: int) -> None:
        """So many images went through the network, of so many."""

    def notes(self, text: str) -> None:
        """What the user should know beside the numbers."""


def measure_cell(options: MeasureOptions, watcher: Watcher | None = None) -> "StabilityResult":
    """Loads what the options name, measures it, and names it in the result.

    Raises:
        ValueError: If anything named can't be had or the network fails on these images.
    """
    watcher = watcher or Watcher()
    device = chosen_device(options.device)
    dataset = load_dataset(options.dataset, split=options.split, data_dir=options.data_dir)
    ensemble = MaxEntropyEnsemble(dataset.shape[1:], **{name: getattr(options, name) for name in ENSEMBLE})
    loaded = resolve_model(
        options.model,
        Shape(*dataset.shape, dataset.classes),
        dataset=dataset.name,
        weights=options.weights,
        checkpoint=options.checkpoint,
        seed=options.seed,
    )
    network = loaded.network.to(device)

    def measured(images: int, draws: int) -> "StabilityResult":
        watcher.begins(_title(loaded, dataset, images, options, device))
        knobs = ("average", "noise_radius", "interpolation", "seed", "batch_size", "batch_norm", "resamples", "workers")
        with told_as_value_error(options.model, dataset.shape):
            return measure(
                network,
                dataset,
                ensemble,
                indices=choose(images, len(dataset), options.seed),
                draws=draws,
                progress=watcher.moves,
                **{name: getattr(options, name) for name in knobs},
            )

    count = min(options.images, len(dataset))
    if options.until_precision is None:
        result = measured(count, options.draws)
    else:
        limits = {"images": count, "total": len(dataset), "draws": options.draws}
        result = until_precise(measured, options.until_precision, **limits)
    return _named(result, loaded, dataset, watcher)


def _named(result: "StabilityResult", loaded: LoadedModel, dataset: ImageSet, watcher: Watcher) -> "StabilityResult":
    names = {"model": loaded.name, "model_source": loaded.source, "weights": loaded.weights, "weights_tag": loaded.tag}
    outputs = result.raw.outputs.shape[1]
    if result.test_error is not None and outputs != dataset.classes:
        watcher.notes(f"no test error: the network has {outputs} classes and {dataset.name} {dataset.classes}")
        result = replace(result, test_error=None)
    return replace(result, **names)  # type: ignore[arg-type]


def _title(loaded: LoadedModel, dataset: ImageSet, images: int, options: MeasureOptions, device: torch.device) -> str:
    """Which network this is, on which images."""
    few = f" (all there are; {options.images} asked for)" if len(dataset) < options.images else ""
    network = f"{loaded.source}:{loaded.name.split(':')[-1]}, weights: {loaded.weights}"
    return f"{network}; {images} images of {dataset.name}/{dataset.split}{few}; {device}"
