"""Raw values of a measurement: one number per image and draw (one random field and one noise for the image)."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import Interval, KeptPairs, OutputPairs, SampledRadius, Statistic, average, stability

LAYER = "layer_"  # prefix of the names of the layers' arrays


@dataclass(frozen=True)
class LayerValues:
    """Raw values of L layers h in order of execution, for N images in the order of their index.

    Attributes:
        deformation: ||h(tau x) - h(x)||^2 for the deformed image tau x, `[N, L, draws]`.
        noise: ||h(x + eta) - h(x)||^2 for noise eta of the same size, `[N, L, draws]`.
        first, second: Positions of the two images of each kept pair, int64 `[P]`.
        distances: ||h(x) - h(z)||^2 of the kept pairs, `[L, P]`.
        mean_distance: Mean of ||h(x) - h(z)||^2 over all pairs of distinct images, `[L]`.
        noise_exponent: d log <b> / d log r of each layer, `[L]`; see `RawValues`.
        followed: ||h(tau x) - tau h(x)||^2 for a map h(x) moved along with the image by tau, and the two values of
            `RawValues.floor`, `[N, L, draws, 3]`; NaN for layers where they were not measured.
    """

    deformation: NDArray[np.float64]
    noise: NDArray[np.float64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: NDArray[np.float64]
    mean_distance: NDArray[np.float64]
    noise_exponent: NDArray[np.float64] | None = None
    followed: NDArray[np.float64] | None = None

    def pairs(self, layer: int, copies: NDArray[np.int64] | None = None) -> KeptPairs:
        """Returns the kept pairs of one layer, without pairs of an image and its copy.

        Args:
            layer: Position of the layer.
            copies: Number of the different image that each image shows, as in `RawValues`; None if there are no copies.
        """
        mean, count = float(self.mean_distance[layer]), len(self.deformation)
        if copies is None:
            return KeptPairs(self.first, self.second, self.distances[layer], mean, count)
        first, second = copies[self.first], copies[self.second]
        differ, sizes = first != second, np.bincount(copies)
        mean *= count * (count - 1) / (count**2 - float(np.square(sizes).sum()))
        return KeptPairs(first[differ], second[differ], self.distances[layer][differ], mean, len(sizes))


@dataclass(frozen=True)
class RawValues:
    """Values that the averages were taken over, for N images in the order of their index.

    Attributes:
        indices: Index of each image in its data set, `[N]`.
        deformation: ||f(tau x) - f(x)||^2 for the deformed image tau x, `[N, draws]`.
        noise: ||f(x + eta) - f(x)||^2 for noise eta, `[N, draws]`.
        outputs: Outputs f(x), `[N, outputs]`.
        displacement_norm: ||tau x - x||, `[N, draws]`.
        deformation_by_output: Squared change of each output by the deformation, `[N, draws, outputs]`. Kept for
            networks of up to 100 outputs, and wherever the median is taken per output coordinate.
        noise_by_output: Squared change of each output by the noise, `[N, draws, outputs]`, in the same cases.
        flips_deformation: 1 where f(tau x) predicts another class than f(x), `[N, draws]`.
        flips_noise: 1 where f(x + eta) predicts another class than f(x), `[N, draws]`.
        image_norm: ||x||, `[N]`.
        gradient_norm: ||grad tau||_inf, dimensionless, `[N, draws]`; NaN if the transformation does not give it.
        layers: Raw values of the layers, if layers were measured.
        noise_exponent: d log <b> / d log r, dimensionless `[]`, if the noise radius r is an average over the images.
        copies: Number of the different image that each image shows, int64 `[N]`, if some images are copies of others.
        moved: ||f(tau x) - tau f(x)||^2 for a map f(x) moved along with the image by tau, `[N, draws]`.
        moved_by_output: The part of each output in it, in the cases of `deformation_by_output`.
        floor: ||P tau x - tau P x||^2 and ||P tau x - P x||^2, P x the image averaged over the cells of the map's grid,
            `[N, draws, 2]`: the change that interpolation leaves, and the whole one.
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
    moved: NDArray[np.float64] | None = None
    moved_by_output: NDArray[np.float64] | None = None
    floor: NDArray[np.float64] | None = None

    def estimates(
        self, statistic: Statistic, *, radius_average: str, resamples: int, seed: int, layer: int | None = None
    ) -> dict[str, Interval]:
        """Returns D, G and R with 95 % intervals for the network's output or one layer; see `statistics.stability`.

        Layers and output use the same resamples.

        Args:
            statistic: Average, median rule and pairs.
            radius_average: Average that gave the noise radius, `median` or `mean`.
            resamples: Number of bootstrap resamples of the images.
            seed: Seed of the resamples.
            layer: Position of a layer; None for the network's output.

        Raises:
            ValueError: If the output does not change under noise, or is the same for all images.
        """
        a, b = self.changes(statistic, layer)
        chosen: dict[str, Any] = {"resamples": resamples, "seed": seed, "copies": self.copies}
        return stability(a, b, self._pairs(layer), statistic, radius=self._radius(radius_average, layer), **chosen)

    def numbers(
        self, statistic: Statistic, *, radius_average: str, resamples: int, seed: int, layer: int | None = None
    ) -> dict[str, Any]:
        """Returns `estimates`, and for a map that was moved along E and E / G with 95 % intervals and the floor of E.

        The floor is D times the share of the change that interpolation alone leaves, None if that is 0 / 0. The
        arguments and errors are those of `estimates`.
        """
        chosen: dict[str, Any] = {"resamples": resamples, "seed": seed}
        found: dict[str, Any] = {**self.estimates(statistic, radius_average=radius_average, layer=layer, **chosen)}
        followed = None if self.layers is None else self.layers.followed
        if layer is None:
            moved, floor = self.moved_by_output if statistic.per_coordinate else self.moved, self.floor
        else:
            moved, floor = (None, None) if followed is None else (followed[:, layer, :, 0], followed[:, layer, :, 1:])
        if moved is None or floor is None or np.isnan(moved).any():
            return found
        noise, radius = self.changes(statistic, layer)[1], self._radius(radius_average, layer)
        left = moved.reshape(noise.shape)
        error = stability(left, noise, self._pairs(layer), statistic, radius=radius, copies=self.copies, **chosen)
        part, whole = (float(average(floor[..., k].reshape(-1, 1), statistic)) for k in (0, 1))
        floor_of_E = found["D"].value * part / whole if whole else None
        return {**found, "E": error["D"], "E_over_G": error["R"], "E_floor": floor_of_E}

    def _pairs(self, layer: int | None) -> Any:
        if layer is not None:
            assert self.layers is not None
            return self.layers.pairs(layer, self.copies)
        different = slice(None) if self.copies is None else np.unique(self.copies, return_index=True)[1]
        return OutputPairs(self.outputs[different])

    def _radius(self, radius_average: str, layer: int | None) -> SampledRadius | None:
        """Returns the noise radius with the growth of the noise's effect; None if that is not known."""
        known = self.noise_exponent
        if layer is not None:
            assert self.layers is not None
            known = None if self.layers.noise_exponent is None else self.layers.noise_exponent[layer]
        if known is None or not np.isfinite(known):
            return None
        return SampledRadius(self.displacement_norm, float(known), radius_average)

    def changes(
        self, statistic: Statistic, layer: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns the changes by deformation and by noise as the statistic averages them, `[N, draws, K]` each.

        K is 1, or the number of outputs if the median of the network's output is taken per output coordinate.

        Raises:
            ValueError: If the median is taken per output coordinate and the changes of each output were not kept.
        """
        if layer is not None:
            assert self.layers is not None
            return self.layers.deformation[:, layer, :, None], self.layers.noise[:, layer, :, None]
        if not statistic.per_coordinate:
            return self.deformation[..., None], self.noise[..., None]
        if self.deformation_by_output is None or self.noise_by_output is None:
            raise ValueError(
                f"the changes of the {self.outputs.shape[1]} outputs were not kept one by one, which the median rule "
                "'coordinate' needs; measure again with --convention reference"
            )
        return self.deformation_by_output, self.noise_by_output

    def arrays(self) -> dict[str, Any]:
        """Returns every array by name; names of the layers' arrays begin with `layer_`."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "layers"}
        inner = (
            {} if self.layers is None else {LAYER + f.name: getattr(self.layers, f.name) for f in fields(LayerValues)}
        )
        return {name: array for name, array in {**own, **inner}.items() if array is not None}

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> "RawValues":
        """Makes raw values from the arrays that `arrays` returned. Raises TypeError if one is missing or unknown."""
        inner = {name.removeprefix(LAYER): array for name, array in arrays.items() if name.startswith(LAYER)}
        own = {name: array for name, array in arrays.items() if not name.startswith(LAYER)}
        return cls(**own, layers=LayerValues(**inner) if inner else None)
