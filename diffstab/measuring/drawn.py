"""Draws the transformations and noise of one batch: at random, or the worst that an ascent finds."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..options import BOTH
from .ascent import Ascent
from .batches import Batch
from .network_state import Network
from .setup import Setup


class Drawn:
    """Transformations and noise of one batch; each is made when it is first needed.

    Args:
        setup: Setup of the measurement.
        batch: The batch.
        images: Images of the batch on the device, `[B, C, H, W]`.
        model: The network, for the worst cases.
    """

    def __init__(self, setup: Setup, batch: Batch, images: Tensor, model: Network) -> None:
        self.setup, self.batch, self.images = setup, batch, images
        self.ascent = None if setup.settings.worst is None else Ascent(model, setup)
        self._samples: dict[int, Any] = {}

    def sample(self, draw: int) -> Any:
        """Returns the transformations of a draw, one for each image."""
        if draw not in self._samples:
            keys = self.setup.keys(self.batch, draw)
            found = self.setup.sample(keys) if self.ascent is None else self.ascent.field(self.images, keys)
            self._samples[draw] = found
        return self._samples[draw]

    def transformed(self, draw: int) -> Tensor:
        """Returns tau x of a draw, `[B, C, H, W]`."""
        return self.setup.transformed(self.images, self.sample(draw))

    def inputs(self, radii: Tensor) -> Iterator[Tensor]:
        """Yields x, then per draw tau x and x + eta, made one by one; `radii` are ||eta||, `[B, draws]`."""
        base = self.setup.base(self.images)
        yield base
        for draw in range(self.setup.settings.draws):
            yield self.transformed(draw)
            worst = self.ascent if self.setup.settings.worst == BOTH else None
            yield (worst or self.setup).noisy(base, self.setup.keys(self.batch, draw), radii[:, draw])
