"""What is kept of a measurement: values by image and draw, behind every average."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import Interval, KeptPairs, OutputPairs, SampledRadius, Statistic, stability

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
        noise_exponent: d log <b> / d log r of each layer, `[L]`; see `RawValues`.
    """

    deformation: NDArray[np.float64]
    noise: NDArray[np.float64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: NDArray[np.float64]
    mean_distance: NDArray[np.float64]
    noise_exponent: NDArray[np.float64] | None = None

    def pairs(self, layer: int, copies: NDArray[np.int64] | None = None) -> KeptPairs:
        """Kept pairs of one layer; without those of an image with its own copy."""
        mean, count = float(self.mean_distance[layer]), len(self.deformation)
        if copies is None:
            return KeptPairs(self.first, self.second, self.distances[layer], mean, count)
        first, second = copies[self.first], copies[self.second]
        differ, sizes = first != second, np.bincount(copies)
        mean *= count * (count - 1) / (count**2 - float(np.square(sizes).sum()))
        return KeptPairs(first[differ], second[differ], self.distances[layer][differ], mean, len(sizes))


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
        noise_exponent: d log <b> / d log r, dimensionless `[]`, where the noise radius r is an average over the images.
        copies: Number of the different image that each image is, int64 `[N]`, where some are copies of others.
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
    noise_exponent: NDArray[np.float64] | None = None
    copies: NDArray[np.int64] | None = None

    def estimates(
        self, statistic: Statistic, *, radius_average: str, resamples: int, seed: int, layer: int | None = None
    ) -> dict[str, Interval]:
        """D, G and R with 95 % intervals, of the network's output or of one layer; see `statistics.stability`.

        The resamples of a layer are those of the output.

        Args:
            statistic: Which averages.
            radius_average: The average that gave the noise radius.
            resamples: Bootstrap resamples.
            seed: Seed of the resamples.
            layer: Place of a layer; None for the output.

        Raises:
            ValueError: If the output does not change under noise, or is the same for all images.
        """
        exponent = self.noise_exponent
        if layer is None:
            changes = self.changes(statistic)
            pairs: Any = OutputPairs(self.outputs if self.copies is None else self.outputs[_first_of(self.copies)])
        else:
            assert self.layers is not None
            changes = self.layers.deformation[:, layer, :, None], self.layers.noise[:, layer, :, None]
            pairs = self.layers.pairs(layer, self.copies)
            exponent = None if self.layers.noise_exponent is None else self.layers.noise_exponent[layer]
        known = exponent is not None and bool(np.isfinite(exponent))
        radius = SampledRadius(self.displacement_norm, float(exponent), radius_average) if known else None  # type: ignore[arg-type]
        a, b = changes
        return stability(a, b, pairs, statistic, resamples=resamples, seed=seed, radius=radius, copies=self.copies)

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


def _first_of(copies: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of the first copy of each different image."""
    return np.unique(copies, return_index=True)[1]
