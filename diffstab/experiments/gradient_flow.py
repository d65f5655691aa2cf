"""Gradient flow, w' = -grad L(w), in steps short enough to follow it: Eqs. 7 to 9 of Geiger et al. (2020).

The predictor is F = alpha (f - f_0), the loss the mean soft hinge of F y over alpha^2. Each step is as long as the
change of F and the turn of the gradient allow; the flow ends where every example has F y > 1, or at a given loss.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..options import SOFT_HINGE_BETA

MOST_CHANGE = 0.1  # of F in a step (Eq. 8)
GROW, SHRINK = 1.1, 0.5  # of the step, after one that was short enough and one that was not
FIRST_STEP, SHORTEST = 1e-3, 1e-30
MARGIN = 1.0

Outputs = Callable[[Sequence[Tensor]], Tensor]
Passed = Callable[["Flow"], None]


@dataclass(frozen=True)
class Flow:
    """Where a flow is.

    Attributes:
        weights: There.
        steps: Those that were taken so far.
        time: Of the flow.
        loss: Mean soft hinge, without the factor 1 / alpha^2.
        fitted: Whether every example has F y > 1; otherwise the steps ran out, or the gradient vanished.
    """

    weights: list[Tensor]
    steps: int
    time: float
    loss: float
    fitted: bool


@dataclass
class _Point:
    """Weights, and F, the loss and its gradient there."""

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
    """Follows the flow from some weights.

    Args:
        outputs: f of the training set for weights, `[P]`.
        weights: w_0; not changed.
        labels: y, -1 or 1, `[P]`, of the weights' dtype.
        alpha: Of the predictor, above 0.
        turn: Most that ||grad L - grad L'||^2 / (||grad L|| ||grad L'||) may be in a step (Eq. 9).
        steps: Most of them.
        until_loss: Where it ends, of the mean soft hinge.
        losses: Where `passed` is called, once each, as soon as the loss is lower.
        passed: Is given the flow there.

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
        return Flow(detached, taken, time, point.loss, _is_fitted(point.predicted, labels))

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


def _is_fitted(predicted: Tensor, labels: Tensor) -> bool:
    return bool((predicted * labels > MARGIN).all())


def _is_short(old: _Point, new: _Point, turn: float) -> bool:
    """Eqs. 8 and 9."""
    if not float((new.predicted - old.predicted).abs().max()) < MOST_CHANGE:  # also where it is not a number
        return False
    change = _norm([slope - other for slope, other in zip(old.slopes, new.slopes, strict=True)]) ** 2
    return change <= turn * _norm(old.slopes) * _norm(new.slopes)


def _norm(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float(tensor.square().sum()) for tensor in tensors))
