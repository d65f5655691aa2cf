"""D, G and R of one layer, with their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..statistics import Interval


@dataclass(frozen=True)
class LayerStability:
    """Stability of one layer's output. A module that runs twice in a forward pass gives two of them.

    Attributes:
        name: Name of the module, with `:2` for its second run; `output` for the network's output.
        depth: Position between 0 (output of the first layer with weights) and 1 (output of the last one), by the share
            of such layers that have run (Fig. 14). Weights of two or more dimensions count: convolutions, linear maps.
        D, G, R: The quantities of a `StabilityResult` for this layer's output, with 95 % intervals.
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
    is_output: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form; `part` and `is_output` are left out if they are unset."""
        row: dict[str, Any] = {"name": self.name, "depth": self.depth}
        row |= {letter: getattr(self, letter)._asdict() for letter in "DGR"}
        row |= {"shape": list(self.shape)} | ({"part": self.part} if self.part else {})
        return row | ({"is_output": True} if self.is_output else {})

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "LayerStability":
        """Makes a layer from its JSON form."""
        intervals = {letter: Interval(**row[letter]) for letter in "DGR"}
        return cls(**{**row, **intervals, "shape": tuple(row["shape"])})
