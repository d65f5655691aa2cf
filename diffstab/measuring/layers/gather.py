"""Gathers values of the layers over all batches: squared changes by image, distances of pairs, running sums."""

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
from .observe import Layer, Observed

NOT_ALWAYS = "it was there for some batches and not for others"


@dataclass
class LayerChanges:
    """Per-layer values of B images in a batch, in all batches so far, or in all processes; h(x) is a layer's output.

    Attributes:
        layers: The L layers seen in every batch, in the order of execution; None before the first batch.
        skipped: Reasons why other layers can't be measured, by name.
        outputs: Names of layers whose output is the network's own.
        ran: Layers with weights, by their place among the network's modules, as they ran in a forward pass.
        squares: Squared changes `[B, L, G - 1]` of each batch in G - 1 changes: by deformation and by noise in turn.
        followed: Squared differences of maps moved along, and their floors, `[B, L, draws, 3]` of each batch; NaN for
            layers where they are not measured.
        keys: Indices of the images of each batch.
        distances: Squared distances `[L, P]` of pairs of images of each batch.
        totals: Sum of h(x) over the images, by layer, on the network's device.
        spreads: Sum of ||h(x) - mean||^2 over the images, `[L]`, on the network's device.
    """

    layers: tuple[Layer, ...] | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    ran: Sequence[int] = ()
    squares: list[Array] = field(default_factory=list)
    followed: list[Array] = field(default_factory=list)
    keys: list[NDArray[np.int64]] = field(default_factory=list)
    distances: list[Array] = field(default_factory=list)
    totals: list[Tensor] = field(default_factory=list)
    spreads: Tensor = field(default_factory=lambda: torch.zeros(0))

    @property
    def follow(self) -> bool:
        """True if some layer was compared with its map moved along."""
        return any(bool(np.isfinite(part).any()) for part in self.followed)

    def join(self, other: "LayerChanges | None") -> None:
        """Adds the values that another `LayerChanges` gathered, if it has any."""
        if other is None or other.layers is None:
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
        self.followed += other.followed
        self.keys += other.keys
        self.distances += other.distances

    def _keep(self, wanted: set[Layer]) -> None:
        assert self.layers is not None
        places = [place for place, one in enumerate(self.layers) if one in wanted]
        self.layers = tuple(self.layers[place] for place in places)
        self.squares, self.followed = ([part[:, places] for part in parts] for parts in (self.squares, self.followed))
        self.distances = [distances[places] for distances in self.distances]
        self.totals, self.spreads = [self.totals[place] for place in places], self.spreads[places]

    def on_host(self) -> "LayerChanges":
        """Moves the sums to the CPU, to send them to other processes; returns itself."""
        self.totals, self.spreads = [total.cpu() for total in self.totals], self.spreads.cpu()
        return self

    def leave_out(self, name: str, why: str) -> None:
        """Removes a layer, with the reason."""
        self.skipped[name] = why
        self._keep({one for one in self.layers or () if one.name != name})

    def values(self, order: Sequence[int], exponents: Mapping[str, float | None]) -> LayerValues:
        """Returns the values with images in the order of indices `order`.

        Args:
            order: Indices of all images.
            exponents: Growth d log <b> / d log r of the change by noise, of each layer by name.
        """
        place = {key: n for n, key in enumerate(order)}
        here = np.concatenate([[place[int(key)] for key in keys] for keys in self.keys])
        squares, followed = (np.concatenate(parts)[here.argsort()] for parts in (self.squares, self.followed))
        starts = np.cumsum([0, *(len(keys) for keys in self.keys)])
        pairs = [neighbours(len(keys)).numpy() + start for keys, start in zip(self.keys, starts, strict=False)]
        first, second = (here[one] for one in np.concatenate(pairs, axis=1))
        growths = [exponents.get(layer.name) for layer in self.layers or ()]
        return LayerValues(
            squares[..., 0::2],
            squares[..., 1::2],
            first.astype(np.int64),
            second.astype(np.int64),
            np.concatenate(self.distances, axis=1),
            2 * self.spreads.cpu().numpy() / (len(here) - 1),
            np.array(growths, dtype=np.float64) if any(growths) else None,  # NaN for unknown ones
            None if np.isnan(followed).all() else followed,
        )


def changes_of(seen: Observed, output: Tensor, keys: Tensor) -> LayerChanges:
    """Makes the values of one batch, in one copy to the host; sums stay. Layers with non-finite values are skipped."""
    every = list(seen.layers.values())
    images, changes = every[0].squares.shape if every else (0, 0)
    unknown = torch.full((images, changes // 2, 3), torch.nan, dtype=torch.float64)
    followed = [seen.followed.get(layer, unknown) for layer in seen.layers]
    rows = [
        torch.cat([one.squares.flatten(), sent(own, one.squares.device).flatten(), one.pairs])
        for one, own in zip(every, followed, strict=True)
    ]
    table = torch.stack(rows).cpu().numpy() if rows else np.empty((0, 0))
    squares = table[:, : images * changes].reshape(len(every), images, changes).swapaxes(0, 1)
    finite = np.asarray(np.isfinite(squares).all((0, 2)))
    ends = np.cumsum([images * changes, unknown.numel()])
    moved = table[:, ends[0] : ends[1]].reshape(len(every), *unknown.shape).swapaxes(0, 1)
    kept = {layer: own for (layer, own), good in zip(seen.layers.items(), finite, strict=True) if good}
    return LayerChanges(
        layers=tuple(kept),
        skipped=seen.skipped | {one.name: "its values are not finite" for one in seen.layers if one not in kept},
        outputs=seen.gave(output),
        ran=seen.ran,
        squares=[squares[:, finite]],
        followed=[moved[:, finite]],
        keys=[keys.numpy()],
        distances=[table[finite, ends[1] :]],
        totals=[own.total for own in kept.values()],
        spreads=torch.stack([own.spread for own in kept.values()]) if kept else output.new_zeros(0),
    )
