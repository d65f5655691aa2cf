"""The noise radius of a sample. As an average over the images, it changes <b> from one sample to the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .averages import Statistic, average, resampled_average
from .intervals import Array


@dataclass(frozen=True, eq=False)
class SampledRadius:
    """The radius r = <||tau x - x||> (Eq. 4) of a sample, and the power of r with which <b> grows.

    A sample with large changes of the images has a large <a> and, through r, a large <b>. An interval of R = <a> / <b>
    that treats r as fixed is therefore too wide. If r changes by a factor over other images, <b> changes by a power of
    it.

    Attributes:
        norms: Norms ||tau x - x|| of the images' changes, `[N, draws]`.
        exponent: Power d log <b> / d log r, dimensionless; 2 for a linear network.
        average: `median` or `mean`, the average that defines r.
    """

    norms: Array
    exponent: float
    average: str

    def change_of_noise(self, weights: NDArray[np.int64]) -> Array:
        """Factor by which <b> changes in each resample through its radius: `[resamples, N]` to `[resamples]`.

        >>> radius = SampledRadius(np.array([[1.0], [3.0]]), 2.0, "mean")
        >>> radius.change_of_noise(np.array([[1, 1], [0, 2]]))
        array([1.  , 2.25])
        """
        rule = Statistic(self.average)
        whole = average(self.norms.reshape(-1, 1), rule)
        return np.asarray((resampled_average(self.norms[..., None], weights, rule) / whole) ** self.exponent)
