"""What both passes of a measurement share: the settings, where and in which precision they run, fields and images.

Fields and noise are pure functions of (seed, image, draw), so both passes see the same ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .batches import Batch
from .deformation import deform, identity_field
from .ensemble import MaxEntropyEnsemble
from .field import DisplacementField
from .settings import MeasureSettings
from .statistics import Statistic
from .streams import StreamKeys

LabelOutputs = Callable[[int], Sequence[int] | None]


@dataclass(frozen=True)
class Plan:
    """Everything that both passes need.

    Attributes:
        label_outputs: From the number of outputs to the one that stands for each label; None where none does.
    """

    ensemble: MaxEntropyEnsemble
    settings: MeasureSettings
    statistic: Statistic
    device: torch.device
    dtype: torch.dtype
    label_outputs: LabelOutputs

    @property
    def precision(self) -> str:
        """Of the network's products, as results name it."""
        if self.settings.amp:
            return f"amp-{torch.get_autocast_dtype(self.device.type)}".replace("torch.", "")
        return str(self.dtype).removeprefix("torch.")

    def placed(self, batch: Batch) -> Tensor:
        """The batch's images on the device in the network's precision."""
        return batch.images.to(self.device, self.dtype)

    def base(self, images: Tensor) -> Tensor:
        """What x means: the image, smoothed by the interpolation where nothing moves (App. C)."""
        if self.settings.interpolation == "bilinear":
            return images
        still = identity_field(self.ensemble.size, dtype=self.dtype, device=self.device)
        return deform(images, still, self.settings.interpolation)

    def keys(self, batch: Batch, draw: int) -> StreamKeys:
        """Of the random streams of a draw."""
        return StreamKeys(self.settings.seed, batch.keys, draw)

    def field(self, keys: StreamKeys) -> DisplacementField:
        """One for each image."""
        return self.ensemble.sample(keys, dtype=self.dtype, device=self.device)
