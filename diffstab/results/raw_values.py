"""What is kept of a measurement: values by image and draw, behind every average."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import Interval, KeptPairs, Statistic, stability

LAYER = "layer_"  # before the name of an array of layers, among those of the outputs


@dataclass(frozen=True)
class LayerValues:
    """Of L layers h in order of execution; images in the order of their index.

    Attributes:
        deformation: ||h(tau x) - h(x)||^2, `[N, L, draws]`.
        noise: ||h(x + eta) - h(x)||^2, `[N, L, draws]`.
        first, second: Places of the images of each pair whose distance is kept, int64 `[P]`.
        distances: ||h(x) - h(z)||^2 of those pairs, `[L, P]`.
        mean_distance: Its mean over all pairs of distinct images, `[L]`.
    """

    deformation: NDArray[np.float64]
    noise: NDArray[np.float64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: NDArray[np.float64]
    mean_distance: NDArray[np.float64]

    def pairs(self, layer: int) -> KeptPairs:
        """Of one layer."""
        mean = float(self.mean_distance[layer])
        return KeptPairs(self.first, self.second, self.distances[layer], mean, len(self.deformation))

    def estimates(self, layer: int, statistic: Statistic, *, resamples: int, seed: int) -> dict[str, Interval]:
        """D, G and R of one layer; see `statistics.stability`. The resamples are those of the network's output.

        Raises:
            ValueError: If the layer's output does not change under noise, or is the same for all images.
        """
        a, b = self.deformation[:, layer, :, None], self.noise[:, layer, :, None]
        return stability(a, b, self.pairs(layer), statistic, resamples=resamples, seed=seed)


@dataclass(frozen=True)
class RawValues:
    """What the averages were taken over; images in the order of their index.

    Attributes:
        indices: Index of each image in its data set, `[N]`.
        deformation: ||f(tau x) - f(x)||^2, `[N, draws]`.
        noise: ||f(x + eta) - f(x)||^2, `[N, draws]`.
        outputs: f(x), `[N, outputs]`.
        displacement_norm: ||tau x - x||, `[N, draws]`.
        deformation_by_output: The squared changes of each output, `[N, draws, outputs]`, where they are kept: for
            networks of up to 100 outputs, and wherever the median is taken per output coordinate.
        noise_by_output: Likewise.
        flips_deformation: 1 where the class of f(tau x) is another than that of f(x), `[N, draws]`.
        flips_noise: Of f(x + eta).
        image_norm: ||x||, `[N]`.
        gradient_norm: ||grad tau||_inf, dimensionless, `[N, draws]`; NaN where the transformation does not tell.
        layers: Of each measured layer, where layers were measured.
    """

    indices: NDArray[np.int64]
    deformation: NDArray[np.float64]
    noise: NDArray[np.float64]
    outputs: NDArray[np.float64]
    displacement_norm: NDArray[np.float64]
    deformation_by_output: NDArray[np.float64] | None = None
    noise_by_output: NDArray[np.float64] | None = None
    flips_deformation: NDArray[np.float64] | None = None
    flips_noise: NDArray[np.float64] | None = None
    image_norm: NDArray[np.float64] | None = None
    gradient_norm: NDArray[np.float64] | None = None
    layers: LayerValues | None = None

    def changes(self, statistic: Statistic) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """a and b as a statistic averages them, `[N, draws, K]` each.

        Raises:
            ValueError: If the median is taken per output coordinate and the changes were not kept so.
        """
        if not statistic.per_coordinate:
            return self.deformation[..., None], self.noise[..., None]
        if self.deformation_by_output is None or self.noise_by_output is None:
            raise ValueError(
                f"the changes of the {self.outputs.shape[1]} outputs were not kept one by one, which the median rule "
                "'coordinate' needs; measure again with --convention reference"
            )
        return self.deformation_by_output, self.noise_by_output

    def arrays(self) -> dict[str, Any]:
        """Every array by name, those of the layers behind `layer_`."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "layers"}
        inner = (
            {} if self.layers is None else {LAYER + f.name: getattr(self.layers, f.name) for f in fields(LayerValues)}
        )
        return {name: array for name, array in {**own, **inner}.items() if array is not None}

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> "RawValues":
        """From what `arrays` gave. Raises TypeError if one is missing or unknown."""
        inner = {name.removeprefix(LAYER): array for name, array in arrays.items() if name.startswith(LAYER)}
        own = {name: array for name, array in arrays.items() if not name.startswith(LAYER)}
        return cls(**own, layers=LayerValues(**inner) if inner else None)
