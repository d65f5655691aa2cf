"""What is gathered of the layers over all batches: squared changes by image, distances of pairs, running sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...precision import sent
from ...results import LayerValues
from ...statistics import Array
from .moments import neighbours
from .observe import Observed, Seen

NOT_ALWAYS = "it was there for some batches and not for others"


@dataclass(frozen=True)
class Layer:
    """What stays the same from batch to batch; see `observe.Seen`."""

    name: str
    matrices: int
    shape: tuple[int, ...]
    part: str | None


@dataclass(frozen=True)
class BatchOfLayers:
    """Of one batch; arrays by layer but for the sums, which stay where the network is.

    Attributes:
        squares: `[B, L, G - 1]`: by deformation and by noise in turn.
        pairs: `[L, P]`.
    """

    layers: tuple[Layer, ...]
    skipped: dict[str, str]
    outputs: frozenset[str]
    matrices: int
    squares: Array
    pairs: Array
    totals: list[Tensor]
    spreads: Tensor


def batch_of_layers(seen: Observed, output: Tensor) -> BatchOfLayers:
    """What was seen of one batch, in one copy to the host; sums stay. Layers that are not finite are skipped."""
    if not seen.layers:
        squares, pairs = np.empty((0, 0, 0)), np.empty((0, 0))
        return BatchOfLayers((), seen.skipped, frozenset(), seen.matrices, squares, pairs, [], output.new_zeros(0))
    moments = [one.moments for one in seen.layers]
    table = torch.stack([torch.cat([one.squares.flatten(), one.pairs]) for one in moments]).cpu().numpy()
    images, changes = moments[0].squares.shape
    squares = table[:, : images * changes].reshape(-1, images, changes).swapaxes(0, 1)
    finite = np.asarray(np.isfinite(squares).all((0, 2)))
    kept = [one for one, good in zip(seen.layers, finite, strict=True) if good]
    skipped = {one.name: "its values are not finite" for one, good in zip(seen.layers, finite, strict=True) if not good}
    return BatchOfLayers(
        tuple(_described(one) for one in kept),
        {**seen.skipped, **skipped},
        seen.gave(output),
        seen.matrices,
        squares[:, finite],
        table[finite, images * changes :],
        [one.moments.total for one in kept],
        torch.stack([one.moments.spread for one in kept]) if kept else output.new_zeros(0),
    )


def _described(one: Seen) -> Layer:
    return Layer(one.name, one.matrices, one.shape, one.part)


@dataclass
class LayerChanges:
    """Of all batches so far, or of all processes.

    Attributes:
        layers: Those seen in every batch, in the order of execution; None before the first.
        skipped: Why others can't be measured, by name.
        outputs: The layers whose output is the network's own.
        matrices: How many layers with weights ran in a forward pass.
        squares: By batch, `[B, L, G - 1]`.
        keys: By batch, the index of each image.
        distances: By batch, `[L, P]`.
        totals: The sum of h(x) over the images, by layer.
        spreads: The sum of ||h(x) - mean||^2, `[L]`; as the totals, where the network is.
    """

    layers: tuple[Layer, ...] | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    matrices: int = 0
    squares: list[Array] = field(default_factory=list)
    keys: list[NDArray[np.int64]] = field(default_factory=list)
    distances: list[Array] = field(default_factory=list)
    totals: list[Tensor] = field(default_factory=list)
    spreads: Tensor = field(default_factory=lambda: torch.zeros(0))

    def add(self, keys: NDArray[np.int64], batch: BatchOfLayers) -> None:
        """Takes in a batch."""
        one = LayerChanges(
            batch.layers,
            dict(batch.skipped),
            batch.outputs,
            batch.matrices,
            [batch.squares],
            [keys],
            [batch.pairs],
            [total.clone() for total in batch.totals],
            batch.spreads,
        )
        self.join(one)

    def join(self, other: "LayerChanges") -> None:
        """Takes in what another one gathered."""
        if other.layers is None:
            return
        if self.layers is None:
            self.__dict__.update(other.__dict__)
            return
        if self.layers != other.layers:
            names = {one for one in self.layers if one in other.layers}
            for lost in {one.name for one in (*self.layers, *other.layers) if one not in names}:
                self.skipped[lost] = NOT_ALWAYS
            self._keep(names)
            other._keep(names)
        self.skipped = {**other.skipped, **self.skipped}
        self.outputs &= other.outputs
        own, more = (sum(map(len, one.keys)) for one in (self, other))
        both = [(mine, sent(theirs, mine.device)) for mine, theirs in zip(self.totals, other.totals, strict=True)]
        if both:
            apart = torch.stack([(theirs / more - mine / own).square().sum() for mine, theirs in both])
            self.spreads = self.spreads + sent(other.spreads, apart.device) + apart * (own * more / (own + more))
        for mine, theirs in both:
            mine += theirs
        self.squares += other.squares
        self.keys += other.keys
        self.distances += other.distances

    def _keep(self, wanted: set[Layer]) -> None:
        assert self.layers is not None
        places = [place for place, one in enumerate(self.layers) if one in wanted]
        self.layers = tuple(self.layers[place] for place in places)
        self.squares = [squares[:, places] for squares in self.squares]
        self.distances = [distances[places] for distances in self.distances]
        self.totals, self.spreads = [self.totals[place] for place in places], self.spreads[places]

    def on_host(self) -> "LayerChanges":
        """With its sums on the CPU, to go to other processes."""
        self.totals, self.spreads = [total.cpu() for total in self.totals], self.spreads.cpu()
        return self

    def leave_out(self, name: str, why: str) -> None:
        """Skips a layer after all."""
        self.skipped[name] = why
        self._keep({one for one in self.layers or () if one.name != name})

    def values(self, order: Sequence[int], exponents: Mapping[str, float | None]) -> LayerValues:
        """With images in the order of these indices, and d log <b> / d log r of each layer by name."""
        place = {key: n for n, key in enumerate(order)}
        here = np.concatenate([[place[int(key)] for key in keys] for keys in self.keys])
        squares = np.empty_like(whole := np.concatenate(self.squares))
        squares[here] = whole
        starts = np.cumsum([0, *(len(keys) for keys in self.keys)])
        pairs = [neighbours(len(keys)).numpy() + start for keys, start in zip(self.keys, starts, strict=False)]
        first, second = (here[one] for one in np.concatenate(pairs, axis=1))
        return LayerValues(
            squares[..., 0::2],
            squares[..., 1::2],
            first.astype(np.int64),
            second.astype(np.int64),
            np.concatenate(self.distances, axis=1),
            2 * self.spreads.cpu().numpy() / (len(here) - 1),
            _in_order(exponents, self.layers or ()),
        )


def _in_order(exponents: Mapping[str, float | None], layers: Sequence[Layer]) -> Array | None:
    """NaN where an exponent is not known; None where none is."""
    found = [exponents.get(layer.name) for layer in layers]
    return None if not any(found) else np.array([np.nan if one is None else one for one in found])
