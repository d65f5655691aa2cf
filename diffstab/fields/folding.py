"""The share of an ensemble's fields that don't fold, at any temperature T, from one set of fields.

A field folds where the Jacobian determinant of its pixel map is <= 0. For a field tau drawn at T = 1, the pixel map of
sqrt(T) tau has the Jacobian 1 - sqrt(T) g, with g = grad tau times n / (n - 1). As T rises, its determinant first
vanishes when sqrt(T) times the largest real eigenvalue of g is 1. So the fields drawn at T = 1 serve for every T.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ..streams import StreamKeys
from .ensemble import MaxEntropyEnsemble
from .steepest import AT_ONCE, slopes

FIELDS = 500  # fields per share; the standard error of a share is at most 0.022
SEED = 0
PIXELS_PER_MODE = 16  # points of the grid per unit of the cutoff: 16 per half wave of the largest frequency
LEAST_SHARE = 0.02  # smallest share of fields without folds at which fields are drawn again until none folds


def diffeomorphism_share(
    size: tuple[int, int], cutoff: float, temperature: float, *, cutoff_rule: str = "disk"
) -> float:
    """The share of 500 seeded fields that fold at no pixel.

    The condition is a positive Jacobian determinant. `MaxEntropyEnsemble.probability_of_diffeomorphism` uses the
    stricter Xi < 1 (Eq. 12), so its value is at most this share, up to the choice of fields.

    Args:
        size: Image size `(H, W)` in pixels.
        cutoff: Largest spatial frequency c.
        temperature: Temperature T, dimensionless.
        cutoff_rule: `disk`, `half-integer` or `shell`; see `MaxEntropyEnsemble`.

    Raises:
        ValueError: If `MaxEntropyEnsemble` refuses the arguments.

    >>> diffeomorphism_share((32, 32), 3, 0.0), diffeomorphism_share((32, 32), 3, 1.0) < 0.01
    (1.0, True)
    """
    largest = _largest_eigenvalues(size, cutoff, cutoff_rule)
    return float((largest * temperature**0.5 < 1).double().mean())


def largest_temperature(size: tuple[int, int], cutoff: float, share: float, *, cutoff_rule: str = "disk") -> float:
    """The largest temperature at which at least `share` of the fields don't fold; infinite if they never fold.

    >>> 0.02 < largest_temperature((32, 32), 3, 0.5) < 0.1
    True
    """
    eigenvalue = float(_largest_eigenvalues(size, cutoff, cutoff_rule).quantile(share))
    return eigenvalue**-2 if eigenvalue > 0 else float("inf")


@lru_cache(maxsize=64)
def _largest_eigenvalues(size: tuple[int, int], cutoff: float, cutoff_rule: str) -> Tensor:
    """The largest real eigenvalue of g over the pixels for each field at T = 1, float64 `[FIELDS]`.

    Over a smaller grid if that resolves the fields: tau depends on u, v in [0, 1], not on the number of pixels.
    """
    enough = max(32, int(PIXELS_PER_MODE * cutoff))
    height, width = grid = min(size[0], enough), min(size[1], enough)
    ensemble = MaxEntropyEnsemble(grid, cutoff, temperature=1.0, cutoff_rule=cutoff_rule)
    field = ensemble.sample(StreamKeys(SEED, torch.arange(FIELDS)), dtype=torch.float64)
    stretch = torch.tensor([side / (side - 1) for side in (size[1], size[0])], dtype=torch.float64).view(2, 1, 1)
    found = []
    for few in (field.coefficients * stretch).split(max(1, AT_ONCE // (height * width))):
        xx, xy, yx, yy = slopes(few.numpy(), grid, np.arange(height)[None], np.arange(width)[None])
        half, squared = (xx + yy) / 2, np.square((xx - yy) / 2) + xy * yx
        real = np.where(squared >= 0, half + np.sqrt(squared.clip(min=0)), -np.inf)
        found.append(torch.from_numpy(real.max((1, 2))))
    return torch.cat(found)
