"""D, G and R of each layer, with intervals, as results hold them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..statistics import Interval


@dataclass(frozen=True)
class LayerStability:
    """One layer, or one of its runs in a forward pass.

    Attributes:
        name: Of the module; at its second run with `:2`. `output`: what the network returns.
        depth: Share of the network's layers with weights (those of two dimensions or more: convolutions, linear maps)
            that have run by then: 0 at the output of the first one, 1 at that of the last (Fig. 14).
        D, G, R: As those of the network's output, with 95 % intervals.
        shape: Of the layer's output for one image.
        part: Which of several outputs it is; None where there is one.
        is_output: Whether it is the network's own output, whose numbers it then has.
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
        """Plain values, without what is not there."""
        row: dict[str, Any] = {"name": self.name, "depth": self.depth}
        row |= {letter: getattr(self, letter)._asdict() for letter in "DGR"}
        row |= {"shape": list(self.shape)} | ({"part": self.part} if self.part else {})
        return row | ({"is_output": True} if self.is_output else {})

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "LayerStability":
        """From its plain values."""
        intervals = {letter: Interval(**row[letter]) for letter in "DGR"}
        return cls(**{**row, **intervals, "shape": tuple(row["shape"])})
