"""Gradient flow: close to the differential equation, never further than a step may go, and it ends where it should."""

import pytest
import torch
from torch.nn import functional as F

from diffstab.experiments.gradient_flow import MOST_CHANGE, gradient_flow

X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.where(X[:, 0] + 0.2 > 0, 1.0, -1.0).double()
HOW = {"turn": 1e-4, "steps": 4000}


def linear(weights):
    return X @ weights[0]


def start():
    return [torch.zeros(3, dtype=torch.float64)]


def loss_of(weights, alpha=1.0):
    return F.softplus(1 - alpha * (linear(weights) - linear(start())) * Y, beta=20).mean()


def test_it_is_the_solution_of_the_differential_equation():
    flow = gradient_flow(linear, start(), Y, alpha=1.0, **{**HOW, "steps": 200})
    weights, steps = start()[0].requires_grad_(), 4000
    for _ in range(steps):
        (slope,) = torch.autograd.grad(loss_of([weights]), [weights])
        weights = (weights - flow.time / steps * slope).detach().requires_grad_()
    torch.testing.assert_close(flow.weights[0], weights.detach(), rtol=0, atol=0.01 * float(weights.detach().norm()))
    assert flow.loss == pytest.approx(float(loss_of(flow.weights)))


def test_no_step_changes_the_predictor_by_more_than_a_tenth():
    seen = []
    gradient_flow(
        linear, start(), Y, alpha=7.0, losses=[2.0**-k for k in range(1, 9)], passed=seen.append, **{**HOW, "turn": 1e9}
    )
    previous = start()[0]
    assert seen
    for flow in seen:
        moved = float((7 * X @ (flow.weights[0] - previous)).abs().max())
        assert moved <= MOST_CHANGE * flow.steps * (1 + 1e-9)
        previous = flow.weights[0]


def test_a_linear_model_has_one_predictor_for_every_alpha():
    """There features can't be learnt: alpha w is what counts (Eq. 7's prefactor)."""
    ends = [gradient_flow(linear, start(), Y, alpha=alpha, until_loss=0.2, **HOW) for alpha in (0.1, 1.0, 100.0)]
    predictors = [alpha * flow.weights[0] for alpha, flow in zip((0.1, 1.0, 100.0), ends, strict=True)]
    for predictor in predictors[1:]:
        torch.testing.assert_close(predictor, predictors[0], rtol=0.03, atol=0.01)


def test_it_ends_where_every_example_has_its_margin():
    flow = gradient_flow(linear, start(), Y, alpha=1.0, turn=0.1, steps=10**5)
    assert flow.fitted
    assert bool((linear(flow.weights) * Y > 1).all())


def test_it_ends_at_a_loss_and_passes_each_loss_once():
    passed = []
    flow = gradient_flow(linear, start(), Y, alpha=1.0, until_loss=0.1, losses=[0.25, 0.5], passed=passed.append, **HOW)
    assert flow.loss <= 0.1
    assert not flow.fitted
    assert [one.loss < limit for one, limit in zip(passed, (0.5, 0.25), strict=True)] == [True, True]
    assert passed[0].loss > passed[1].loss > flow.loss
    assert 0 < passed[0].steps < passed[1].steps < flow.steps


def test_it_ends_when_its_steps_are_used_up():
    flow = gradient_flow(linear, start(), Y, alpha=1.0, turn=1e-4, steps=7)
    assert (flow.steps, flow.fitted) == (7, False)


def test_the_weights_that_it_is_given_stay():
    first = start()
    gradient_flow(linear, first, Y, alpha=1.0, turn=0.1, steps=50)
    assert not first[0].any()
    assert not first[0].requires_grad
