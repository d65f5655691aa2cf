"""The penalty on changes by deformation: its definition, what it does to a training, and what it refuses."""

from dataclasses import replace

import pytest
import torch
from support.stopped_runs import OPTIONS, stopped_and_resumed
from torch import nn

from diffstab import MaxEntropyEnsemble, StabilityLoss, deform, measure
from diffstab.data import load_dataset
from diffstab.options import TrainOptions
from diffstab.training import train

ENSEMBLE = MaxEntropyEnsemble((7, 9), cutoff=3, delta=0.8)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(105, 4)).double()


def definition(network, images, seed, form):
    """D_f, pair by pair."""
    tau = ENSEMBLE.sample(len(images), generator=torch.Generator().manual_seed(seed))
    own, moved = form(network(images)), form(network(deform(images, tau)))
    pairs = [(own[i] - own[j]).square().sum() for i in range(len(own)) for j in range(len(own)) if i != j]
    return sum((moved[k] - own[k]).square().sum() for k in range(len(own))) / len(own) / (sum(pairs) / len(pairs))


@pytest.mark.parametrize(("target", "form"), [("logits", lambda f: f), ("probabilities", lambda f: f.softmax(1))])
def test_it_is_the_batchs_relative_change(network, target, form):
    images = torch.rand(6, 2, 7, 9, dtype=torch.float64)
    penalty = StabilityLoss(ENSEMBLE, 0.3, target)
    found = penalty(network, images, network(images), torch.Generator().manual_seed(5))
    assert found.item() == pytest.approx(0.3 * definition(network, images, 5, form).item(), rel=1e-12)
    if target == "logits":  # no network lowers it by smaller outputs
        small = nn.Sequential(network, nn.Linear(4, 4, bias=False).double())
        small[1].weight.data = torch.eye(4, dtype=torch.float64) / 100
        same = penalty(small, images, small(images), torch.Generator().manual_seed(5))
        assert same.item() == pytest.approx(found.item(), rel=1e-9)


def test_its_gradient_is_that_of_finite_differences(network):
    images = torch.rand(3, 2, 7, 9, dtype=torch.float64)
    penalty, weight = StabilityLoss(ENSEMBLE, 0.3), network[0].weight

    def at(values):
        parts = {"0.weight": values, **{name: one for name, one in network.named_parameters() if name != "0.weight"}}
        called = lambda x: torch.func.functional_call(network, parts, (x,))  # noqa: E731
        return penalty(called, images, called(images), torch.Generator().manual_seed(5))

    assert torch.autograd.gradcheck(at, weight.detach().clone().requires_grad_(), eps=1e-7)


def test_a_network_of_equal_outputs_has_no_penalty_and_no_gradient(network):
    nn.init.zeros_(network[3].weight)
    images = torch.rand(3, 2, 7, 9, dtype=torch.float64)
    found = StabilityLoss(ENSEMBLE, 1.0)(network, images, network(images))
    found.backward()
    assert found.item() == 0
    assert bool(torch.isfinite(network[3].weight.grad).all())


def test_what_it_cannot_do_is_refused(network):
    for weight, target, message in (
        (-1, "logits", "weight is -1"),
        (1, "classes", "target is 'classes'; allowed"),
    ):
        with pytest.raises(ValueError, match=message):
            StabilityLoss(ENSEMBLE, weight, target)
    image = torch.rand(1, 2, 7, 9, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"the batch has 1 image; .* at least 2 are needed"):
        StabilityLoss(ENSEMBLE, 1)(network, image, network(image))
    with pytest.raises(ValueError, match="diffeo_cutoff is 1; the rule disk keeps no mode"):
        TrainOptions(penalty=0.1, diffeo_cutoff=1)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_training_with_it_makes_a_network_stable():
    """D_f and R_f fall; with so much weight on the penalty the network learns little else."""
    options = TrainOptions(model="fc_l2", recipe="laptop", train_size=1000, epochs=4)
    images = load_dataset("mnist5k", split="test")
    plain, stable = (train(replace(options, penalty=weight)).network for weight in (0.0, 10.0))
    D, R = ([getattr(measure(one, images, count=200), name).value for one in (plain, stable)] for name in "DR")
    assert D[1] < 0.6 * D[0]
    assert R[1] < 0.6 * R[0]


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread", "few_digits")
def test_a_stopped_run_with_it_goes_on_to_the_same_weights(tmp_path):
    options = replace(OPTIONS, penalty=0.5)
    assert stopped_and_resumed(options, tmp_path).weights() == train(options).weights() != train(OPTIONS).weights()
