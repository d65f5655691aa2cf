"""Fully connected nets from the feature to the lazy regime: stability and error as functions of alpha.

Setting of Geiger, Spigler, Jacot and Wyart (2020): L hidden layers of width h in the scaling of Eqs. 12 to 14, a smooth
activation (Eq. 10), even against odd classes, the predictor alpha (f - f_0), and gradient flow.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..data import ImageSet, load_dataset
from ..fields import MaxEntropyEnsemble
from ..measuring import measure
from ..options import RegimeOptions
from ..streams import choose
from .gradient_flow import error_of, gradient_flow, norm

SHARPNESS, GAIN = 5.0, 1.404  # of the activation, so that preactivations have unit variance at initialisation


def run_regime(options: RegimeOptions) -> dict[str, Any]:
    """Trains one network and measures its predictor, and f at initialisation.

    Args:
        options: Options of the experiment.

    Returns:
        `D`, `G`, `R` and `R_init` with 95 % intervals, `test_error`, `loss`, `steps`, `time`, `fitted`, and `moved`:
        the norm of the change of the weights over that of the weights at initialisation.

    >>> found = run_regime(RegimeOptions(train_size=100, width=20, layers=1, turn=0.1, until_loss=0.1, images=50))
    >>> found["test_error"]["value"] < 0.5, found["loss"] <= 0.1
    (True, True)
    """
    train, test = (load_dataset(options.dataset, split=split, data_dir=options.data_dir) for split in ("train", "test"))
    images, labels = _chosen(train, options.train_size, options.seed)
    start = initial_weights(images[0].numel(), options, torch.Generator().manual_seed(options.seed))
    flow = gradient_flow(
        lambda weights: fully_connected(weights, images),
        start,
        labels,
        alpha=options.alpha,
        turn=options.turn,
        steps=options.steps,
        until_loss=options.until_loss,
    )
    asked, answers = _chosen(test, options.images, options.seed)
    predictor = Predictor(flow.weights, start, options.alpha)
    before = Predictor(start, [torch.zeros_like(weight) for weight in start], 1.0)
    found, fresh = (_measured(network, asked, options) for network in (predictor, before))
    with torch.no_grad():
        error = error_of(predictor(asked)[:, 0], answers)
    return {
        **found,
        "R_init": fresh["R"],
        "test_error": error,
        "loss": flow.loss,
        "steps": flow.steps,
        "time": flow.time,
        "fitted": flow.fitted,
        "moved": norm([w - w0 for w, w0 in zip(flow.weights, start, strict=True)]) / norm(start),
    }


class Predictor(nn.Module):
    """Predictor F(x) = alpha (f(w, x) - f(w_0, x)), from images `[B, C, H, W]` to `[B, 1]`.

    Args:
        weights: Weights w of each layer.
        start: Initial weights w_0 of each layer.
        alpha: Factor alpha.
    """

    alpha: Tensor

    def __init__(self, weights: Sequence[Tensor], start: Sequence[Tensor], alpha: float) -> None:
        super().__init__()
        self.now, self.first = (nn.ParameterList(weight.clone() for weight in own) for own in (weights, start))
        self.register_buffer("alpha", torch.tensor(alpha))

    def forward(self, images: Tensor) -> Tensor:
        """Returns one value per image, `[B, 1]`."""
        change = fully_connected(list(self.now), images) - fully_connected(list(self.first), images)
        return (self.alpha * change)[:, None]


def initial_weights(inputs: int, options: RegimeOptions, generator: torch.Generator) -> list[Tensor]:
    """Draws the weights of each layer from the standard normal law: `[h, inputs]`, `[h, h]` ..., `[1, h]`."""
    sizes = [inputs, *[options.width] * options.layers, 1]
    return [torch.randn(sizes[k + 1], sizes[k], generator=generator) for k in range(len(sizes) - 1)]


def fully_connected(weights: Sequence[Tensor], images: Tensor) -> Tensor:
    """Returns f of images `[P, ...]`, `[P]` (Eqs. 10 to 14)."""
    z = images.flatten(1)
    for k, weight in enumerate(weights):
        z = z @ weight.T / math.sqrt(weight.shape[1])
        if k < len(weights) - 1:
            z = GAIN * F.softplus(z, beta=SHARPNESS)
    return z[:, 0]


def _chosen(data: ImageSet, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Chooses images at random, and returns them with labels -1 for even classes and 1 for odd ones."""
    if count > len(data):
        raise ValueError(f"{count} images asked of the {len(data)} in {data.name}/{data.split}; ask for fewer")
    pairs = [data[int(index)] for index in choose(count, len(data), seed)]
    labels = torch.tensor([2.0 * (label % 2) - 1 for _, label in pairs])
    return torch.stack([image for image, _ in pairs]), labels


def _measured(network: nn.Module, images: Tensor, options: RegimeOptions) -> dict[str, Any]:
    ensemble = MaxEntropyEnsemble((images.shape[-2], images.shape[-1]), options.cutoff, delta=options.delta)
    result = measure(network, images, ensemble, seed=options.seed)
    return {name: getattr(result, name)._asdict() for name in "DGR"}
