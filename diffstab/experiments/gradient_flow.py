"""Gradient flow, w' = -grad L(w), followed in short steps: Eqs. 7 to 9 of Geiger et al. (2020).

The predictor is F = alpha (f - f_0), the loss L the mean soft hinge of F y, divided by alpha^2. Each step is as long as
the change of F and the turn of the gradient allow. The flow ends when every example has F y > 1, or at a given loss.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..options import SOFT_HINGE_BETA
from ..statistics import binomial_interval

MOST_CHANGE = 0.1  # largest change of F in a step (Eq. 8)
GROW, SHRINK = 1.1, 0.5  # factors of the step's length, after a short enough step and after a too long one
FIRST_STEP, SHORTEST = 1e-3, 1e-30
MARGIN = 1.0

Outputs = Callable[[Sequence[Tensor]], Tensor]
Passed = Callable[["Flow"], None]


@dataclass(frozen=True)
class Flow:
    """Point of a flow.

    Attributes:
        weights: Weights at this point.
        steps: Number of steps taken so far.
        time: Time of the flow, the sum of the steps' lengths.
        loss: Mean soft hinge, without the factor 1 / alpha^2.
        fitted: True if every example has F y > 1. At the end of a flow, False means that it reached its last loss, that
            the steps ran out, or that the gradient vanished.
    """

    weights: list[Tensor]
    steps: int
    time: float
    loss: float
    fitted: bool


@dataclass
class _Point:
    """Weights with F, the loss and its gradient at them."""

    weights: list[Tensor]
    predicted: Tensor
    loss: float
    slopes: list[Tensor]


def gradient_flow(
    outputs: Outputs,
    weights: Sequence[Tensor],
    labels: Tensor,
    *,
    alpha: float,
    turn: float,
    steps: int,
    until_loss: float = 0.0,
    losses: Sequence[float] = (),
    passed: Passed = lambda flow: None,
) -> Flow:
    """Follows the flow from initial weights, and returns its last point.

    Args:
        outputs: Function from weights to f of the training set, `[P]`.
        weights: Initial weights w_0; not changed.
        labels: Labels y, -1 or 1, `[P]`, with the weights' dtype.
        alpha: Factor of the predictor, above 0.
        turn: Largest value of ||grad L - grad L'||^2 / (||grad L|| ||grad L'||) in a step (Eq. 9).
        steps: Largest number of steps.
        until_loss: Mean soft hinge at which the flow ends.
        losses: Values of the loss at which `passed` is called, once each, when the loss has fallen below.
        passed: Function that is called with the flow's point.

    >>> x, y = torch.tensor([[1.0], [-2.0]]), torch.tensor([1.0, -1.0])
    >>> flow = gradient_flow(lambda w: x @ w[0], [torch.zeros(1)], y, alpha=1.0, turn=1e-2, steps=1000)
    >>> flow.fitted, bool(flow.weights[0] > 1)
    (True, True)
    """
    at = _evaluation(outputs, weights, labels, alpha)
    point, ahead = at(weights), sorted(losses)
    step, time, taken = FIRST_STEP, 0.0, 0

    def here() -> Flow:
        detached = [weight.detach() for weight in point.weights]
        return Flow(detached, taken, time, point.loss, bool((point.predicted * labels > MARGIN).all()))

    while taken < steps and point.loss > until_loss and not here().fitted and step > SHORTEST:
        pairs = zip(point.weights, point.slopes, strict=True)
        tried = at([weight.detach() - step * slope for weight, slope in pairs])
        if not _is_short(point, tried, turn):
            step *= SHRINK
            continue
        point, time, taken, step = tried, time + step, taken + 1, step * GROW
        while ahead and point.loss < ahead[-1]:
            ahead.pop()
            passed(here())
    return here()


def _evaluation(
    outputs: Outputs, start: Sequence[Tensor], labels: Tensor, alpha: float
) -> Callable[[Sequence[Tensor]], _Point]:
    with torch.no_grad():
        first = outputs(start)

    def at(weights: Sequence[Tensor]) -> _Point:
        free = [weight.detach().requires_grad_() for weight in weights]
        with torch.enable_grad():
            predicted = alpha * (outputs(free) - first)
            loss = F.softplus(MARGIN - predicted * labels, beta=SOFT_HINGE_BETA).mean()
            slopes = torch.autograd.grad(loss / alpha**2, free)
        return _Point(free, predicted.detach(), float(loss.detach()), list(slopes))

    return at


def _is_short(old: _Point, new: _Point, turn: float) -> bool:
    """Returns True if a step fulfils Eqs. 8 and 9."""
    if not float((new.predicted - old.predicted).abs().max()) < MOST_CHANGE:  # NaN is too long as well
        return False
    change = norm([slope - other for slope, other in zip(old.slopes, new.slopes, strict=True)]) ** 2
    return change <= turn * norm(old.slopes) * norm(new.slopes)


def norm(tensors: Sequence[Tensor]) -> float:
    """Returns the Euclidean norm of all entries of the tensors together."""
    return math.sqrt(sum(float(tensor.square().sum()) for tensor in tensors))


def error_of(values: Tensor, labels: Tensor) -> dict[str, Any]:
    """Returns the share of values whose sign is not that of their label, its 95 % interval and the number of images."""
    wrong, count = int((values * labels <= 0).sum()), len(values)
    return {**binomial_interval(wrong, count)._asdict(), "images": count}
