"""R_f while a network learns: after 0, 1, 2, 4, 8, ... epochs and the last."""

from torch import nn

from ..data import TensorImageSet
from ..fields import MaxEntropyEnsemble
from ..measuring import measure
from ..options import DEFAULT_CUTOFF, DEFAULT_DELTA
from ..streams import choose


def is_probed(epoch: int, last: int) -> bool:
    """Whether R_f is measured after so many epochs: 0, powers of two, and the last.

    >>> [epoch for epoch in range(13) if is_probed(epoch, 12)]
    [0, 1, 2, 4, 8, 12]
    """
    return epoch & (epoch - 1) == 0 or epoch == last


def probe(network: nn.Module, data: TensorImageSet, images: int, seed: int, *, fresh: bool) -> dict[str, float | None]:
    """D, G and R of a network on some test images, c = 3, delta = 1; batch norm by the batch where it is `fresh`.

    None where they are not defined: alpha (f - f_0) is 0 everywhere before the first step.
    """
    ensemble = MaxEntropyEnsemble(data.shape[1:], cutoff=DEFAULT_CUTOFF, delta=DEFAULT_DELTA)
    indices = choose(min(images, len(data)), len(data), seed)
    rule = "batch" if fresh else "running"
    try:
        result = measure(network, data, ensemble, indices=indices, seed=seed, batch_norm=rule)
    except ValueError:
        return dict.fromkeys("DGR")
    return {"D": result.D.value, "G": result.G.value, "R": result.R.value}
