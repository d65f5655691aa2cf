"""Makes the depth profile of a measurement: D, G and R of each observed layer, and notes on the others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from ...checks import some
from ...options import ALL, AUTO
from ...results import LayerStability, LayerValues, RawValues
from ..memory import Note
from ..setup import Setup
from ..shuffled import low_frequency
from .gather import LayerChanges
from .names import OUTPUT

MOST_TOLD = 5  # layers that one note names


def layer_profile(
    network: Any,
    changes: LayerChanges | None,
    raw: RawValues,
    exponents: Mapping[str, float | None],
    estimates: dict[str, Any],
    setup: Setup,
    note: Note,
) -> tuple[tuple[LayerStability, ...] | None, LayerValues | None]:
    """Returns the layers in order of execution, and their raw values; None if no layers were asked for.

    A layer whose output is the network's own has the network's numbers. With `auto` and `all`, the profile always ends
    with the network's output.

    Args:
        network: The network that was observed.
        changes: Values of the observed layers.
        raw: Raw values of the network's output.
        exponents: Growth d log <b> / d log r of the change by noise, of each layer by name.
        estimates: D, G, R and, if it was measured, E of the network's output.
        setup: Setup of the measurement.
        note: Function that is called with the layers that could not be measured, and the reason.

    Raises:
        ValueError: If no layer that was asked for can be measured.
    """
    if changes is None or setup.layers is None:
        return None, None
    found = _measured(changes, raw, exponents, estimates, setup)
    shares = low_frequencies(network, changes)
    found = [replace(layer, low_frequency=shares[layer.name]) for layer in found]
    _tell_skipped(changes, setup, note)
    if setup.settings.layers in (AUTO, ALL) and not any(layer.is_output for layer in found):
        shape = raw.outputs.shape[1:]
        found.append(LayerStability(OUTPUT, 1.0, **estimates, shape=shape, part=None, is_output=True))
    return tuple(found), changes.values(raw.indices.tolist(), exponents)


def _measured(
    changes: LayerChanges,
    raw: RawValues,
    exponents: Mapping[str, float | None],
    estimates: dict[str, Any],
    setup: Setup,
) -> list[LayerStability]:
    """Returns the layers for which D, G and R are defined, and removes the others from the changes."""
    if not changes.layers:
        return []
    values = changes.values(raw.indices.tolist(), exponents)
    raw = replace(raw, layers=values)
    if not len(values.first):
        raise ValueError("each image ran alone, so layers have no pairs of images; take a larger batch_size")
    layers = changes.layers
    depths = relative_depths([layer.matrices for layer in layers], len(changes.ran))
    settings = setup.settings
    chosen: dict[str, Any] = {"resamples": settings.resamples, "seed": settings.seed}
    chosen["radius_average"] = settings.average
    found = []
    for place, (layer, depth) in enumerate(zip(layers, depths, strict=True)):
        own = layer.name in changes.outputs
        try:
            numbers = estimates if own else raw.numbers(setup.statistic, layer=place, **chosen)
        except ValueError as error:
            changes.leave_out(layer.name, str(error).replace("the network's output", "its output"))
            continue
        found.append(LayerStability(layer.name, depth, **numbers, shape=layer.shape, part=layer.part, is_output=own))
    return found


def low_frequencies(network: nn.Module, changes: LayerChanges) -> dict[str, float | None]:
    """Returns `low_frequency` of the convolutions that ran between each layer and those before it, by layer."""
    modules, layers = list(network.modules()), changes.layers or ()
    ends = sorted({0, *(layer.matrices for layer in layers)})
    since = dict(zip(ends[1:], ends, strict=False))  # where the layers before end
    return {
        layer.name: low_frequency(
            modules[place] for place in changes.ran[since.get(layer.matrices, 0) : layer.matrices]
        )
        for layer in layers
    }


def _tell_skipped(changes: LayerChanges, setup: Setup, note: Note) -> None:
    """Notes the layers without numbers, including those that never ran. Raises ValueError if no layer has numbers."""
    assert setup.layers is not None
    ran = {layer.name.partition(":")[0] for layer in changes.layers or ()}
    ran |= {name.partition(":")[0] for name in changes.skipped}
    never = {name: "it never runs in the forward pass" for name in setup.layers if name not in ran}
    skipped = {**changes.skipped, **never}
    if not changes.layers:
        told = "; ".join(f"{name}: {why}" for name, why in list(skipped.items())[:MOST_TOLD])
        raise ValueError(f"no layer can be measured ({told}); choose others, or auto")
    for why in dict.fromkeys(skipped.values()):
        names = [name for name, own in skipped.items() if own == why]
        note(f"layers without numbers: {some(names, MOST_TOLD)}: {why}")


def relative_depths(matrices: Sequence[int], total: int) -> list[float]:
    """Returns the depth of each layer, 0 to 1, from the number of layers with weights that ran up to its end.

    A network with fewer than two such layers gets equal distances.

    Args:
        matrices: Number of layers with weights that ran up to the end of each layer.
        total: Number of layers with weights in the network.

    >>> relative_depths([0, 1, 3, 5], total=5), relative_depths([0, 0, 0], total=0)
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0])
    """
    if total < 2:
        return [place / max(1, len(matrices) - 1) for place in range(len(matrices))]
    return [max(0, count - 1) / (total - 1) for count in matrices]
