"""Stripe model (Sec. 6): labels depend on one of d directions, and a net that learns it becomes stable to the others.

Points are Gaussian. The label y is 1 between two planes across the first direction and -1 outside, with probability 1/2
each. A net with one hidden layer, f(x) = (1/h) sum beta_k relu(omega_k x / sqrt(d) + b_k), follows gradient flow.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..options import FIRST_LOSS, StripeOptions
from ..statistics import Statistic, stability
from .gradient_flow import Flow, error_of, gradient_flow

PLANES = (-0.3, 1.18549)  # Paccolat et al. (2021): half of a standard normal law lies between
RESAMPLES = 1000


def run_stripe(options: StripeOptions) -> dict[str, Any]:
    """Trains one network, and measures it at the end of its flow and on the way.

    Args:
        options: Options of the experiment.

    Returns:
        `R` and `R_mean` (medians and means in Eq. 6) with 95 % intervals over the test points, `test_error`,
        `alignment` (see `alignment_of`), `loss`, `steps`, `fitted`; and `on_the_way`, a list of these values at each
        halving of the loss from 0.5.

    >>> found = run_stripe(StripeOptions(train_size=200, dimension=3, width=50, until_loss=0.2))
    >>> found["R"]["value"] < 1, len(found["on_the_way"])
    (True, 2)
    """
    generator = torch.Generator().manual_seed(options.seed)
    points, labels = stripes(options.train_size, options.dimension, generator)
    start = initial_weights(options.width, options.dimension, generator)
    probe = Probe(options, start, generator)
    reached: list[dict[str, Any]] = []
    flow = gradient_flow(
        lambda weights: one_hidden_layer(weights, points),
        start,
        labels,
        alpha=options.alpha,
        turn=options.turn,
        steps=options.steps,
        until_loss=options.until_loss,
        losses=_halvings(options.until_loss),
        passed=lambda there: reached.append(probe.at(there)),
    )
    return {**probe.at(flow), "on_the_way": reached}


def _halvings(until: float) -> list[float]:
    """Returns the losses 0.5, 0.25, ... above `until`.

    >>> _halvings(0.1)
    [0.5, 0.25, 0.125]
    """
    count = math.ceil(math.log2(FIRST_LOSS / max(until, 1e-3)))
    return [FIRST_LOSS / 2**k for k in range(max(0, count))]


def stripes(count: int, dimension: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws points `[count, dimension]` and returns them with their labels, -1 or 1, `[count]`.

    >>> points, labels = stripes(1000, 2, torch.Generator().manual_seed(0))
    >>> bool(((points[:, 0] > -0.3) & (points[:, 0] < 1.18549) == (labels > 0)).all())
    True
    """
    points = torch.randn(count, dimension, generator=generator)
    inside = (points[:, 0] > PLANES[0]) & (points[:, 0] < PLANES[1])
    return points, torch.where(inside, 1.0, -1.0)


def initial_weights(width: int, dimension: int, generator: torch.Generator) -> list[Tensor]:
    """Draws omega `[h, d]`, b `[h]` and beta `[h]` from the standard normal law."""
    return [torch.randn(*shape, generator=generator) for shape in ((width, dimension), (width,), (width,))]


def one_hidden_layer(weights: Sequence[Tensor], points: Tensor) -> Tensor:
    """Returns f of points `[N, d]`, `[N]`."""
    omega, bias, beta = weights
    return torch.relu(points @ omega.T / math.sqrt(points.shape[1]) + bias) @ beta / len(beta)


def alignment_of(weights: Sequence[Tensor]) -> float:
    """Returns the alignment Lambda: about 1 at initialisation; R_f falls as 1 / Lambda^2.

    It is the ratio of the informative component of the first layer's weights to a typical other one, as root mean
    squares weighted by beta^2.

    >>> round(alignment_of([torch.tensor([[6.0, 2.0, 2.0]]), torch.zeros(1), torch.ones(1)]), 6)
    3.0
    """
    omega, _, beta = weights
    squared = (beta.square()[:, None] * omega.square()).sum(0)
    return math.sqrt(float(squared[0] / squared[1:].mean()))


class Probe:
    """Test points and the two perturbations of Eq. 6, which have one norm.

    Args:
        options: Options of the experiment.
        start: Initial weights.
        generator: Generator that the points and perturbations are drawn from.
    """

    def __init__(self, options: StripeOptions, start: Sequence[Tensor], generator: torch.Generator) -> None:
        self._options, self._start = options, start
        self._points, self._labels = stripes(options.test_points, options.dimension, generator)
        invariant, isotropic = torch.randn(2, *self._points.shape, generator=generator)
        invariant[:, 0] = 0
        self._moved = [
            self._points + options.noise_norm * change / change.norm(dim=1, keepdim=True)
            for change in (invariant, isotropic)
        ]

    def _predicted(self, weights: Sequence[Tensor], points: Tensor) -> Tensor:
        """Returns the predictor F of points, in float64."""
        wide = [[weight.double() for weight in own] for own in (weights, self._start)]
        now, first = (one_hidden_layer(own, points.double()) for own in wide)
        return self._options.alpha * (now - first)

    def at(self, flow: Flow) -> dict[str, Any]:
        """Measures the network at a point of its flow, and returns the numbers of `run_stripe`."""
        outputs = self._predicted(flow.weights, self._points)
        a, b = ((self._predicted(flow.weights, moved) - outputs).square().numpy() for moved in self._moved)
        how: dict[str, Any] = {"resamples": RESAMPLES, "seed": self._options.seed}
        numbers = {
            name: stability(a[:, None, None], b[:, None, None], None, Statistic(average), **how)["R"]._asdict()
            for name, average in (("R", "median"), ("R_mean", "mean"))
        }
        told = {"alignment": alignment_of(flow.weights), "loss": flow.loss, "steps": flow.steps, "fitted": flow.fitted}
        return {**numbers, "test_error": error_of(outputs, self._labels), **told}
