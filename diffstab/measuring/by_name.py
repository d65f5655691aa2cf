"""One measurement from names to numbers: loads network and images, measures. The command and every sweep use it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..data import ImageSet, MatchedImages, load_dataset
from ..models import LoadedModel, Override, Shape, label_map, resolve_model
from ..options import DIFFEO, ONNX, MeasureOptions, is_inside
from ..perturbations import GivenPairs, Transformation, perturbation
from ..processes import ALONE, Processes, chosen_device, local_device, taking_turns
from ..provenance import network_sha256, weights_sha256
from ..results import OF_DEFORMATIONS, weights_shown
from ..streams import choose
from .adaptive import until_precise
from .arguments import Given
from .forward import told_as_value_error
from .measure import measure_given
from .modules import network_in, plain

if TYPE_CHECKING:
    from ..results import StabilityResult


class Reporter:
    """Receives the progress of a measurement; this base class ignores it."""

    def begins(self, title: str) -> None:
        """Called at the start, with network and images as text."""

    def moves(self, done: int, total: int) -> None:
        """Called with the number of forward passes done, and their total."""

    def notes(self, text: str) -> None:
        """Called with a warning for the user."""

    def notes_once(self, text: str) -> None:
        """Passes a note on unless it came before: with `until_precision` a network is measured several times."""
        told: set[str] = self.__dict__.setdefault("_told", set())
        if text not in told:
            told.add(text)
            self.notes(f"note: {text}")


@taking_turns()
def measure_cell(
    options: MeasureOptions, reporter: Reporter | None = None, processes: Processes = ALONE
) -> "StabilityResult":
    """Loads the network and images that the options name, measures, and puts their names into the result.

    Raises:
        ValueError: If a network, its weights or the data set can't be loaded, or the network fails on these images.
    """
    reporter = reporter or Reporter()
    device = chosen_device(local_device(options.device) if processes.count > 1 else options.device)
    dataset = _images(options, processes)
    loaded = _model(options, dataset)
    images = (
        dataset if loaded.preprocessing in (None, dataset.preprocessing) else dataset.prepared(loaded.preprocessing)
    )
    options = options.in_pixels(*images.shape[1:])
    transformation = _transformation(options, images)
    network = _placed(loaded, options, device)
    count = min(options.images, len(images))
    about = _about(images, choose(count, len(images), options.seed).tolist())

    def measured(count: int, draws: int) -> "StabilityResult":
        reporter.begins("\n".join([_title(loaded, images, count, options, device), *about]))
        about.clear()  # told once
        with told_as_value_error(options.model, images.shape):
            given = Given(
                network,
                images,
                label_outputs=lambda outputs: _label_outputs(loaded, images, outputs),
                count=count,
                workers=options.workers,
                device=device,
                progress=reporter.moves,
                note=reporter.notes_once,
                processes=processes,
            )
            return measure_given(given, transformation, replace(options, draws=draws))

    if options.until_precision is None:
        result = measured(count, options.draws)
    else:
        limits = {"images": count, "total": len(images), "draws": options.draws}
        result = until_precise(measured, options.until_precision, **limits)
    return _named(result, loaded, images, reporter)


@taking_turns()
def network_hashes(options: MeasureOptions) -> tuple[str | None, str | None]:
    """Returns `network_sha256` and `weights_sha256` of the network that the options name, without running it.

    Raises:
        ValueError, TypeError: If the network can't be loaded, as in `measure_cell`.
    """
    loaded = _model(options, _images(options, ALONE))
    placed = plain(network_in(_placed(loaded, replace(options, compile=False), torch.device("cpu"))))
    return network_sha256(placed), weights_sha256(placed)


def _images(options: MeasureOptions, processes: Processes) -> ImageSet:
    """Loads the data set; of several processes, only the first one downloads it."""

    def load(download: bool) -> ImageSet:
        return load_dataset(options.dataset, split=options.split, data_dir=options.data_dir, download=download)

    if options.download and processes.count > 1:
        processes.gathered(lambda: load(True).name if processes.first else None)
        return load(False)
    return load(options.download)


def _model(options: MeasureOptions, dataset: ImageSet) -> LoadedModel:
    return resolve_model(
        options.model,
        Shape(*dataset.shape, dataset.classes),
        dataset=dataset.name,
        weights=options.weights,
        checkpoint=options.checkpoint,
        weights_key=options.weights_key,
        num_classes=options.num_classes,
        in_chans=options.in_chans,
        model_kwargs=options.arguments,
        usual=dataset.preprocessing,
        override=Override(**options.override),
        seed=options.seed,
        trust=options.trusted,
    )


def _transformation(options: MeasureOptions, images: ImageSet) -> Transformation:
    """Makes the transformation; those that are no deformations take delta alone of what the options fill in."""
    if options.changed_dir is not None:
        return GivenPairs(MatchedImages(images, options.changed_dir))
    names = ("delta", "convention", *OF_DEFORMATIONS) if options.transform == DIFFEO else ("delta",)
    return perturbation(options.transform, images.shape[1:], **{name: getattr(options, name) for name in names})


def _placed(loaded: LoadedModel, options: MeasureOptions, device: torch.device) -> Any:
    """Moves the network to its device, precision and memory layout, and compiles it if asked to."""
    network = loaded.network
    if not isinstance(network, nn.Module):
        return network
    if loaded.source == ONNX and (options.amp or options.batch_norm == "batch"):
        asked = "amp is on" if options.amp else "batch_norm is 'batch'"
        raise ValueError(f"{asked} and {loaded.name} is a graph that computes as it was exported; leave it out")
    for name, chosen in (("layers", options.layers), ("of", options.of if is_inside(options.of) else None)):
        if options.compile and chosen is not None:
            raise ValueError(
                f"compile is on and {name} is {chosen!r}, but a compiled network hides its layers; give one of the two"
            )
    network.to(device, getattr(torch, options.precision))
    if options.channels_last:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if options.compile:
        network.compile()
    return network


def _label_outputs(loaded: LoadedModel, images: ImageSet, outputs: int) -> list[int] | None:
    if loaded.head is not None:  # random, or not there
        return None
    return label_map(images.classes, images.class_names, outputs, loaded.label_names)


def _named(result: "StabilityResult", loaded: LoadedModel, images: ImageSet, reporter: Reporter) -> "StabilityResult":
    for text in (*loaded.notes, *filter(None, [loaded.assumed])):
        reporter.notes(f"note: {text}")
    if images.classes and result.test_error is None:
        reporter.notes(f"no test error: {_why_no_error(loaded, images, result)}")
    if result.output is not None:
        several = "" if is_inside(result.settings.of) else "the network returns several outputs; "
        reporter.notes(f"note: {several}f(x) is {result.output}")
    if loaded.head == "none":  # the largest feature is no class
        none: dict[str, Any] = dict.fromkeys(("flips_deformation", "flips_noise"))
        result = replace(result, **none, raw=replace(result.raw, **none))
    names = {"model": loaded.name, "model_source": loaded.source, "weights": loaded.weights, "weights_tag": loaded.tag}
    more = {"weights_key": loaded.weights_key, "head": loaded.head, "model_options": loaded.options}
    return replace(result, **names, **more)  # type: ignore[arg-type]


def _why_no_error(loaded: LoadedModel, images: ImageSet, result: "StabilityResult") -> str:
    settings = result.settings
    if is_inside(settings.of):
        return f"of is {settings.of!r} and interpolation is {settings.interpolation!r}, which smooths the images"
    if loaded.head is not None:
        return "the network's head is random" if loaded.head == "init" else "the network has no head, only features"
    return f"the network has {result.raw.outputs.shape[1]} outputs and {images.name} {images.classes} classes"


def _title(loaded: LoadedModel, images: ImageSet, count: int, options: MeasureOptions, device: torch.device) -> str:
    """The title of a measurement: network, images, device and preprocessing."""
    few = f" (all there are; {options.images} asked for)" if len(images) < options.images else ""
    shown = loaded.name if ":" in loaded.name else f"{loaded.source}:{loaded.name}"
    network = f"{shown}, weights: {weights_shown(loaded.weights, loaded.weights_key, loaded.head)}"
    split = f"/{images.split}" if images.split else ", which has no splits"
    return f"{network}; {count} images of {images.name}{split}{few}; {device}\ninput: {images.preprocessing}"


def _about(images: ImageSet, measured: list[int]) -> list[str]:
    """Lines about the image files: their folder, their classes, and warnings."""
    turned = images.orientation_note(measured)
    contents = [f"images in {images.contents}"] if images.contents else []
    return [*contents, *(f"note: {text}" for text in [*images.notes, *([turned] if turned else [])])]
