"""The setup that both passes of a measurement share: settings, device, precision, and how inputs are made.

Both passes see the same fields and noise, since these are pure functions of (seed, image, draw).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..fields import deform, identity_field
from ..native.library import OFF, TORCH, running
from ..options import DIFFEO, INTERPOLATIONS, Convention, MeasureSettings, chosen
from ..perturbations import Transformation
from ..precision import sent
from ..statistics import Statistic
from ..streams import StreamKeys, sphere_noise
from .batches import Batch
from .network_state import Network, batch_norm_used


@dataclass(frozen=True)
class Setup:
    """The setup of a measurement.

    Attributes:
        transformation: Transformation tau of the images.
        settings: Settings of the measurement.
        convention: Convention that the settings follow.
        statistic: Average over images and draws, with the convention's rules.
        device: Device of the images.
        dtype: Floating dtype of the network and images.
        layers: Modules that are observed, by name; None for none.
        inside: Function that runs the network and returns f(x) from inside it, and its place; None takes its output.
        mixes: True if f(x) depends on the other images of its batch by other means than batch norm.
    """

    transformation: Transformation
    settings: MeasureSettings
    convention: Convention
    statistic: Statistic
    device: torch.device
    dtype: torch.dtype
    layers: Mapping[str, nn.Module] | None = None
    inside: Callable[[Network, Tensor], tuple[Tensor, str]] | None = None
    mixes: bool = False

    def whole(self, model: Network) -> bool:
        """Returns True if the batch is part of f, so that batches are kept whole."""
        return self.mixes or batch_norm_used(model, self.batch_norm) == "batch"

    @property
    def batch_norm(self) -> str:
        """Statistics that batch normalisation uses."""
        return chosen(self.settings.batch_norm, "running")

    @property
    def precision(self) -> str:
        """The precision in which the network computes, as results name it."""
        if self.settings.amp:
            return f"amp-{torch.get_autocast_dtype(self.device.type)}".replace("torch.", "")
        return str(self.dtype).removeprefix("torch.")

    @property
    def kernel(self) -> str:
        """Name of what deforms the images: `torch`, or a level of the compiled kernel."""
        settings = (self.transformation.name, self.settings.interpolation, self.device.type, self.dtype)
        usual = settings == (DIFFEO, INTERPOLATIONS[0], "cpu", torch.float32)
        return running() if usual and running() != OFF else TORCH

    def images_at_once(self, whole: bool) -> int:
        """Returns the number of images in a batch, at least 2, since images are compared.

        It is smaller if layers are observed and batches need not be whole: each image then runs beside its changes.
        """
        size = self.settings.batch_size
        return size if self.layers is None or whole else max(2, size // (1 + 2 * self.settings.draws))

    def placed(self, batch: Batch) -> Tensor:
        """Returns the batch's images on the device, in the network's precision."""
        return sent(batch.images, self.device, self.dtype)

    def base(self, images: Tensor) -> Tensor:
        """Returns x: the image, or with Gaussian interpolation the image smoothed by it without movement (App. C)."""
        if self.settings.interpolation == "bilinear":
            return images
        still = identity_field(self.transformation.size, dtype=self.dtype, device=self.device)
        return deform(images, still, self.settings.interpolation)

    def keys(self, batch: Batch, draw: int) -> StreamKeys:
        """Returns the keys of the random streams of a draw."""
        return StreamKeys(self.settings.seed, batch.keys, draw)

    def sample(self, keys: StreamKeys) -> Any:
        """Draws one transformation for each image."""
        return self.transformation.sample(keys, dtype=self.dtype, device=self.device)

    def transformed(self, images: Tensor, sample: Any) -> Tensor:
        """Returns tau x. Raises ValueError if the transformation returns anything but images of the same shape."""
        changed = self.transformation.apply(images, sample, self.settings.interpolation)
        if not isinstance(changed, Tensor) or changed.shape != images.shape or changed.dtype != images.dtype:
            came = f"{changed.dtype} {tuple(changed.shape)}" if isinstance(changed, Tensor) else type(changed).__name__
            raise ValueError(
                f"the transformation {self.transformation.name} made {came} of {images.dtype} {tuple(images.shape)}; "
                "its apply must return images of the same shape and dtype"
            )
        return changed

    def noisy(self, base: Tensor, keys: StreamKeys, radii: Tensor) -> Tensor:
        """Returns x + eta, with ||eta|| = `radii`, `[B]`."""
        eta = sphere_noise(keys, tuple(base.shape[1:]), self.device).to(self.dtype)
        return base + sent(radii, self.device, self.dtype).view(-1, 1, 1, 1) * eta
