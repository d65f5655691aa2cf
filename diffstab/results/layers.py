"""D, G and R of one layer, with their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..statistics import Interval

INTERVALS = (*"DGR", "E", "E_over_G")


@dataclass(frozen=True)
class LayerStability:
    """Stability of one layer's output. A module that runs twice in a forward pass gives two of them.

    Attributes:
        name: Name of the module, with `:2` for its second run; `output` for the network's output.
        depth: Position between 0 (output of the first layer with weights) and 1 (output of the last one), by the share
            of such layers that have run (Fig. 14). Weights of two or more dimensions count: convolutions, linear maps.
        D, G, R: The quantities of a `StabilityResult` for this layer's output, with 95 % intervals.
        E, E_over_G: Equivariance error of a map and its ratio to G, as of a `StabilityResult`; None if not measured.
        E_floor: Part of E that interpolation on the map's grid alone leaves; None if not measured.
        low_frequency: Share of the squared norm of the 3x3 filters since the layer before in the homogeneous one, 1/9
            for random ones (see docs/layers.md); None without such filters.
        shape: Shape of the layer's output for one image.
        part: Name of the tensor if the layer returns several; None if it returns one.
        is_output: True for the network's output; then D, G and R are those of the result.
    """

    name: str
    depth: float
    D: Interval
    G: Interval
    R: Interval
    shape: tuple[int, ...]
    part: str | None = None
    E: Interval | None = None
    E_over_G: Interval | None = None
    E_floor: float | None = None
    low_frequency: float | None = None
    is_output: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form; what is unset, such as `part` and E, is left out."""
        row: dict[str, Any] = {"name": self.name, "depth": self.depth}
        row |= {name: own._asdict() for name in INTERVALS if (own := getattr(self, name)) is not None}
        row |= {name: own for name in ("E_floor", "low_frequency") if (own := getattr(self, name)) is not None}
        row |= {"shape": list(self.shape)} | ({"part": self.part} if self.part else {})
        return row | ({"is_output": True} if self.is_output else {})

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "LayerStability":
        """Makes a layer from its JSON form."""
        intervals = {name: Interval(**row[name]) for name in INTERVALS if name in row}
        return cls(**{**row, **intervals, "shape": tuple(row["shape"])})
