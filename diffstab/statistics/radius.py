"""The noise radius of a sample: an average over the same images, which moves <b> from one sample to the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .averages import Statistic, average, resampled_average
from .intervals import Array


@dataclass(frozen=True, eq=False)
class SampledRadius:
    """The radius r = <||tau x - x||> (Eq. 4) of a sample, and the power of r that <b> grows with.

    A sample with large displacements has a large <a> and, through r, a large <b>. An interval of R that takes r as
    given is therefore too wide. Over other images r changes by a factor, and <b> by its power.

    Attributes:
        norms: ||tau x - x||, `[N, draws]`.
        exponent: d log <b> / d log r, dimensionless; 2 for a linear network.
        average: `median` or `mean`, the average that gave r.
    """

    norms: Array
    exponent: float
    average: str

    def change_of_noise(self, weights: NDArray[np.int64]) -> Array:
        """Factor on <b> in each resample `[resamples, N]`, from the resample's own radius: `[resamples]`.

        >>> radius = SampledRadius(np.array([[1.0], [3.0]]), 2.0, "mean")
        >>> radius.change_of_noise(np.array([[1, 1], [0, 2]]))
        array([1.  , 2.25])
        """
        rule = Statistic(self.average)
        whole = average(self.norms.reshape(-1, 1), rule)
        return np.asarray((resampled_average(self.norms[..., None], weights, rule) / whole) ** self.exponent)
